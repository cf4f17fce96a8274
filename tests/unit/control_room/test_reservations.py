"""G2: reserve → settle or cancel; what a reservation holds, and what becomes of it (E8, E10, E11, Q2, Q5)."""

from datetime import timedelta

import pytest

from carnet.control_room.engine.engine import QueuedCommand
from carnet.control_room.queries.license_preview import preview
from carnet.control_room.queries.status import product_views
from carnet.control_room.rules.granting.permissions import refuse
from carnet.control_room.rules.granting.reservations import CancelUnits, ReserveUnits, SettleUnits
from carnet.control_room.rules.granting.seats import AcquireSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.entitlements import Period, PeriodUnit
from carnet.exchange.license_file_request import RequestKind, read_lfr
from carnet.exchange.verdicts import Code
from tests.support.cast import MONDAY
from tests.support.vendor_simulator import line
from tests.unit.control_room.conftest import YEAR, granted, refused
from tests.unit.control_room.test_api_keys import make

PAGES = "document-pages"
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
NEVER = "00000000-0000-7000-8000-000000000000"


def install(vendor, room, *lines):
    granted(room.install(vendor.olf(room.request(), lines, room.now)))
    return room


def reserve(room, units, ttl=600):
    return granted(room.do(ReserveUnits(PAGES, units, ttl)))


def left(room):
    return next(view.remaining for view in product_views(room.state, room.now) if view.sku == PAGES)


def stated(request):
    return {total.sku: total.consumed for total in read_lfr(request).lfr.totals.record.body.lines}[PAGES]


@pytest.mark.rule("G2", "exhausted", "unknown_reservation")
def test_g2_what_is_reserved_is_held_settled_once_and_the_rest_is_free(licensed):
    held = reserve(licensed, 60)
    assert (held.units, held.remaining, held.expires_at) == (60, 40, MONDAY + timedelta(minutes=10))
    assert next(view.reserved for view in product_views(licensed.state, licensed.now) if view.sku == PAGES) == 60
    before = licensed.dump()
    for command in (ConsumeUnits(PAGES, 41), ReserveUnits(PAGES, 41)):
        refused(licensed.do(command), Code.EXHAUSTED)
    assert licensed.dump() == before
    settled = granted(licensed.do(SettleUnits(held.reservation_id, 25)))
    assert (settled.sku, settled.units, settled.remaining, settled.owed) == (PAGES, 25, 75, 0)
    for command in (SettleUnits(held.reservation_id, 1), CancelUnits(held.reservation_id), SettleUnits(NEVER, 1)):
        refused(licensed.do(command), Code.UNKNOWN_RESERVATION)
    assert granted(licensed.do(ConsumeUnits(PAGES, 75))).remaining == 0
    assert licensed.verify().holds


@pytest.mark.rule("G2", "unknown_reservation")
def test_g2_cancelling_gives_all_of_it_back(licensed):
    held = reserve(licensed, 60)
    answer = granted(licensed.do(CancelUnits(held.reservation_id)))
    assert (answer.units, answer.expires_at, answer.remaining) == (60, None, 100)
    refused(licensed.do(CancelUnits(held.reservation_id)), Code.UNKNOWN_RESERVATION)
    other = reserve(licensed, 100)
    assert granted(licensed.do(SettleUnits(other.reservation_id, 0))).remaining == 100, "settling nothing is cancelling"
    assert licensed.kinds().count("reservation.cancelled") == 2
    assert stated(licensed.request()) == 0


@pytest.mark.rule("G2", "exhausted", "malformed")
def test_g2_nobody_settles_more_than_was_reserved_or_less_than_nothing(licensed):
    held = reserve(licensed, 10)
    before = licensed.dump()
    refused(licensed.do(SettleUnits(held.reservation_id, 11)), Code.EXHAUSTED)
    for command in (
        SettleUnits(held.reservation_id, -1),
        ConsumeUnits(PAGES, 0),
        ConsumeUnits(PAGES, -5),
        ReserveUnits(PAGES, 0),
        ReserveUnits(PAGES, 1, 4),
        ReserveUnits(PAGES, 1, 86_401),
    ):
        refused(licensed.do(command), Code.MALFORMED)
    assert licensed.dump() == before
    granted(licensed.do(SettleUnits(held.reservation_id, 10)))


@pytest.mark.rule("G1", "G2", "not_granted", "not_licensed")
def test_g2_reserving_is_granted_as_consuming_is(licensed, vendor):
    refused(licensed.do(ReserveUnits("bot-creator", 1)), Code.NOT_GRANTED)
    refused(licensed.do(ReserveUnits("other", 1)), Code.NOT_GRANTED)
    refused(licensed.do(ReserveUnits(PAGES, 101)), Code.EXHAUSTED)
    licensed.request(RequestKind.RELEASE)
    refused(licensed.do(ReserveUnits(PAGES, 1)), Code.RELEASED)


@pytest.mark.rule("G2", "unknown_reservation")
def test_g2_whether_it_is_over_is_judged_at_each_decision_and_a_sweep_only_writes_it_down(licensed):
    held, later = reserve(licensed, 60, 60), reserve(licensed, 40, 120)
    licensed.wait(seconds=59)
    refused(licensed.do(ConsumeUnits(PAGES, 1)), Code.EXHAUSTED)
    licensed.wait(seconds=1)
    assert left(licensed) == 60, "before anything was written down"
    assert licensed.state.reservations.held(*line_of(licensed), MONDAY) == 100, "and time may be asked about backwards"
    assert left(licensed) == 60
    refused(licensed.do(SettleUnits(held.reservation_id, 1)), Code.UNKNOWN_RESERVATION)
    refused(licensed.do(CancelUnits(held.reservation_id)), Code.UNKNOWN_RESERVATION)
    assert licensed.kinds().count("reservation.expired") == 1
    assert list(licensed.state.reservations.by_id) == [later.reservation_id]
    granted(licensed.do(ConsumeUnits(PAGES, 60)))
    granted(licensed.do(SettleUnits(later.reservation_id, 40)))


def line_of(room):
    line_id = next(each.line_id for each in room.state.installed.lines if each.sku == PAGES)
    return line_id, None


@pytest.mark.rule("E8", "locked")
def test_e8_a_locked_site_settles_what_is_reserved_and_reserves_nothing(licensed):
    licensed.request()
    licensed.wait(days=6, hours=23)
    held, other = reserve(licensed, 30, 86_400), reserve(licensed, 10, 86_400)
    licensed.wait(hours=2)
    refused(licensed.do(ReserveUnits(PAGES, 1)), Code.LOCKED)
    refused(licensed.do(ConsumeUnits(PAGES, 1)), Code.LOCKED)
    assert granted(licensed.do(SettleUnits(held.reservation_id, 20))).remaining == 70
    assert granted(licensed.do(CancelUnits(other.reservation_id))).remaining == 80


@pytest.mark.rule("G2", "expired")
def test_g2_what_was_reserved_is_settled_after_the_license_ended(vendor, enabled):
    install(vendor, enabled, line(PAGES, 10, MONDAY, MONDAY + DAY))
    enabled.wait(hours=23)
    held = reserve(enabled, 10, 7200)
    enabled.wait(hours=1)
    refused(enabled.do(ReserveUnits(PAGES, 1)), Code.EXPIRED)
    settled = granted(enabled.do(SettleUnits(held.reservation_id, 4)))
    assert (settled.remaining, stated(enabled.request())) == (0, 4)


@pytest.mark.rule("E10", "G2", "does_not_fit")
@pytest.mark.parametrize("way_out", [CancelUnits, lambda held: SettleUnits(held, 7)])
def test_e10_a_license_file_that_leaves_a_line_out_waits_for_what_is_reserved_on_it(vendor, licensed, way_out):
    held, line_id = reserve(licensed, 10, 86_400), line_of(licensed)[0]
    other = line(PAGES, 5, MONDAY, YEAR, line_id=NEVER)
    olf = vendor.olf(licensed.request(), [other], licensed.now)
    before = licensed.dump()
    refusal = refused(licensed.install(olf), Code.DOES_NOT_FIT)
    assert refusal.message == "Does not fit: 10 document-pages are reserved on a line that is left out."
    assert refusal.next == "Settle or cancel what is reserved, then install the file again."
    assert refusal.evidence == (f"document-pages is reserved by: {held.reservation_id}",)
    (shown,) = preview(olf, licensed.state, licensed.engine.moment(licensed.reading)).still_reserved
    assert (shown.sku, shown.units, shown.reservations) == (PAGES, 10, [held.reservation_id])
    assert licensed.dump() == before
    granted(licensed.do(way_out(held.reservation_id)))
    granted(licensed.install(olf))
    consumed = licensed.state.consumed(line_id, None)
    totals = {total.line_id: total.consumed for total in read_lfr(licensed.request()).lfr.totals.record.body.lines}
    assert totals[line_id] == consumed
    assert consumed in (0, 7)
    assert licensed.verify().holds


@pytest.mark.rule("E10", "G2")
def test_e10_what_was_reserved_and_is_over_is_in_nobodys_way(vendor, licensed):
    reserve(licensed, 10, 60)
    olf = vendor.olf(licensed.request(), [line(PAGES, 5, MONDAY, YEAR, line_id=NEVER)], licensed.now)
    licensed.wait(seconds=60)
    granted(licensed.install(olf))


@pytest.mark.rule("H2", "H4", "G2", "L3", "unknown_reservation")
def test_h2_an_lfr_after_a_lines_end_counts_what_is_reserved_on_it_in_full_and_for_good(vendor, enabled):
    """Else units that CALM took back for unused would be settled after that."""
    ends = MONDAY + 30 * DAY
    soon = line(PAGES, 12, MONDAY, ends, grace=2)
    later = line(PAGES, 50, MONDAY, YEAR, line_id=NEVER)
    install(vendor, enabled, soon, later)
    enabled.wait(seconds=(ends + 2 * DAY - MONDAY - timedelta(hours=1)).total_seconds())
    both, other = reserve(enabled, 20, 86_400), None
    assert stated_of(enabled.request()) == {soon.line_id: 0, NEVER: 0}, "in grace nothing is final"
    assert reserved_of(enabled.request()) == {soon.line_id: 12, NEVER: 8}
    other = reserve(enabled, 5, 86_400)
    enabled.wait(hours=1)
    lfr = enabled.request()
    assert (stated_of(lfr), reserved_of(lfr)) == ({soon.line_id: 12, NEVER: 8}, {soon.line_id: 0, NEVER: 5})
    before = enabled.state.consumed(soon.line_id, None)
    for command in (SettleUnits(both.reservation_id, 3), CancelUnits(both.reservation_id)):
        refusal = refused(enabled.do(command), Code.UNKNOWN_RESERVATION)
        assert "an LFR counted it in full because the license of its units had ended" in refusal.message
    assert enabled.state.consumed(soon.line_id, None) == before == 12
    assert granted(enabled.do(SettleUnits(other.reservation_id, 1))).units == 1, "of a line that goes on"
    assert stated_of(enabled.request()) == {soon.line_id: 12, NEVER: 9}
    assert enabled.verify().holds


def reserved_of(request):
    return {total.line_id: total.reserved for total in read_lfr(request).lfr.totals.record.body.lines}


def stated_of(request):
    return {total.line_id: total.consumed for total in read_lfr(request).lfr.totals.record.body.lines}


@pytest.mark.rule("Q2")
def test_q2_a_reservation_settles_in_the_period_in_which_it_was_made(vendor, enabled):
    pages = line(PAGES, 100, MONDAY, YEAR, period=Period(unit=PeriodUnit.MONTH, start=MONDAY))
    install(vendor, enabled, pages)
    october = MONDAY.replace(month=10)
    enabled.wait(seconds=(october - MONDAY - SECOND).total_seconds())
    held = reserve(enabled, 80)
    enabled.wait(seconds=1)
    assert left(enabled) == 100
    assert granted(enabled.do(ConsumeUnits(PAGES, 90))).remaining == 10
    assert granted(enabled.do(SettleUnits(held.reservation_id, 80))).remaining == 10
    assert enabled.state.consumed(pages.line_id, MONDAY) == 80
    assert enabled.state.consumed(pages.line_id, october) == 90
    assert enabled.verify().holds


@pytest.mark.rule("Q2", "Q5")
def test_q2_settling_takes_the_soonest_ending_line_first_and_an_overage_last(vendor, enabled):
    soon = line(PAGES, 10, MONDAY, MONDAY + 90 * DAY, overage=50, line_id=NEVER)
    late = line(PAGES, 10, MONDAY, YEAR)
    install(vendor, enabled, late, soon)
    held = reserve(enabled, 25)
    assert held.remaining == 0
    refused(enabled.do(ReserveUnits(PAGES, 1)), Code.EXHAUSTED)
    settled = granted(enabled.do(SettleUnits(held.reservation_id, 12)))
    assert (settled.owed, settled.remaining) == (0, 8)
    assert (enabled.state.consumed(soon.line_id, None), enabled.state.consumed(late.line_id, None)) == (10, 2)
    held = reserve(enabled, 13)
    assert granted(enabled.do(SettleUnits(held.reservation_id, 13))).owed == 5
    assert enabled.state.consumed(soon.line_id, None) == 15


@pytest.mark.rule("E10", "does_not_fit")
def test_e10_what_is_reserved_counts_as_consumed(vendor, licensed):
    pages = next(each for each in licensed.state.installed.lines if each.sku == PAGES)
    rest = [each for each in licensed.state.installed.lines if each.sku != PAGES]
    granted(licensed.do(ConsumeUnits(PAGES, 30)))
    reserve(licensed, 30, 3600)

    def reduced(quantity):
        lines = [*rest, line(PAGES, quantity, MONDAY, YEAR, line_id=pages.line_id)]
        return vendor.olf(request, lines, licensed.now)

    request = licensed.request()
    assert "60 document-pages" in refused(licensed.install(reduced(59)), Code.DOES_NOT_FIT).message
    assert preview(reduced(60), licensed.state, licensed.engine.moment(licensed.reading)).refused is None
    licensed.wait(hours=1)
    granted(licensed.install(reduced(59)))


@pytest.mark.rule("L3")
def test_l3_an_open_reservation_is_in_no_totals(licensed):
    held = reserve(licensed, 30)
    assert stated(licensed.request()) == 0
    granted(licensed.do(SettleUnits(held.reservation_id, 30)))
    assert stated(licensed.request()) == 30
    assert licensed.verify().holds


@pytest.mark.rule("E11", "released", "unknown_reservation")
def test_e11_a_release_settles_every_open_reservation_in_full_and_later_settling_is_refused(vendor, licensed):
    over, held = reserve(licensed, 10, 5), reserve(licensed, 30, 86_400)
    granted(licensed.do(ConsumeUnits(PAGES, 7)))
    licensed.wait(seconds=5)
    assert stated(licensed.request(RequestKind.RELEASE)) == 37
    for key in (held.reservation_id, over.reservation_id, NEVER):
        refused(licensed.do(SettleUnits(key, 1)), Code.RELEASED)
        refused(licensed.do(CancelUnits(key)), Code.UNKNOWN_RESERVATION)
    assert stated(licensed.request(RequestKind.RELEASE)) == 37, "the same again"
    assert licensed.verify().holds
    licensed.reopen()
    granted(licensed.enable(vendor.token(licensed.now)))
    refused(licensed.do(SettleUnits(held.reservation_id, 1)), Code.UNKNOWN_RESERVATION)


@pytest.mark.rule("E11")
def test_e11_a_release_with_nothing_but_reservations_open_states_them(vendor, enabled):
    soon = line(PAGES, 10, MONDAY, MONDAY + 90 * DAY, overage=50)
    install(vendor, enabled, soon)
    reserve(enabled, 15)
    total = read_lfr(enabled.request(RequestKind.RELEASE)).lfr.totals.record.body.lines[0]
    assert (total.consumed, total.owed) == (15, 5)
    assert enabled.verify().holds


@pytest.mark.rule("G4", "G5", "G6")
def test_g6_reservations_outlive_a_restart_and_get_one_time_to_live_from_there(licensed):
    held = reserve(licensed, 60, 600)
    licensed.wait(hours=2)
    licensed.reboot()
    assert granted(licensed.do(ConsumeUnits(PAGES, 1))).remaining == 39
    licensed.wait(seconds=599)
    refused(licensed.do(ConsumeUnits(PAGES, 40)), Code.EXHAUSTED)
    licensed.reopen()
    granted(licensed.do(SettleUnits(held.reservation_id, 60)))
    assert licensed.state.reservations.by_id == {}
    assert "leases.extended" in licensed.kinds()


@pytest.mark.rule("G6")
def test_g6_what_was_over_before_a_restart_stays_over(licensed):
    held = reserve(licensed, 60, 600)
    licensed.wait(seconds=600)
    licensed.do(ConsumeUnits(PAGES, 1))
    licensed.reboot()
    refused(licensed.do(SettleUnits(held.reservation_id, 60)), Code.UNKNOWN_RESERVATION)
    assert left(licensed) == 99


@pytest.mark.rule("G5")
def test_g5_a_repeated_key_reserves_and_settles_once(licensed):
    def do(command, key):
        return granted(licensed.engine.execute(command, licensed.reading, "bot", key))

    held = do(ReserveUnits(PAGES, 60), "k-1")
    licensed.reopen()
    assert do(ReserveUnits(PAGES, 60), "k-1") == held
    first = do(SettleUnits(held.reservation_id, 10), "k-2")
    assert do(SettleUnits(held.reservation_id, 10), "k-2") == first
    assert left(licensed) == 90


@pytest.mark.rule("A1", "unknown_reservation")
@pytest.mark.parametrize("released", [False, True])
def test_a1_a_reservation_of_another_product_is_answered_as_an_unknown_one(licensed, released):
    key, pages = make(licensed, products=["bot-creator"]), make(licensed, products=[PAGES])
    held = reserve(licensed, 10).reservation_id
    assert refuse(pages, CancelUnits(held), licensed.state) is None
    if released:
        licensed.request(RequestKind.RELEASE)
    for command in (lambda of: SettleUnits(of, 1), CancelUnits):
        unknown = licensed.do(command(NEVER))
        assert refuse(key, command(NEVER), licensed.state) is None
        hidden = refuse(key, command(held), licensed.state) or licensed.do(command(held))
        assert repr(hidden) == repr(unknown).replace(NEVER, held)


def test_a_snapshot_holds_reservations_as_they_are(licensed):
    import msgspec

    from carnet.control_room.state.state import State

    reserve(licensed, 60, 60)
    reserve(licensed, 30, 600)
    again = msgspec.json.decode(msgspec.json.encode(licensed.state), type=State)
    for seconds in (0, 59, 60, 600, 0):
        at = MONDAY + seconds * SECOND
        held = licensed.state.reservations.held(*line_of(licensed), at)
        assert again.reservations.held(*line_of(licensed), at) == held
    assert again == licensed.state


@pytest.mark.rule("A1", "G5", "idempotency_conflict")
def test_a1_a_key_used_before_does_not_tell_an_id_out_of_scope_from_an_unknown_one(licensed):
    bots = make(licensed, products=["unattended-bot-runner"])
    held = reserve(licensed, 10).reservation_id
    granted(
        licensed.engine.execute_all([ordered(AcquireSeat("unattended-bot-runner", "b"), bots)], licensed.reading)[0]
    )
    for reservation_id in (held, NEVER):
        (answer,) = licensed.engine.execute_all([ordered(CancelUnits(reservation_id), bots)], licensed.reading)
        refused(answer, Code.IDEMPOTENCY_CONFLICT)


def ordered(command, api_key):
    return QueuedCommand(command, f"cnk_{api_key.key_id}", "k-1", api_key)
