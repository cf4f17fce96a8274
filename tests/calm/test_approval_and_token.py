"""E1 and E2: who may license offline, and that a token enrols one Control Room, once."""

from collections.abc import Callable

import msgspec
import pytest

from carnet.calm.use_cases import accounts, receipts, tokens
from carnet.calm.use_cases.key_sets import export_trust
from carnet.exchange.enablement_token import read_token
from carnet.exchange.key_set import Pinned, read_trust
from carnet.exchange.license_file_request import write_lfr
from carnet.exchange.windows import Windows
from tests.calm.conftest import DAY, World, code, ok
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases

Unmoved = Callable[[], None]


@pytest.mark.rule("E1", "version_too_old")
@pytest.mark.parametrize("version", ["39", "39.9.9", "11.3.4"])
def test_a_control_room_older_than_40_cannot_be_approved(world: World, unmoved: Unmoved, version: str) -> None:
    world.add_account("Contoso", approved=False)
    unmoved()
    asked = {"industry": "energy", "reason": "closed", "version": version}
    assert code(accounts.request_approval(world.calm, account="Contoso", **asked, **world.act)) == "version_too_old"


@pytest.mark.rule("E1", "no_approval")
@pytest.mark.parametrize("decision", ["none", "requested", "refused", "withdrawn"])
def test_without_an_approval_in_force_there_is_no_token(world: World, unmoved: Unmoved, decision: str) -> None:
    world.add_account("Contoso", approved=decision == "withdrawn")
    if decision in ("requested", "refused"):
        asked = {"industry": "energy", "reason": "closed", "version": "40"}
        ok(accounts.request_approval(world.calm, account="Contoso", **asked, **world.act))
    if decision == "refused":
        accounts.refuse_approval(world.calm, approval="Contoso", reason="it is connected", **world.act)
    if decision == "withdrawn":
        accounts.withdraw_approval(world.calm, approval="Contoso", reason="it is connected now", **world.act)
    unmoved()
    assert code(tokens.download_token(world.calm, account="Contoso", **world.act)) == "no_approval"


@pytest.mark.rule("E1", "no_approval")
def test_a_withdrawal_ends_every_approval_of_the_account(world: World, unmoved: Unmoved) -> None:
    world.approve("Northwind")  # a second one
    accounts.withdraw_approval(world.calm, approval="Northwind", reason="over", **world.act)
    assert {shown.state for shown in accounts.show_account("Northwind").approvals} == {"withdrawn"}
    unmoved()
    assert code(tokens.download_token(world.calm, account="Northwind", **world.act)) == "no_approval"


@pytest.mark.rule("E1", "no_approval")
def test_without_an_approval_nobody_enrols(world: World, unmoved: Unmoved) -> None:
    site = world.site()
    accounts.withdraw_approval(world.calm, approval="Northwind", reason="over", **world.act)
    unmoved()
    assert code(world.upload(site.request(world.now))) == "no_approval"


@pytest.mark.rule("E1", "no_approval", "E11")
def test_after_a_withdrawal_a_site_gets_no_more_and_no_longer_but_may_reduce_and_release(world: World) -> None:
    bought = world.buy("bot-creator", 10)
    other = world.buy("bot-runs", 100)
    site = world.site()
    receipt = world.license(site, lines={bought: 4}, until=world.now + 30 * DAY)
    accounts.withdraw_approval(world.calm, approval="Northwind", reason="over", **world.act)
    ok(receipts.accept_receipt(world.calm, raw=receipt, **world.act))
    request = world.accept(site.request(world.now)).lfr
    end = world.now + 30 * DAY
    assert code(world.issue(request, lines={bought: 5}, until=end)) == "no_approval"
    assert code(world.issue(request, lines={bought: 4}, until=end + DAY)) == "no_approval"
    assert code(world.issue(request, lines={bought: 4, other: 1}, until=end)) == "no_approval"
    site.install(ok(world.issue(request, lines={bought: 3}, until=end)).raw, world.now)
    assert world.accept(site.request(world.now, "release")).verdict == "released"


@pytest.mark.rule("E2")
def test_each_download_makes_another_token_valid_for_24_hours_from_then(world: World) -> None:
    trust = read_trust(export_trust("Carnet"))
    first = world.token()
    world.now += DAY
    second = world.token()
    read = [read_token(raw, Pinned(trust)) for raw in (first, second)]  # type: ignore[arg-type]
    one, two = (answer.token for answer in read)  # type: ignore[union-attr]
    assert one.token_id != two.token_id
    assert one.enrolment_secret != two.enrolment_secret
    assert two.issued_at == world.now
    assert two.expires_at == world.now + Windows().token_life


@pytest.mark.rule("E2", "token_used")
def test_a_token_that_was_copied_enrols_only_the_first(world: World, unmoved: Unmoved) -> None:
    site, thief = world.site(), world.site("south")
    thief.token = site.token
    world.accept(site.request(world.now))
    unmoved()
    refused = world.upload(thief.request(world.now), "south")
    assert code(refused) == "token_used"
    assert "Plant North" in " ".join(refused.evidence)  # type: ignore[union-attr]


@pytest.mark.rule("E2", "bad_signature")
def test_who_does_not_know_the_secret_does_not_enrol(world: World, unmoved: Unmoved) -> None:
    site = world.site()
    assert site.token is not None
    site.token = msgspec.structs.replace(site.token, enrolment_secret="A" * 43)
    unmoved()
    assert code(world.upload(site.request(world.now))) == "bad_signature"


@pytest.mark.rule("E2", "bad_signature")
def test_a_proof_binds_the_keys_it_was_made_for(world: World, unmoved: Unmoved) -> None:
    site, thief = world.site(), Site(world.random, id="", name="Thief")
    thief.id, thief.token = site.id, site.token
    honest, _ = site.request_fields(world.now)
    thief.ledger = site.ledger
    stolen, signers = thief.request_fields(world.now, changed={"enrolment": honest.enrolment})
    unmoved()
    assert code(world.upload(write_lfr(stolen, signers))) == "bad_signature"


@pytest.mark.rule("unknown_signer")
def test_a_token_that_calm_never_gave_out_enrols_nobody(world: World, unmoved: Unmoved) -> None:
    site = world.site()
    assert site.token is not None
    site.token = msgspec.structs.replace(site.token, token_id=site.new_uuid())
    unmoved()
    assert code(world.upload(site.request(world.now))) == "unknown_signer"


@pytest.mark.rule("wrong_account")
def test_a_request_goes_to_a_guid_of_its_own_account(world: World, unmoved: Unmoved) -> None:
    site = world.site()
    world.add_account("Contoso")
    world.add_guid("foreign", "Contoso")
    unmoved()
    assert code(world.upload(site.request(world.now), "foreign")) == "wrong_account"


@pytest.mark.rule("wrong_account")
def test_a_known_control_room_stays_with_its_account(world: World, unmoved: Unmoved) -> None:
    site = world.site()
    world.accept(site.request(world.now))
    world.add_account("Contoso")
    world.add_guid("foreign", "Contoso")
    unmoved()
    assert code(world.upload(site.request(world.now), "foreign")) == "wrong_account"


@pytest.mark.rule("H5", "guid_bound")
def test_a_guid_is_bound_to_one_control_room(world: World, unmoved: Unmoved) -> None:
    north, south = world.site(), world.site("south")
    world.accept(north.request(world.now))
    unmoved()
    assert code(world.upload(south.request(world.now), "north")) == "guid_bound"


@pytest.mark.rule("H5", "wrong_control_room")
def test_a_control_room_is_bound_to_one_guid(world: World, unmoved: Unmoved) -> None:
    north = world.site()
    world.add_guid("spare")
    world.accept(north.request(world.now))
    unmoved()
    assert code(world.upload(north.request(world.now), "spare")) == "wrong_control_room"


@pytest.mark.rule("H5", "guid_bound")
def test_a_known_control_room_cannot_take_another_ones_guid(world: World, unmoved: Unmoved) -> None:
    north, south = world.site(), world.site("south")
    world.accept(north.request(world.now))
    world.accept(south.request(world.now), "south")
    unmoved()
    assert code(world.upload(south.request(world.now), "north")) == "guid_bound"
