"""Q4: who holds what, in pages: against a plain look through everything, after random lives; and one product whole."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings

from carnet.control_room.queries import holders
from carnet.control_room.queries.holders import Holders, People, UserDetail
from carnet.control_room.queries.overview import ProductDetail
from carnet.control_room.queries.status import product_views
from carnet.control_room.rules.granting.reservations import ReserveUnits
from carnet.control_room.rules.granting.seats import AcquireSeat
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser
from carnet.control_room.state.fold import evolve
from carnet.control_room.state.state import State
from carnet.entitlements import Period, PeriodUnit
from carnet.exchange.verdicts import Code
from tests.support import depth
from tests.support.cast import MONDAY
from tests.support.vendor_simulator import METRICS, line
from tests.support.walk import ACTS, FEATURE, PAGES, SEAT, USER, Walk
from tests.unit.control_room.conftest import YEAR, granted, refused, standard_lines

DAY = timedelta(days=1)
SHRINKING = [
    line(USER, 2, MONDAY, YEAR),
    line(USER, 4, MONDAY, MONDAY + 3 * DAY),
    line(SEAT, 1, MONDAY, YEAR),
    line(SEAT, 3, MONDAY, MONDAY + 2 * DAY),
    line(PAGES, 100, MONDAY, YEAR),
]


def paged(room, question, rows):
    """All pages of it, one after the other."""
    found, after = [], ""
    while after is not None:
        page = granted(room.ask(replace(question, after=after)))
        assert len(rows(page)) <= question.limit
        found, after = [*found, *rows(page)], page.next
    return found


@pytest.mark.rule("Q4")
@settings(max_examples=depth.times(20, 800), deadline=None)
@given(ACTS)
def test_q4_pages_together_are_all_there_are(acts):
    walk = Walk(SHRINKING).take(acts)
    room = walk.room
    for sku, search, oldest in ((USER, "", False), (SEAT, "", True), (SEAT, "OT-1", False), (USER, "uSeR 2", True)):
        quantity = next(each.granted for each in product_views(room.state, room.now) if each.sku == sku)
        held = walk.holders(sku)
        expected = [
            (each.holder, each.lease_id, each.since, each.expires_at, place < quantity)
            for place, each in enumerate(held)
            if search.casefold() in each.holder.casefold()
        ]
        found = paged(room, Holders(sku, search, limit=2, oldest_first=oldest), lambda page: page.holders)
        seen = [(each.holder, each.lease_id, each.since, each.expires_at, each.covered) for each in found]
        assert seen == (expected if oldest else expected[::-1])
    both = paged(room, Holders(limit=3), lambda page: page.holders)
    everyone = [each for sku in (USER, SEAT) for each in walk.holders(sku)]
    assert sorted((each.sku, each.holder) for each in both) == sorted((each.sku, each.holder) for each in everyone)
    assert [each.since for each in both] == sorted((each.since for each in everyone), reverse=True)


@settings(max_examples=depth.times(20, 800), deadline=None)
@given(ACTS)
def test_people_come_once_each_in_the_order_of_names(acts):
    walk = Walk(standard_lines(bot_creator=6)).take(acts)
    names = sorted((each.holder for each in walk.holders(USER)), key=lambda name: (name.casefold(), name))
    found = paged(walk.room, People(limit=2), lambda page: page.people)
    assert [person.user for person in found] == names
    assert walk.room.ask(People()).count == len(names)
    for person in found:
        assert person == walk.room.ask(UserDetail(person.user))
        assert [held.sku for held in person.products] == [USER]


@settings(max_examples=depth.times(20, 800), deadline=None)
@given(ACTS)
def test_what_is_derived_is_the_same_after_a_fold_and_after_a_snapshot(acts):
    room = Walk(standard_lines()).take(acts).room
    folded = State()
    for record in room.engine.reader.records():
        evolve(folded, record)
    loaded = msgspec.json.decode(msgspec.json.encode(folded), type=State)
    for other in (folded, loaded):
        assert other == room.state
        assert list(other.users.people()) == list(room.state.users.people())
        assert list(other.users.roll(USER).newest()) == list(room.state.users.roll(USER).newest())
        for sku, leases in other.leases.items():
            assert list(leases.roll.oldest()) == list(room.state.leases[sku].roll.oldest())


def test_a_search_that_finds_little_says_where_it_stopped(vendor, enabled, monkeypatch):
    monkeypatch.setattr(holders, "LOOKED_AT", 4)
    granted(enabled.install(vendor.olf(enabled.request(), standard_lines(bot_creator=20), MONDAY)))
    for number in range(10):
        granted(enabled.do(AssignUser(USER, f"User {number}")))
    first = enabled.ask(Holders(USER, "user 1"))
    assert (first.holders, first.looked_at, first.in_use, first.granted, first.covered) == ([], 4, 10, 20, 10)
    granted(enabled.do(UnassignUser(USER, "User 6")))  # where it stopped: nobody else is shifted
    granted(enabled.do(AssignUser(USER, "Newer")))
    found, after = [], first.next
    while after:
        page = enabled.ask(Holders(USER, "user 1", after))
        found, after = [*found, *page.holders], page.next
    assert [each.holder for each in found] == ["User 1"]
    assert enabled.ask(People("user 9")).next == "User 2"


@pytest.mark.rule("Q4")
def test_a_person_holds_several_products_and_each_says_whether_it_is_covered(vendor, enabled, monkeypatch):
    monkeypatch.setitem(METRICS, "citizen-developer", METRICS[USER])
    soon = line("citizen-developer", 1, MONDAY, MONDAY + DAY)
    lines = [line(USER, 2, MONDAY, YEAR), soon]
    granted(enabled.install(vendor.olf(enabled.request(), lines, MONDAY)))
    granted(enabled.do(AssignUser(USER, "mara")))
    enabled.wait(hours=1)
    granted(enabled.do(AssignUser("citizen-developer", "mara")))
    enabled.wait(days=1)
    person = enabled.ask(UserDetail("mara"))
    assert [(held.name, held.covered) for held in person.products] == [
        ("Bot Creator", True),
        ("Citizen Developer", False),
    ]
    assert person.products[0].since == MONDAY
    granted(enabled.do(UnassignUser(USER, "mara")))
    assert [person.user for person in enabled.ask(People()).people] == ["mara"]
    granted(enabled.do(UnassignUser("citizen-developer", "mara")))
    assert enabled.ask(People()).people == enabled.ask(UserDetail("mara")).products == []


def test_strange_pages_are_refused(licensed):
    strange = [Holders(limit=0), Holders(search="x" * 201), Holders(after="-1"), Holders(after="²"), People(limit=501)]
    for question in strange:
        refused(licensed.ask(question), Code.MALFORMED)
    assert licensed.ask(Holders("made-up")).holders == []


# --- one product -------------------------------------------------------------------------------------------------


@pytest.mark.rule("Q2", "Q5")
def test_a_product_shows_its_lines_with_their_policy_and_how_they_stand(vendor, enabled):
    lines = [
        line(PAGES, 10, MONDAY, MONDAY + 5 * DAY, overage=20, grace=3),
        line(PAGES, 50, MONDAY, YEAR, period=Period(unit=PeriodUnit.MONTH, start=MONDAY)),
        line(PAGES, 70, MONDAY + 100 * DAY, YEAR + DAY),
    ]
    granted(enabled.install(vendor.olf(enabled.request(), lines, MONDAY)))
    granted(enabled.do(ReserveUnits(PAGES, 4, 86_400)))
    shown = enabled.ask(ProductDetail(PAGES))
    assert [each.now for each in shown.lines] == ["in_force", "in_force", "later"]
    assert (shown.lines[0].with_overage, shown.lines[0].overage_percent, shown.lines[0].grace_days) == (12, 20, 3)
    assert (shown.lines[1].period, shown.lines[1].period_start) == ("month", MONDAY)
    assert (shown.reservations, shown.row.view.reserved) == (1, 4)
    enabled.wait(days=6)
    shown = enabled.ask(ProductDetail(PAGES, 2))
    assert (shown.lines[0].now, shown.reservations, len(shown.days)) == ("grace", 0, 2)
    enabled.wait(days=2)
    assert enabled.ask(ProductDetail(PAGES)).lines[0].now == "ended"


@pytest.mark.rule("G7")
def test_g7_a_product_shows_its_newest_refusals_and_only_its_own(licensed):
    for number in range(30):
        licensed.wait(minutes=1)
        refused(licensed.do(AcquireSeat(SEAT, f"bot-{number}", 1)), Code.MALFORMED)
    refused(licensed.do(AcquireSeat("made-up", "bot")), Code.NOT_GRANTED)
    shown = licensed.ask(ProductDetail(SEAT)).refusals
    assert len(shown) == 20
    assert (shown[0].at, shown[0].actor, shown[0].what, shown[0].code) == (licensed.now, "anna", "acquire", "malformed")
    assert shown == sorted(shown, key=lambda each: each.at, reverse=True)
    assert set(licensed.state.newest_refusals) == {SEAT}
    licensed.reopen()
    assert licensed.ask(ProductDetail(SEAT)).refusals == shown


def test_a_product_that_the_license_leaves_out_keeps_its_history(vendor, licensed):
    granted(licensed.install(vendor.olf(licensed.request(), standard_lines(automator_ai=0), MONDAY)))
    shown = licensed.ask(ProductDetail(FEATURE))
    assert (shown.row, shown.lines) == (None, [])
    refused(licensed.ask(ProductDetail("made-up")), Code.NOT_FOUND)


def test_seats_alone_are_asked_for_without_the_users(licensed):
    granted(licensed.do(AssignUser(USER, "anna")))
    granted(licensed.do(AcquireSeat(SEAT, "bot-1")))
    found = granted(licensed.ask(Holders(only_seats=True)))
    assert [each.holder for each in found.holders] == ["bot-1"]
    assert (found.in_use, found.granted) == (1, 2)
    assert len(granted(licensed.ask(Holders())).holders) == 2
