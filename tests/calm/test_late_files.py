"""E6, E15, L2: a file that comes again or late accuses nobody: not after a re-key, not after a new enrolment."""

from collections.abc import Callable

import pytest

from carnet.calm.control_rooms.models import AcceptedLfr, ControlRoom, RefusedFile
from carnet.calm.use_cases import proposals, receipts
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import DAY, OMAR, World, code, ok
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases

Unmoved = Callable[[], None]
ONE = {"bot-creator": 1}


@pytest.fixture
def stocked(world: World) -> World:
    world.buy("bot-creator", 10)
    return world


def rekey(world: World, site: Site) -> tuple[bytes, bytes]:
    """A whole cycle that changes the site's keys, and its receipt taken: the LFR, and the receipt."""
    lfr = site.request(world.now, new_keys=True)
    raw = ok(world.issue(world.accept(lfr).lfr, products=ONE)).raw
    receipt = site.install(raw, world.now)  # type: ignore[arg-type]
    assert take(world, receipt) == "confirmed"
    return lfr, receipt


def take(world: World, receipt: bytes) -> str:
    return ok(receipts.accept_receipt(world.calm, raw=receipt, **world.act)).verdict


@pytest.mark.security
@pytest.mark.rule("E6", "E15", "already_used")
def test_the_request_of_a_rekey_that_comes_again_is_used_and_no_history_is_offered(
    stocked: World, unmoved: Unmoved
) -> None:
    site = stocked.site()
    stocked.license(site, products=ONE)
    lfr, _ = rekey(stocked, site)
    unmoved()
    assert code(stocked.upload(lfr)) == "already_used"
    proposed = proposals.propose_accept_history(
        stocked.calm, control_room=site.id, reason="restored", site_confirms=True, **stocked.act
    )
    assert code(proposed) == "nothing_to_accept"


@pytest.mark.rule("E15", "L2", "H2")
def test_receipts_from_before_a_rekey_change_nothing_whether_calm_has_them_or_not(
    stocked: World, unmoved: Unmoved
) -> None:
    site = stocked.site()
    taken = stocked.license(site, products=ONE)
    assert take(stocked, taken) == "confirmed"
    late = stocked.license(site, products=ONE)
    _, newest = rekey(stocked, site)
    unmoved()
    assert [take(stocked, each) for each in (taken, late, newest)] == ["nothing_changed"] * 3
    stocked.license(site, products=ONE)
    stocked.accept(site.request(stocked.now))
    unmoved()
    assert [take(stocked, each) for each in (taken, late, newest)] == ["nothing_changed"] * 3


@pytest.mark.rule("E6", "E15", "L2", "superseded")
def test_a_request_that_was_lost_for_three_cycles_and_two_rekeys_is_superseded(
    stocked: World, unmoved: Unmoved
) -> None:
    site = stocked.site()
    stocked.license(site, products=ONE)
    lost = site.request(stocked.now)
    for _ in range(2):
        rekey(stocked, site)
        stocked.license(site, products=ONE)
    stocked.accept(site.request(stocked.now))
    unmoved()
    assert code(stocked.upload(lost)) == "superseded"


@pytest.mark.rule("E6", "E11", "superseded", "already_used")
def test_files_of_an_enrolment_before_are_answered_as_what_they_were(stocked: World, unmoved: Unmoved) -> None:
    site = stocked.site()
    first = site.request(stocked.now)
    site.install(ok(stocked.issue(stocked.accept(first).lfr, products=ONE)).raw, stocked.now)  # type: ignore[arg-type]
    open_one, release = site.request(stocked.now), site.request(stocked.now, "release")
    stocked.accept(release)
    site.install_token(stocked.token())
    lfr, _ = rekey(stocked, site)
    unmoved()
    assert [code(stocked.upload(raw)) for raw in (first, open_one, release, lfr)] == [
        "already_used",
        "superseded",
        "superseded",
        "already_used",
    ]


@pytest.mark.security
@pytest.mark.rule("E12", "already_used", "written_off")
def test_a_request_that_calm_has_tells_nothing_of_a_site_that_was_written_off(stocked: World, unmoved: Unmoved) -> None:
    site = stocked.site()
    lfr = site.request(stocked.now)
    stocked.issue(stocked.accept(lfr).lfr, products=ONE)
    proposed = ok(proposals.propose_write_off(stocked.calm, control_room=site.id, reason="fire", **stocked.act))
    ok(proposals.confirm(stocked.calm, proposal=proposed.proposal, now=stocked.now, by=OMAR))
    unmoved()
    assert code(stocked.upload(lfr)) == "already_used"
    assert code(stocked.upload(site.request(stocked.now))) == "written_off"


@pytest.mark.security
@pytest.mark.rule("E15", "L2", "history_not_shown")
def test_what_a_retired_key_signs_after_it_was_given_up_is_evidence(stocked: World, unmoved: Unmoved) -> None:
    """An old key proves nothing of the time after: not even with a checkpoint that CALM saw."""
    site = stocked.site()
    stocked.license(site, products=ONE)
    backup = site.fork()
    rekey(stocked, site)
    stocked.license(site, products=ONE)
    stocked.accept(site.request(stocked.now))
    unmoved()
    site.signer, site.opener = backup.signer, backup.opener
    assert code(stocked.upload(site.request(stocked.now))) == "history_not_shown"


@pytest.mark.security
@pytest.mark.rule("A3", "L2", "nothing_to_accept")
def test_what_two_people_can_no_longer_do_is_refused_and_is_no_fault(stocked: World, unmoved: Unmoved) -> None:
    site = stocked.site()
    stocked.license(site, products=ONE)
    copy = site.fork()
    site.note()
    stocked.accept(site.request(stocked.now))
    copy.note()
    refused = copy.request(stocked.now)
    assert code(stocked.upload(refused)) == "history_mismatch"
    first, second = (
        ok(proposals.propose_accept_history(stocked.calm, control_room=site.id, reason="a backup", **stocked.act))
        for _ in range(2)
    )
    done = {"now": stocked.now, "by": OMAR}
    ok(proposals.confirm(stocked.calm, proposal=first.proposal, **done))
    # as if the refused file were still open: CALM has it, and its id and digest stand only once
    RefusedFile.objects.filter(room=site.id, code="history_mismatch").update(resolved=False)
    unmoved()
    assert code(proposals.confirm(stocked.calm, proposal=second.proposal, **done)) == "nothing_to_accept"
    assert code(proposals.confirm(stocked.calm, proposal=first.proposal, **done)) == "nothing_to_accept"
    assert AcceptedLfr.objects.filter(room=site.id).count() == 3


@pytest.mark.rule("A3", "L2", "nothing_to_accept")
def test_a_history_whose_bytes_are_let_go_is_not_accepted(stocked: World, unmoved: Unmoved) -> None:
    site = stocked.site()
    stocked.license(site, products=ONE)
    copy = site.fork()
    stocked.accept(site.request(stocked.now))
    assert code(stocked.upload(copy.request(stocked.now))) == "history_mismatch"
    RefusedFile.objects.filter(room=site.id).update(raw=b"", is_whole=False)
    unmoved()
    answer = proposals.propose_accept_history(stocked.calm, control_room=site.id, reason="a backup", **stocked.act)
    assert code(answer) == "nothing_to_accept"


@pytest.mark.rule("E6", "E15", "L2")
def test_the_newest_request_that_waits_is_taken_again_until_it_is_answered(stocked: World) -> None:
    site = stocked.site()
    stocked.license(site, products=ONE)
    rekey(stocked, site)
    stocked.now += DAY
    lfr = site.request(stocked.now, new_keys=True)
    assert [stocked.accept(lfr).verdict for _ in range(3)] == ["accepted", "accepted_again", "accepted_again"]
    ok(stocked.issue(str(ControlRoom.objects.get(id=site.id).newest_lfr_id), products=ONE))
    assert isinstance(stocked.upload(lfr), Refusal)
