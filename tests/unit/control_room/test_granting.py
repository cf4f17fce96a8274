"""G1, G2, Q2, Q4, Q5, S: what is granted, from which line, and to whom when there is no longer enough."""

from datetime import timedelta

import pytest

from carnet.control_room.queries.banner import banner
from carnet.control_room.queries.forecast import forecast
from carnet.control_room.queries.status import status
from carnet.control_room.rules.granting.features import check_feature
from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat, RenewSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser, check_user
from carnet.control_room.rules.site_state import state_name
from carnet.entitlements import Period, PeriodUnit
from carnet.exchange.license_file_request import read_lfr
from carnet.exchange.verdicts import Code
from tests.support.cast import MONDAY
from tests.support.vendor_simulator import line
from tests.unit.control_room.conftest import YEAR, granted, refused

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
SEAT = "unattended-bot-runner"


def install(vendor, room, *lines):
    granted(room.install(vendor.olf(room.request(), lines, room.now)))
    return room


@pytest.mark.rule("G1", "not_licensed")
def test_g1_nothing_is_granted_without_a_license(enabled):
    before = enabled.dump()
    for command in (AssignUser("bot-creator", "a"), AcquireSeat(SEAT, "b"), ConsumeUnits("document-pages", 1)):
        refused(enabled.do(command), Code.NOT_LICENSED)
    assert enabled.dump() == before


@pytest.mark.rule("G1", "not_granted")
def test_g1_a_product_that_no_line_grants_is_refused(licensed):
    refused(licensed.do(AssignUser("citizen-developer", "anna")), Code.NOT_GRANTED)
    for command in (AssignUser("", "anna"), AcquireSeat("", "bot"), ConsumeUnits("", 1)):
        refused(licensed.do(command), Code.NOT_GRANTED)
    refused(licensed.do(ConsumeUnits("bot-creator", 1)), Code.NOT_GRANTED)
    refused(check_feature(licensed.state, "other-feature", MONDAY), Code.NOT_GRANTED)


@pytest.mark.rule("G2", "exhausted")
def test_g2_assigning_twice_is_the_same_as_once_and_unassigning_frees_at_once(licensed):
    for user in ("anna", "anna", "bert", "cleo"):
        granted(licensed.do(AssignUser("bot-creator", user)))
    before = licensed.dump()
    refused(licensed.do(AssignUser("bot-creator", "dora")), Code.EXHAUSTED)
    assert licensed.dump() == before
    granted(licensed.do(UnassignUser("bot-creator", "bert")))
    granted(licensed.do(AssignUser("bot-creator", "dora")))
    assert list(licensed.state.users["bot-creator"]) == ["anna", "cleo", "dora"]


@pytest.mark.rule("G2", "unknown_lease")
def test_g2_a_lease_given_back_is_gone(licensed):
    lease = granted(licensed.do(AcquireSeat(SEAT, "bot-1"))).lease_id
    granted(licensed.do(RenewSeat(lease)))
    granted(licensed.do(ReleaseSeat(lease)))
    refused(licensed.do(ReleaseSeat(lease)), Code.UNKNOWN_LEASE)
    refused(licensed.do(RenewSeat(lease)), Code.UNKNOWN_LEASE)


@pytest.mark.rule("G2", "exhausted")
def test_g2_units_are_all_or_nothing(licensed):
    granted(licensed.do(ConsumeUnits("document-pages", 60)))
    before = licensed.dump()
    refused(licensed.do(ConsumeUnits("document-pages", 41)), Code.EXHAUSTED)
    assert licensed.dump() == before
    assert granted(licensed.do(ConsumeUnits("document-pages", 40))).remaining == 0


@pytest.mark.rule("Q2")
def test_q2_units_are_drawn_from_the_line_that_ends_soonest_across_lines(vendor, enabled):
    late = line("document-pages", 50, MONDAY, YEAR, line_id="00000000-0000-7000-8000-000000000001")
    soon = line("document-pages", 30, MONDAY, MONDAY + 90 * DAY, line_id="00000000-0000-7000-8000-000000000002")
    install(vendor, enabled, late, soon)
    granted(enabled.do(ConsumeUnits("document-pages", 20)))
    granted(enabled.do(ConsumeUnits("document-pages", 20)))
    assert enabled.state.consumed(soon.line_id, None) == 30
    assert enabled.state.consumed(late.line_id, None) == 10


@pytest.mark.rule("Q2")
def test_q2_ties_are_broken_by_line_id(vendor, enabled):
    first = line("document-pages", 5, MONDAY, YEAR, line_id="00000000-0000-7000-8000-000000000001")
    second = line("document-pages", 5, MONDAY, YEAR, line_id="00000000-0000-7000-8000-000000000002")
    install(vendor, enabled, second, first)
    granted(enabled.do(ConsumeUnits("document-pages", 3)))
    assert enabled.state.consumed(first.line_id, None) == 3


@pytest.mark.rule("Q2")
def test_q2_what_is_unused_lapses_with_the_period(vendor, enabled):
    pages = line("document-pages", 100, MONDAY, YEAR, period=Period(unit=PeriodUnit.MONTH, start=MONDAY))
    install(vendor, enabled, pages)
    granted(enabled.do(ConsumeUnits("document-pages", 30)))
    next_month = MONDAY.replace(month=10)
    enabled.wait(seconds=(next_month - MONDAY - SECOND).total_seconds())
    refused(enabled.do(ConsumeUnits("document-pages", 71)), Code.EXHAUSTED)
    enabled.wait(seconds=1)
    assert granted(enabled.do(ConsumeUnits("document-pages", 100))).remaining == 0


@pytest.mark.rule("Q3")
def test_q3_an_olf_lowers_nothing_that_was_consumed(vendor, licensed):
    granted(licensed.do(ConsumeUnits("document-pages", 70)))
    install(vendor, licensed, line("document-pages", 100, MONDAY, YEAR))
    licensed.reopen()
    refused(licensed.do(ConsumeUnits("document-pages", 31)), Code.EXHAUSTED)


@pytest.mark.rule("Q4", "not_covered")
def test_q4_the_earliest_are_covered_when_a_line_ends(vendor, enabled):
    install(vendor, enabled, line("bot-creator", 1, MONDAY, YEAR), line("bot-creator", 2, MONDAY, MONDAY + 5 * DAY))
    for user in ("zoe", "anna", "bert"):
        granted(enabled.do(AssignUser("bot-creator", user)))
    enabled.wait(days=5)
    granted(check_user(enabled.state, "bot-creator", "zoe", enabled.now))
    refused(check_user(enabled.state, "bot-creator", "anna", enabled.now), Code.NOT_COVERED)
    assert len(enabled.state.users["bot-creator"]) == 3, "nothing is unassigned by itself"
    enabled.do(UnassignUser("bot-creator", "zoe"))
    granted(check_user(enabled.state, "bot-creator", "anna", enabled.now))


@pytest.mark.rule("Q4", "not_covered")
def test_q4_an_uncovered_lease_is_refused_at_its_renewal(vendor, enabled):
    install(vendor, enabled, line(SEAT, 1, MONDAY, YEAR), line(SEAT, 1, MONDAY, MONDAY + timedelta(minutes=5)))
    first = granted(enabled.do(AcquireSeat(SEAT, "bot-1"))).lease_id
    second = granted(enabled.do(AcquireSeat(SEAT, "bot-2"))).lease_id
    enabled.wait(minutes=5)
    granted(enabled.do(RenewSeat(first)))
    refused(enabled.do(RenewSeat(second)), Code.NOT_COVERED)


@pytest.mark.rule("Q5", "exhausted")
def test_q5_overage_is_allowed_to_its_percentage_reported_as_owed_and_then_denied(vendor, enabled):
    install(vendor, enabled, line("document-pages", 100, MONDAY, YEAR, overage=10))
    assert granted(enabled.do(ConsumeUnits("document-pages", 95))).owed == 0
    assert granted(enabled.do(ConsumeUnits("document-pages", 15))).owed == 10
    refused(enabled.do(ConsumeUnits("document-pages", 1)), Code.EXHAUSTED)
    stated = read_lfr(enabled.request()).lfr.totals.record.body.lines[0]
    assert (stated.consumed, stated.owed) == (110, 10)


@pytest.mark.rule("Q5", "Q2")
def test_q5_overage_is_touched_only_when_every_line_is_used_up(vendor, enabled):
    soon = line("document-pages", 10, MONDAY, MONDAY + 90 * DAY, overage=50)
    install(vendor, enabled, soon, line("document-pages", 10, MONDAY, YEAR))
    assert granted(enabled.do(ConsumeUnits("document-pages", 20))).owed == 0
    assert enabled.state.consumed(soon.line_id, None) == 10


@pytest.mark.rule("Q5", "expired")
@pytest.mark.parametrize(
    ("after", "state"),
    [(10 * DAY - SECOND, "expiring"), (10 * DAY, "grace"), (13 * DAY - SECOND, "grace"), (13 * DAY, "expired")],
)
def test_q5_grace_goes_on_granting_for_its_days_and_then_denies(vendor, enabled, after, state):
    install(vendor, enabled, line("bot-creator", 1, MONDAY, MONDAY + 10 * DAY, grace=3))
    enabled.wait(seconds=after.total_seconds())
    assert enabled.state_name == state
    answer = enabled.do(AssignUser("bot-creator", "anna"))
    refused(answer, Code.EXPIRED) if state == "expired" else granted(answer)


@pytest.mark.rule("Q5")
def test_q5_in_grace_a_line_counts_only_for_what_its_renewal_does_not_replace(vendor, enabled):
    end = MONDAY + 10 * DAY
    old, new = line("bot-creator", 5, MONDAY, end, grace=30), line("bot-creator", 3, end, YEAR)
    install(vendor, enabled, old, new)
    enabled.wait(days=11)
    products = status(enabled.state, enabled.engine.checkpoint, enabled.now, enabled.reading).products
    assert products[0].granted == 5


@pytest.mark.rule("S")
def test_s_states_by_time_and_each_change_is_a_record(vendor, enabled):
    install(vendor, enabled, line("bot-creator", 1, MONDAY, MONDAY + 40 * DAY, grace=3))
    states = []
    for days in (0, 10, 40, 43):
        enabled.wait(days=days - sum((0, 10, 40, 43)[: (0, 10, 40, 43).index(days)][-1:] or [0]))
        enabled.do(UnassignUser("bot-creator", "nobody"))
        states.append(enabled.state.state_name)
    assert states == ["active", "expiring", "grace", "expired"]
    assert enabled.kinds().count("state.changed") == 5


@pytest.mark.rule("S")
@pytest.mark.parametrize(("left", "shown"), [(31 * DAY, False), (30 * DAY, True), (DAY, True), (-DAY, True)])
def test_s_a_banner_from_30_days_before_the_end(vendor, enabled, left, shown):
    end = MONDAY + 100 * DAY
    install(vendor, enabled, line("bot-creator", 1, MONDAY, end))
    assert (banner(enabled.state, end - left) is not None) is shown


@pytest.mark.rule("S")
def test_a_forecast_tells_the_state_and_what_would_be_refused(vendor, enabled):
    install(vendor, enabled, line("bot-creator", 1, MONDAY, YEAR), line("bot-creator", 1, MONDAY, MONDAY + 50 * DAY))
    for user in ("anna", "bert"):
        enabled.do(AssignUser("bot-creator", user))
    enabled.request()
    size = enabled.engine.checkpoint.size
    missed = forecast(enabled.state, MONDAY + 7 * DAY, MONDAY)
    assert missed.state == "locked"
    assert len(missed.refused) == 2
    assert forecast(enabled.state, MONDAY + 51 * DAY, MONDAY).uncovered[0].newest == ["bert"]
    assert state_name(enabled.state, MONDAY) == "active"
    assert enabled.engine.checkpoint.size == size


@pytest.mark.rule("G3", "G7")
def test_g3_a_refusal_is_a_value_counted_and_stated(licensed):
    for _ in range(3):
        refused(licensed.do(ConsumeUnits("document-pages", 1000)), Code.EXHAUSTED)
    counts = read_lfr(licensed.request()).lfr.totals.record.body.refusals
    assert [(c.code, c.count) for c in counts] == [("exhausted", 3)]


@pytest.mark.rule("G5", "idempotency_conflict")
def test_g5_a_key_is_answered_once_and_refuses_another_request(licensed):
    def consume(units, key):
        return licensed.engine.execute(ConsumeUnits("document-pages", units), licensed.reading, "bot", key)

    first = granted(consume(30, "k-1"))
    licensed.reopen()
    assert consume(30, "k-1") == first
    refused(consume(31, "k-1"), Code.IDEMPOTENCY_CONFLICT)
    assert granted(consume(30, "k-2")).remaining == 40
    assert licensed.verify().holds


@pytest.mark.rule("G5")
def test_g5_keys_are_kept_a_day_and_a_refusal_may_be_tried_again(licensed):
    def consume(units, key):
        return licensed.engine.execute(ConsumeUnits("document-pages", units), licensed.reading, "bot", key)

    refused(consume(101, "k-1"), Code.EXHAUSTED)
    granted(consume(10, "k-1"))
    licensed.wait(hours=24)
    assert granted(consume(10, "k-1")).remaining == 90
    licensed.wait(seconds=1)


@pytest.mark.rule("Q5")
def test_q5_in_grace_the_overage_too_counts_only_once(vendor, enabled):
    end = MONDAY + 30 * DAY
    old = line("bot-creator", 100, MONDAY, end, overage=10, grace=30)
    install(vendor, enabled, old, line("bot-creator", 100, end, YEAR, overage=10))
    for days in (0, 31, 60):
        enabled.wait(days=days)
        products = status(enabled.state, enabled.engine.checkpoint, enabled.now, enabled.reading).products
        assert products[0].granted == 110


@pytest.mark.rule("G1", "not_licensed")
def test_a_product_whose_lines_start_later_is_not_licensed_yet_and_says_from_when(vendor, enabled):
    start = MONDAY + 10 * DAY
    lines = [line("bot-creator", 5, MONDAY, YEAR)]
    lines += [line(sku, 100, start, YEAR) for sku in ("document-pages", "automator-ai")]
    install(vendor, enabled, *lines)
    answers = enabled.do(ConsumeUnits("document-pages", 1)), check_feature(enabled.state, "automator-ai", enabled.now)
    for answer in answers:
        assert f"{start:%Y-%m-%d}" in refused(answer, Code.NOT_LICENSED).message
    granted(enabled.do(AssignUser("bot-creator", "anna")))
    enabled.wait(days=10)
    granted(enabled.do(ConsumeUnits("document-pages", 1)))
