"""E18 at CALM: two people set the windows of an account, files carry them, and an LFR is judged by what CALM signed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.notices.reading import read_sites
from carnet.calm.queries import lists
from carnet.calm.queries.log_queries import show_log
from carnet.calm.queries.states import standing_of
from carnet.calm.use_cases import proposals, tokens
from carnet.calm.use_cases.receipts import accept_receipt
from carnet.calm.use_cases.windows import show_windows
from carnet.errors import UsageError
from carnet.exchange.enablement_token import Token
from carnet.exchange.windows import Windows
from tests.calm.conftest import DAY, HOUR, OLGA, OMAR, World, code, ok

pytestmark = pytest.mark.both_databases

Unmoved = Callable[[], None]
SECOND = timedelta(seconds=1)
LONG = {"cycle_days": 14, "newest_request_hours": 72}
ONE = {"bot-creator": 1}


@pytest.fixture
def stocked(world: World) -> World:
    world.buy("bot-creator", 10)
    return world


def propose(world: World, account: str = "Northwind", **changes: Any) -> proposals.Proposed:
    return ok(proposals.propose_windows(world.calm, account=account, changes=changes, reason="a long way", **world.act))


def confirm(world: World, proposed: proposals.Proposed, by: str = OMAR) -> Any:
    return proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=by)


def set_windows(world: World, **changes: Any) -> None:
    ok(confirm(world, propose(world, **changes)))


def of(account: str = "Northwind") -> Windows:
    return show_windows(account).windows


@pytest.mark.rule("E18", "A3", "V1")
def test_two_people_set_them_and_the_log_says_from_what_to_what(world: World) -> None:
    assert show_windows("Northwind").is_default
    proposed = propose(world, missed_cycle_locks=False, expiry_notice_days=[45, 7], **LONG)
    assert of() == Windows(), "nothing is changed before the second person"
    assert "A cycle lasts (days): 7 → 14" in proposed.would
    assert "A missed cycle locks: yes → no" in proposed.would
    assert "Notices before a license ends (days): 30, 15, 7, 3, 2, 1, 0 → 45, 7" in proposed.would
    did = ok(confirm(world, proposed)).did
    assert did == proposed.would
    assert of() == Windows(missed_cycle_locks=False, expiry_notice_days=(45, 7), **LONG)
    assert not show_windows("Northwind").is_default
    kinds = [entry.kind for entry in show_log(last=2)]
    assert set(kinds) == {"set_windows.proposed", "set_windows.confirmed"}
    assert [shown.account_name for shown in proposals.list_proposals(state="done")] == ["Northwind"]


@pytest.mark.rule("E18", "A3", "needs_second_person")
@pytest.mark.parametrize("name", [OLGA, "OLGA"])
def test_nobody_confirms_their_own_windows(world: World, unmoved: Unmoved, name: str) -> None:
    proposed = propose(world, **LONG)
    unmoved()
    assert code(confirm(world, proposed, by=name)) == "needs_second_person"


@pytest.mark.rule("E18", "A3", "nothing_to_accept")
def test_a_proposal_does_not_undo_what_was_set_since(world: World, unmoved: Unmoved) -> None:
    first, second = propose(world, cycle_days=10), propose(world, cycle_days=14)
    ok(confirm(world, second))
    unmoved()
    assert code(confirm(world, first)) == "nothing_to_accept"
    assert of().cycle_days == 14


@pytest.mark.rule("E18", "A3")
def test_what_is_taken_back_changes_nothing(world: World) -> None:
    proposed = propose(world, **LONG)
    proposals.withdraw(world.calm, proposal=proposed.proposal, now=world.now, by=OLGA)
    assert code(confirm(world, proposed)) == "nothing_to_accept"
    assert of() == Windows()


@pytest.mark.rule("E18")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"cycle_days": 7},
        {"cycle_days": 0},
        {"cycle_days": 91},
        {"cycle_days": 1},
        {"newest_request_hours": 169},
        {"expiry_notice_days": [1, 2]},
        {"deadline_notice_hours": []},
        {"days": 3},
    ],
    ids=str,
)
def test_what_cannot_be_is_not_proposed(world: World, unmoved: Unmoved, changes: dict[str, Any]) -> None:
    unmoved()
    with pytest.raises(UsageError):
        proposals.propose_windows(world.calm, account="Northwind", changes=changes, reason="why", **world.act)


@pytest.mark.rule("E18")
def test_it_is_proposed_with_a_reason_and_for_an_account_that_is(world: World, unmoved: Unmoved) -> None:
    unmoved()
    for account, reason in (("Northwind", ""), ("Nowhere", "why")):
        with pytest.raises(UsageError):
            proposals.propose_windows(world.calm, account=account, changes=LONG, reason=reason, **world.act)


@pytest.mark.rule("E18", "E2")
def test_the_next_token_carries_them_and_lasts_as_they_say(world: World) -> None:
    set_windows(world, token_life_hours=72)
    made = ok(tokens.download_token(world.calm, account="Northwind", **world.act))
    assert made.expires_at == world.now + 72 * HOUR
    site = world.site()
    assert isinstance(site.token, Token)
    assert site.windows == Windows(token_life_hours=72)
    world.add_account("Contoso")
    assert world.site("south", "Contoso").windows == Windows(), "another account keeps its own"


@pytest.mark.rule("E18", "E5", "window_closed")
def test_an_open_cycle_keeps_its_windows_and_the_next_has_the_new_ones(stocked: World) -> None:
    site = stocked.site()
    stocked.license(site, products=ONE)
    first = stocked.accept(site.request(stocked.now))
    set_windows(stocked, **LONG)
    assert first.deadline == stocked.now + 48 * HOUR
    shown = ok(stocked.issue(first.lfr, products=ONE))
    assert shown.install_by == first.deadline, "the site goes by what it has"
    assert any("other windows" in note and "7 → 14" in note for note in shown.notes)
    assert shown.raw is not None
    site.install(shown.raw, stocked.now)
    second = stocked.accept(site.request(stocked.now))
    assert second.deadline == stocked.now + 72 * HOUR
    stocked.now += 72 * HOUR - SECOND
    assert ok(stocked.issue(second.lfr, products=ONE)).install_by == second.deadline
    stocked.now += SECOND
    third = stocked.accept(site.request(stocked.now))
    stocked.now += 72 * HOUR
    assert code(stocked.issue(third.lfr, products=ONE)) == "window_closed"


@pytest.mark.rule("E18", "E5", "window_closed")
def test_a_deadline_later_than_calm_signed_does_not_count(stocked: World, unmoved: Unmoved) -> None:
    """A site that gives itself time: its file is well formed, and CALM's own deadline decides."""
    site = stocked.site()
    site.windows = Windows(cycle_days=90, newest_request_hours=2160)
    accepted = stocked.accept(site.request(stocked.now))
    assert accepted.deadline == stocked.now + 48 * HOUR
    assert any("other windows" in warning for warning in accepted.warnings)
    stocked.now += 48 * HOUR
    unmoved()
    assert code(stocked.issue(accepted.lfr, products=ONE)) == "window_closed"


@pytest.mark.rule("E18", "E5")
def test_a_deadline_earlier_than_calm_signed_counts(stocked: World) -> None:
    site = stocked.site()
    site.windows = Windows(newest_request_hours=6)
    accepted = stocked.accept(site.request(stocked.now))
    assert accepted.deadline == stocked.now + 6 * HOUR


@pytest.mark.rule("E18", "E5", "from_the_future")
def test_how_far_two_clocks_may_differ_is_what_was_signed(stocked: World) -> None:
    set_windows(stocked, clocks_differ_minutes=5)
    site = stocked.site()
    near = stocked.accept(site.request(stocked.now + 5 * 60 * SECOND))
    assert near.can_issue is None
    far = stocked.accept(site.request(stocked.now + 5 * 60 * SECOND + SECOND))
    assert code(far.can_issue) == "from_the_future"


@pytest.mark.rule("E18", "E11")
def test_a_new_token_replaces_them(stocked: World) -> None:
    set_windows(stocked, **LONG)
    site = stocked.site()
    stocked.license(site, products=ONE)
    stocked.accept(site.request(stocked.now, "release"))
    set_windows(stocked, cycle_days=7, newest_request_hours=24)
    site.install_token(stocked.token())
    assert stocked.accept(site.request(stocked.now)).deadline == stocked.now + 24 * HOUR


@pytest.mark.rule("E8", "E18", "S")
@pytest.mark.parametrize(("locks", "state"), [(True, "locked"), (False, "active")])
def test_calm_concludes_a_lock_only_where_the_windows_lock(stocked: World, locks: bool, state: str) -> None:
    if not locks:
        set_windows(stocked, missed_cycle_locks=False)
    site = stocked.site()
    receipt = stocked.license(site, products=ONE)
    ok(accept_receipt(stocked.calm, raw=receipt, **stocked.act))
    stocked.accept(site.request(stocked.now))
    for passed, shown in ((7 * DAY - SECOND, "active"), (7 * DAY, state)):
        row = lists.rooms(stocked.now + passed).get()
        assert row.shown_state == shown
        assert standing_of(row, stocked.now + passed, answered=False).state == shown
        assert read_sites(stocked.now, row.account_id)[0].locks is locks


@pytest.mark.rule("S", "E18")
def test_expiring_begins_at_the_first_step_of_the_file_that_is_installed(stocked: World) -> None:
    set_windows(stocked, expiry_notice_days=[60, 7])
    ok(accept_receipt(stocked.calm, raw=stocked.license(stocked.site(), products=ONE), **stocked.act))
    end = ControlRoom.objects.get().licensed_until
    assert end is not None
    for moment, shown in ((end - 60 * DAY - SECOND, "active"), (end - 60 * DAY, "expiring")):
        room = lists.rooms(moment).get()
        assert room.shown_state == shown
        assert standing_of(room, moment, answered=False).state == shown
        assert bool(read_sites(moment)) is (shown == "expiring"), "the mails begin there too"
