"""L6: CALM is put back to an older state, and every honest site is licensed on."""

from __future__ import annotations

import zlib
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from django.db import transaction

from carnet.calm.control_rooms.models import ControlRoom, LicenseFile
from carnet.calm.queries.log_queries import verify_log
from carnet.calm.use_cases import proposals
from carnet.calm.use_cases.accept_lfr import LfrAccepted
from carnet.calm.use_cases.purchases import list_purchases
from carnet.calm.use_cases.receipts import accept_receipt
from carnet.errors import NotSetUpError, TamperedError, UsageError
from carnet.exchange.carried_license import carry
from carnet.exchange.keys import new_opener
from carnet.exchange.license_file_request import LicenseFileRequest, write_lfr
from carnet.exchange.strict import from_base64url, to_base64url
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import DAY, HOUR, OMAR, World, code, ok
from tests.support.memory import MemoryHead, MemoryKeyring
from tests.support.site_simulator import Site

pytestmark = [pytest.mark.both_databases, pytest.mark.rule("L6", "H1", "V2", "not_remembered")]


@dataclass
class Backup:
    """The database as it is now. `head`: the log's head is put back with it, as by a snapshot of the whole machine."""

    world: World

    def __post_init__(self) -> None:
        self.point = transaction.savepoint()
        assert isinstance(self.world.calm.head, MemoryHead)
        self.head = deepcopy(self.world.calm.head.head)

    def put_back(self, *, head: bool = False) -> None:
        transaction.savepoint_rollback(self.point)
        self.world.calm._head_checked = False
        if head:
            assert isinstance(self.world.calm.head, MemoryHead)
            self.world.calm.head.head = self.head


def resume(world: World, **options: Any) -> proposals.Confirmed:
    asked = proposals.propose_resume(world.calm, reason="the disk of the portal was lost", **options, **world.act)
    return ok(proposals.confirm(world.calm, proposal=asked.proposal, now=world.now, by=OMAR))


def take_back(world: World, site: Site) -> proposals.Confirmed | Refusal:
    asked = proposals.propose_take_back(world.calm, control_room=site.id, reason="it was restored", **world.act)
    if isinstance(asked, Refusal):
        return asked
    return proposals.confirm(world.calm, proposal=asked.proposal, now=world.now, by=OMAR)


def bring_back(world: World, site: Site, guid: str = "north") -> LfrAccepted | proposals.Confirmed:
    """Whatever CALM asks for, done by people who are not surprised."""
    world.now += HOUR
    answer = world.upload(site.request(world.now), guid)
    if not isinstance(answer, Refusal):
        return answer
    assert answer.code == "not_remembered", answer
    assert "vendor's name" not in answer.message + answer.next, "nobody is accused"
    prove(world, site, answer, guid)
    return ok(take_back(world, site))


def prove(world: World, site: Site, refused: Refusal, guid: str = "north") -> None:
    """The LFR with the license, as the refusal asks for it."""
    asked = refused.run.split()
    since = int(asked[asked.index("--since") + 1]) if "--since" in asked else None
    assert "--with-license" in asked
    answer = world.upload(site.request(world.now, since=since, with_license=True), guid)
    assert code(answer) == "not_remembered"
    assert isinstance(answer, Refusal)
    assert answer.run.startswith(f"calm control-room take-back {site.id}")


def go_on(world: World, site: Site, guid: str = "north", **asked: Any) -> None:
    """A whole cycle: the site checks V2 itself."""
    back = bring_back(world, site, guid)
    lfr = back.lfr
    assert lfr is not None
    raw = ok(world.issue(lfr, **asked)).raw
    assert raw is not None
    ok(accept_receipt(world.calm, raw=site.install(raw, world.now), **world.act))


@pytest.fixture
def plant(world: World) -> Site:
    world.buy("bot-creator", 50)
    world.buy("document-pages", 100)
    site = world.site()
    world.license(site, products={"bot-creator": 10, "document-pages": 50})
    return site


@pytest.mark.rule("L6")
def test_no_act_is_done_on_an_older_database_but_stating_that_it_is_one(world: World, plant: Site) -> None:
    backup = Backup(world)
    world.license(plant, products={"bot-creator": 30})
    backup.put_back()
    with pytest.raises(TamperedError):
        world.buy("bot-creator", 1)
    resume(world)
    world.buy("bot-creator", 1)
    assert verify_log(world.calm).holds


@pytest.mark.rule("L6")
def test_a_site_that_was_licensed_since_goes_on(world: World, plant: Site) -> None:
    """The newest OLF is forgotten: its lines come back from the file itself, and the site takes the next one."""
    backup = Backup(world)
    world.now += HOUR
    world.license(plant, products={"bot-creator": 30, "document-pages": 60})
    plant.use("document-pages", consume=7, now=world.now)
    backup.put_back()
    resume(world)
    go_on(world, plant, products={"bot-creator": 31, "document-pages": 60})
    assert world.held() == {"bot-creator": 31, "document-pages": 60}
    assert plant.key_set is not None
    assert [each.why for each in plant.key_set.log_breaks] == ["the disk of the portal was lost"]
    assert verify_log(world.calm).holds


@pytest.mark.rule("L6")
def test_a_snapshot_of_the_whole_machine_is_found_out_by_a_site(world: World, plant: Site) -> None:
    """The head went back, too: CALM acts on, until a site names a file that it never issued."""
    backup, then = Backup(world), world.now
    world.now += HOUR
    world.license(plant, products={"bot-creator": 30})
    backup.put_back(head=True)
    world.now += HOUR
    world.buy("bot-creator", 1)
    assert code(world.upload(plant.request(world.now))) == "history_not_shown"
    room = ControlRoom.objects.get(id=plant.id)
    refused = world.upload(plant.request(world.now, since=room.seen_size))
    assert code(refused) == "unknown_license_file"
    with pytest.raises(UsageError):
        resume(world)
    resume(world, as_of=then)
    go_on(world, plant, products={"bot-creator": 30})


@pytest.mark.rule("L6")
def test_a_site_that_enrolled_since_comes_back_with_its_identity(world: World, plant: Site) -> None:
    backup = Backup(world)
    world.now += HOUR
    world.add_guid("south")
    south = world.site("south-too")
    world.license(south, "south-too", products={"bot-creator": 5})
    backup.put_back()
    resume(world)
    world.add_guid("south-too")
    go_on(world, south, "south-too", products={"bot-creator": 6})
    assert world.held("south-too") == {"bot-creator": 6}
    go_on(world, plant, products={"bot-creator": 10})


@pytest.mark.rule("L6")
def test_a_purchase_is_entered_again_and_its_line_keeps_its_id(world: World, plant: Site) -> None:
    backup = Backup(world)
    world.now += HOUR
    world.buy("citizen-developer", 8)
    world.license(plant, products={"bot-creator": 10, "citizen-developer": 8})
    had = set(plant.granted)
    backup.put_back()
    resume(world)
    refused = world.upload(plant.request(world.now))
    assert isinstance(refused, Refusal)
    prove(world, plant, refused)
    missing = take_back(world, plant)
    assert isinstance(missing, Refusal)
    assert any("--product citizen-developer --quantity 8" in line for line in missing.evidence)
    world.buy("citizen-developer", 8)
    go_on(world, plant, products={"bot-creator": 10, "citizen-developer": 8})
    assert set(plant.granted) == had


@pytest.mark.rule("L6")
def test_an_excess_is_listed_and_not_hidden(world: World, plant: Site) -> None:
    """H1: what was bought less of is judged afterwards."""
    backup = Backup(world)
    world.now += HOUR
    world.license(plant, products={"bot-creator": 50})
    backup.put_back()
    resume(world)
    south = world.site("south")
    world.license(south, "south", products={"bot-creator": 20})
    bring_back(world, plant)
    assert world.held()["bot-creator"] == 50
    (bots,) = [p for p in list_purchases(account=world.account, now=world.now) if p.sku == "bot-creator"]
    assert bots.excess == 20


@pytest.mark.rule("L6")
def test_twice_to_the_same_state(world: World, plant: Site) -> None:
    backup = Backup(world)
    world.license(plant, products={"bot-creator": 9, "document-pages": 50})
    for times in (1, 2):
        world.now += DAY
        backup.put_back()
        resume(world)
        go_on(world, plant, products={"bot-creator": 10 + times, "document-pages": 50})
    assert plant.key_set is not None


@pytest.mark.rule("L6")
def test_a_license_of_another_time_is_not_taken_back(world: World, plant: Site) -> None:
    """Somebody who has the issuing keys cannot have any file taken back: only one of the time that was lost."""
    backup = Backup(world)
    world.buy("bot-creator", 1)
    backup.put_back()
    resume(world)
    world.now += 30 * DAY
    point = Backup(world)
    room = ControlRoom.objects.get(id=plant.id)
    world.license(plant, products={"bot-creator": 50})
    point.put_back(head=True)
    refused = world.upload(plant.request(world.now, with_license=True, since=room.seen_size))
    assert code(refused) == "unknown_license_file"
    assert not LicenseFile.objects.filter(taken_back=True).exists()


@pytest.mark.rule("L6")
def test_a_token_that_was_forgotten_enrols_once_two_people_took_it_back(world: World, plant: Site) -> None:
    backup = Backup(world)
    world.now += HOUR
    south = world.site("south")
    raw = world.token()
    south.install_token(raw)
    backup.put_back()
    world.now += HOUR
    resume(world)
    world.add_guid("south")
    assert code(world.upload(south.request(world.now), "south")) == "not_remembered"
    first = ok(proposals.propose_take_back_token(world.calm, raw=raw, reason="it was lost", **world.act))
    proposals.withdraw(world.calm, proposal=first.proposal, **world.act)
    asked = ok(proposals.propose_take_back_token(world.calm, raw=raw, reason="it was lost", **world.act))
    assert code(world.upload(south.request(world.now), "south")) != "accepted", "one person is not enough"
    ok(proposals.confirm(world.calm, proposal=asked.proposal, now=world.now, by=OMAR))
    world.accept(south.request(world.now), "south")


@pytest.mark.rule("L6")
def test_new_keys_of_the_time_that_was_lost_are_believed_by_the_file_that_is_sealed_to_them(
    world: World, plant: Site
) -> None:
    backup = Backup(world)
    world.now += HOUR
    accepted = world.accept(plant.request(world.now, new_keys=True))
    raw = ok(world.issue(accepted.lfr, products={"bot-creator": 12, "document-pages": 50})).raw
    assert raw is not None
    plant.install(raw, world.now)
    backup.put_back()
    resume(world)
    go_on(world, plant, products={"bot-creator": 12, "document-pages": 50})


@pytest.mark.rule("L6", "L2", "Q3")
def test_a_history_accepted_in_the_time_that_was_lost_is_accepted_with_the_license(world: World, plant: Site) -> None:
    """The site was restored, CALM accepted that, and then CALM was restored: both forgot. No unit is counted less."""
    plant.use("document-pages", consume=5, now=world.now)
    old = plant.fork()
    plant.use("document-pages", consume=20, now=world.now)
    world.accept(plant.request(world.now))
    backup = Backup(world)
    world.now += HOUR
    refused = world.upload(old.request(world.now, since=plant.ledger.size))
    assert code(refused) == "history_mismatch"
    asked = ok(proposals.propose_accept_history(world.calm, control_room=old.id, reason="a backup", **world.act))
    accepted = ok(proposals.confirm(world.calm, proposal=asked.proposal, now=world.now, by=OMAR))
    raw = ok(world.issue(accepted.lfr or "", products={"bot-creator": 10, "document-pages": 50})).raw
    assert raw is not None
    old.install(raw, world.now)
    used = sum(old.consumed.values())
    backup.put_back()
    resume(world)
    back = world.upload(old.request(world.now + HOUR, since=plant.ledger.size, with_license=True))
    world.now += HOUR
    assert code(back) == "not_remembered"
    confirmed = ok(take_back(world, old))
    assert any("accepts it, too" in line for line in confirmed.did)
    raw = ok(world.issue(confirmed.lfr or "", products={"bot-creator": 10, "document-pages": 50})).raw
    assert raw is not None
    old.install(raw, world.now)
    assert sum(old.consumed.values()) >= used
    assert old.history_accepted == 2, "the number that was forgotten is not given again"


@pytest.mark.rule("L6", "E11", "H4")
def test_a_release_and_an_enrolment_of_the_time_that_was_lost(world: World, plant: Site) -> None:
    backup = Backup(world)
    world.now += HOUR
    world.accept(plant.request(world.now, "release"))
    plant.install_token(world.token())
    world.license(plant, products={"bot-creator": 7})
    backup.put_back()
    resume(world)
    go_on(world, plant, products={"bot-creator": 8})
    assert world.held() == {"bot-creator": 8}
    assert world.spent() == {"document-pages": 50}, "what it consumed before is forgotten: nothing returns"


@pytest.mark.rule("L6", "E16")
def test_issuing_keys_that_were_rotated_in_the_time_that_was_lost(world: World, plant: Site) -> None:
    backup = Backup(world)
    world.now += HOUR
    rotation = proposals.propose_rotation(world.calm, reason="yearly", **world.act)
    ok(proposals.confirm(world.calm, proposal=ok(rotation).proposal, now=world.now, by=OMAR))
    world.license(plant, products={"bot-creator": 12, "document-pages": 50})
    backup.put_back()
    world.now += HOUR
    resume(world)
    go_on(world, plant, products={"bot-creator": 13, "document-pages": 50})


@pytest.mark.security
@pytest.mark.parametrize("lie", ["more", "another room", "another key", "not installed"])
@pytest.mark.rule("L6")
def test_nobody_states_more_than_was_granted(world: World, plant: Site, lie: str) -> None:
    backup = Backup(world)
    world.now += HOUR
    south = world.site("south")
    world.license(south, "south", products={"bot-creator": 20})
    world.license(plant, products={"bot-creator": 10, "document-pages": 50})
    backup.put_back()
    resume(world)
    before = LicenseFile.objects.count()
    since = ControlRoom.objects.get(id=plant.id).seen_size
    lfr, signers = plant.request_fields(world.now + HOUR, since=since, with_license=True)
    world.now += HOUR
    answer = world.upload(write_lfr(_lying(lfr, lie, south, world), signers))
    assert isinstance(answer, Refusal)
    assert "take-back" not in answer.run
    assert code(take_back(world, plant)) == "nothing_to_accept"
    assert LicenseFile.objects.count() == before


def _lying(lfr: LicenseFileRequest, lie: str, south: Site, world: World) -> LicenseFileRequest:
    assert lfr.license is not None
    if lie == "more":
        plain = zlib.decompress(from_base64url(lfr.license.body)).replace(b'"quantity":10,', b'"quantity":50,')
        body = to_base64url(zlib.compress(plain, 9))
        return msgspec.structs.replace(lfr, license=msgspec.structs.replace(lfr.license, body=body))
    if lie == "another room":
        other = carry(south.raw_license, south.raw_key_set, south.opener)
        installed = south._installed()
        return msgspec.structs.replace(lfr, license=other, installed=installed)
    if lie == "another key":
        stranger = new_opener(world.random)
        room = msgspec.structs.replace(lfr.control_room, sealing_key=stranger.key)
        return msgspec.structs.replace(lfr, control_room=room)
    installed = msgspec.structs.replace(lfr.installed, sequence=9) if lfr.installed else None
    return msgspec.structs.replace(lfr, installed=installed)


@pytest.mark.security
@pytest.mark.rule("L6", "A3", "E16")
def test_no_issuing_key_and_no_single_person_states_a_break(world: World, plant: Site) -> None:
    backup = Backup(world)
    world.license(plant, products={"bot-creator": 30})
    backup.put_back()
    asked = proposals.propose_resume(world.calm, reason="the disk of the portal was lost", **world.act)
    assert code(proposals.confirm(world.calm, proposal=asked.proposal, **world.act)) == "needs_second_person"
    assert isinstance(world.calm.keys, MemoryKeyring)
    roots = {key: world.calm.keys._signers.pop(key) for key in list(world.calm.keys._signers) if key[0] == "roots"}
    with pytest.raises(NotSetUpError):
        proposals.confirm(world.calm, proposal=asked.proposal, now=world.now, by=OMAR)
    world.calm.keys._signers |= roots
    with pytest.raises(TamperedError):
        world.buy("bot-creator", 1)
    ok(proposals.confirm(world.calm, proposal=asked.proposal, now=world.now, by=OMAR))


@pytest.mark.rule("L6", "A3")
def test_asking_twice_states_the_same_place(world: World, plant: Site) -> None:
    """What was recorded by asking for it is of the log that goes on."""
    backup = Backup(world)
    world.license(plant, products={"bot-creator": 30, "document-pages": 50})
    backup.put_back()
    first = proposals.propose_resume(world.calm, reason="the disk of the portal was lost", **world.act)
    proposals.withdraw(world.calm, proposal=first.proposal, **world.act)
    second = proposals.propose_resume(world.calm, reason="the disk of the portal was lost", **world.act)
    assert second.would == first.would
    assert code(proposals.confirm(world.calm, proposal=second.proposal, **world.act)) == "needs_second_person"
    third = proposals.propose_resume(world.calm, reason="the disk of the portal was lost", **world.act)
    assert third.would == first.would
    ok(proposals.confirm(world.calm, proposal=third.proposal, now=world.now, by=OMAR))
    go_on(world, plant, products={"bot-creator": 30, "document-pages": 50})


@pytest.mark.rule("L6", "E11", "Q3", "H4")
def test_an_enrolment_that_came_and_went_in_the_time_that_was_lost_accuses_nobody(world: World, plant: Site) -> None:
    """With its first file the site forgot the lines of the enrolment that CALM still knows."""
    plant.use("document-pages", consume=9, now=world.now)
    world.accept(plant.request(world.now))
    backup = Backup(world)
    world.now += HOUR
    world.accept(plant.request(world.now, "release"))
    plant.install_token(world.token())
    world.license(plant, products={"bot-creator": 7})
    world.accept(plant.request(world.now, "release"))
    backup.put_back()
    resume(world)
    plant.install_token(world.token())
    answer = world.upload(plant.request(world.now))
    if isinstance(answer, Refusal):
        assert answer.code == "not_remembered"
        since = int(answer.run.split()[answer.run.split().index("--since") + 1])
        answer = world.upload(plant.request(world.now, since=since))
    ok(answer)
    assert world.spent()["document-pages"] == 50, "what it consumed since is forgotten: nothing returns"


@pytest.mark.rule("L6", "H2")
def test_a_receipt_of_the_time_that_was_lost_accuses_nobody(world: World, plant: Site) -> None:
    backup = Backup(world)
    world.now += HOUR
    receipt = world.license(plant, products={"bot-creator": 12})
    backup.put_back()
    resume(world)
    before = LicenseFile.objects.count()
    assert code(accept_receipt(world.calm, raw=receipt, **world.act)) == "not_remembered"
    assert LicenseFile.objects.count() == before
    go_on(world, plant, products={"bot-creator": 12, "document-pages": 50})
    assert ok(accept_receipt(world.calm, raw=receipt, **world.act)).verdict == "nothing_changed"


@pytest.mark.rule("L6", "E11", "H4")
@pytest.mark.parametrize("release_is_known", [True, False])
def test_a_site_that_went_to_another_account_since_is_taken_back_there(
    world: World, plant: Site, release_is_known: bool
) -> None:
    world.add_account("Newco")
    world.buy("document-pages", 40, account="Newco")
    world.add_guid("newco-1", "Newco")
    backup = Backup(world)
    world.accept(plant.request(world.now, "release"))
    backup = Backup(world) if release_is_known else backup
    world.now += HOUR
    plant.install_token(world.token("Newco"))
    world.license(plant, "newco-1", products={"document-pages": 40})
    backup.put_back()
    resume(world)
    go_on(world, plant, "newco-1", products={"document-pages": 40})
    room = ControlRoom.objects.get(id=plant.id)
    assert room.account.name == "Newco"
    assert world.held("newco-1") == {"document-pages": 40}
    assert world.held() == {}
    assert world.spent() == ({} if release_is_known else {"document-pages": 50})


@pytest.mark.security
@pytest.mark.rule("L6", "E11", "wrong_account")
def test_a_license_of_its_own_account_takes_no_site_to_another_one(world: World, plant: Site) -> None:
    world.add_account("Newco")
    world.add_guid("newco-1", "Newco")
    backup = Backup(world)
    world.accept(plant.request(world.now, "release"))
    world.now += HOUR
    plant.install_token(world.token())
    world.license(plant, products={"document-pages": 40})
    backup.put_back()
    resume(world)
    refused = world.upload(plant.request(world.now, with_license=True), "newco-1")
    assert code(refused) == "not_remembered"
    assert code(take_back(world, plant)) == "wrong_account"


@pytest.mark.security
@pytest.mark.rule("L6", "E16", "unknown_license_file")
def test_an_old_restore_hides_no_thief_of_the_issuing_keys(world: World, plant: Site) -> None:
    """Once the site asked after the restore, a file that CALM never issued is no forgotten one."""
    backup = Backup(world)
    world.license(plant, products={"bot-creator": 9, "document-pages": 50})
    backup.put_back()
    resume(world)
    go_on(world, plant, products={"bot-creator": 9, "document-pages": 50})
    world.accept(plant.request(world.now))
    before = LicenseFile.objects.count()
    assert plant.installed is not None
    forged = msgspec.structs.replace(plant.installed, olf_id=plant.new_uuid(), sequence=plant.installed.sequence + 1)
    plant.installed = forged
    assert code(world.upload(plant.request(world.now))) == "unknown_license_file"
    assert LicenseFile.objects.count() == before
