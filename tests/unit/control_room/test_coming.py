"""S, Q4: a product that shrinks or ends before the license does is told by itself, the same at every door."""

import json
import re
from datetime import timedelta
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from carnet.control_room.cli import exchange, setup, show
from carnet.control_room.pages.licenses.rows import coming_sentences
from carnet.control_room.pages.what_if.chart import draw
from carnet.control_room.queries.banner import banner, change_banner
from carnet.control_room.queries.forecast import seen_first, seen_on
from carnet.control_room.queries.holders import Holders
from carnet.control_room.queries.license_preview import PreviewLicense
from carnet.control_room.queries.notices import due_notices
from carnet.control_room.queries.overview import Overview
from carnet.control_room.queries.questions import Forecast, Status
from carnet.control_room.queries.what_if import WhatIf
from carnet.control_room.rest.monitoring import Counted, Metrics, text
from carnet.control_room.rules.granting.features import CheckFeature
from carnet.control_room.rules.granting.seats import AcquireSeat, RenewSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, CheckUser
from carnet.entitlements import Period, PeriodUnit, new_id
from carnet.exchange.verdicts import Code
from carnet.exchange.windows import Windows
from tests.support.cast import MONDAY
from tests.support.vendor_simulator import METRICS, line
from tests.unit.control_room.conftest import YEAR, granted, refused, standard_lines

REST_GUIDE = Path(__file__).parents[3] / "docs/guides/rest.md"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
USER, SEAT, PAGES, FEATURE = "bot-creator", "unattended-bot-runner", "document-pages", "automator-ai"
SOON = MONDAY + 20 * DAY
WORDS = "Bot Creator: 10 until 2026-10-04 08:00 (UTC), then 2. Not covered then: 2 of the 4 in use."


def licensed_by(vendor, room, *lines):
    granted(room.install(vendor.olf(room.request(), lines, room.now)))
    return room


def partly_renewed():
    return [line(USER, 10, MONDAY, SOON), line(USER, 2, SOON, YEAR), line(FEATURE, 1, MONDAY, YEAR)]


@pytest.fixture
def room(vendor, enabled):
    """Four people hold what shrinks from 10 to 2 in twenty days, while the license itself goes on for a year."""
    licensed_by(vendor, enabled, *partly_renewed())
    for name in ("anna", "bert", "cleo", "dora"):
        granted(enabled.do(AssignUser(USER, name)))
    return enabled


def printed(show_it, answer):
    out = StringIO()
    show_it(Console(file=out, width=400), answer)
    return out.getvalue()


def product(status, sku):
    return next(each for each in status.products if each.sku == sku)


@pytest.mark.rule("S", "Q4")
def test_every_door_says_the_same_of_what_comes(room):
    status = room.ask(Status())
    view = product(status, USER)
    (shrinks, ends) = view.changes
    assert (shrinks.words, shrinks.before, shrinks.after, shrinks.when, shrinks.uncovered) == (WORDS, 10, 2, SOON, 2)
    assert (ends.after, ends.when, ends.announced, view.ends) == (0, YEAR, False, YEAR)
    assert (view.state, status.state, product(status, FEATURE).state) == ("expiring", "active", "active")
    assert WORDS in status.banner
    assert WORDS in printed(show.status, status)
    assert f"Bot Creator: {view.coming}\n" in printed(show.status, status)
    notice = next(each for each in due_notices(room.state, room.now) if each.id.startswith("change:"))
    assert WORDS in notice.text
    rest = json.loads(msgspec.json.encode(status))
    assert next(each for each in rest["products"] if each["sku"] == USER)["changes"][0]["words"] == WORDS
    row = next(each for each in room.ask(Overview()).rows if each.view.sku == USER)
    assert row.view.changes[0].words == WORDS
    on = room.ask(WhatIf(SOON + DAY))
    assert [each.words for each in on.changes] == [WORDS]
    assert WORDS in printed(setup._forecast, room.ask(Forecast(SOON + DAY)))
    assert (on.uncovered, on.products[1].in_use) == (room.ask(Forecast(SOON + DAY)).uncovered, 4)


@pytest.mark.rule("S")
def test_metrics_say_when_to_how_many_and_how_many_lose(room):
    figures = text(room.ask(Metrics()), Counted({}, 0, {})).decode()
    (when,) = re.findall(rf'carnet_product_lowers_timestamp_seconds\{{sku="{USER}"\}} (\S+)', figures)
    assert float(when) == SOON.timestamp()
    assert f'carnet_product_state{{sku="{USER}",state="expiring"}} 1.0' in figures
    for name in re.findall(r"`(carnet_product_\w+)\{", REST_GUIDE.read_text()):
        assert f"\n{name}{{" in figures, name
    assert f'carnet_product_lowers_to{{sku="{USER}"}} 2.0' in figures
    assert f'carnet_product_lowers_uncovered{{sku="{USER}"}} 2.0' in figures
    assert f'carnet_product_lowers_uncovered{{sku="{FEATURE}"}} 0.0' in figures


@pytest.mark.rule("S", "E18")
def test_it_is_told_at_the_steps_of_an_end_each_once(room):
    sent, told = set(), []
    for hours in range(0, 30 * 24, 5):
        for notice in due_notices(room.state, MONDAY + hours * HOUR, sent):
            sent.add(notice.id)
            told.append(notice.id)
    steps = [each.rpartition(":")[2] for each in told if each.startswith("change:")]
    assert steps == ["30", "15", "7", "3", "2", "1", "0"]
    assert len(told) == len(steps)  # the license itself ends in a year


@pytest.mark.rule("S", "E18")
def test_its_banner_stands_beside_the_other_and_stays_in_the_last_days(room):
    room.request()
    assert banner(room.state, MONDAY).kind == "cycle"
    found = [change_banner(room.state, at) for at in (SOON - 8 * DAY, SOON - 7 * DAY, SOON - HOUR)]
    assert [(each.dismissible, each.tone) for each in found] == [(True, "warn"), (False, "bad"), (False, "bad")]
    assert change_banner(room.state, SOON) is None
    assert change_banner(room.state, SOON - 31 * DAY) is None


@pytest.mark.rule("S", "E18")
def test_the_steps_are_those_of_the_windows(vendor, enabled):
    vendor.windows = Windows(expiry_notice_days=(9, 2), banner_stays_days=1)
    licensed_by(vendor, enabled, *partly_renewed())
    assert change_banner(enabled.state, SOON - 9 * DAY - HOUR) is None
    assert change_banner(enabled.state, SOON - 2 * DAY).dismissible
    assert [each.id.rpartition(":")[2] for each in due_notices(enabled.state, SOON - 3 * DAY)] == ["9"]


@pytest.mark.rule("S")
def test_an_add_on_that_ends_is_told_although_the_license_goes_on(vendor, enabled):
    licensed_by(vendor, enabled, line(USER, 20, MONDAY, YEAR), line(SEAT, 5, MONDAY, MONDAY + 5 * DAY))
    for name in ("bot-1", "bot-2"):
        granted(enabled.do(AcquireSeat(SEAT, name)))
    status = enabled.ask(Status())
    assert product(status, SEAT).coming == "5 until 2026-09-19 08:00 (UTC), then none"
    assert "Unattended Bot Runner ends in 5 d 0 h." in status.coming.title
    assert "Not covered then: 2 of the 2 in use." in status.coming.text
    enabled.wait(days=6)
    assert product(enabled.ask(Status()), SEAT).state == "expired"
    assert enabled.state_name == "active"


@pytest.mark.rule("S")
def test_what_comes_with_the_end_of_the_license_is_told_with_that_alone(licensed):
    for days in range(0, 366, 5):
        assert change_banner(licensed.state, MONDAY + days * DAY) is None
        assert all(not each.id.startswith("change") for each in due_notices(licensed.state, MONDAY + days * DAY))
    licensed.wait(days=340)
    assert {each.state.value for each in licensed.ask(Status()).products} == {"expiring"}


@pytest.mark.rule("S")
def test_a_renewal_bought_early_in_full_says_nothing(vendor, enabled):
    licensed_by(vendor, enabled, line(USER, 10, MONDAY, SOON), line(USER, 10, SOON, YEAR))
    status = enabled.ask(Status())
    assert (status.coming, product(status, USER).coming, product(status, USER).state) == (None, "", "active")
    assert due_notices(enabled.state, SOON - DAY) == []


@pytest.mark.rule("S", "Q5")
def test_grace_is_counted_to_the_end_of_the_line_and_grants_on(vendor, enabled):
    licensed_by(vendor, enabled, line(SEAT, 5, MONDAY, SOON, grace=14), line(USER, 1, MONDAY, YEAR))
    assert change_banner(enabled.state, SOON - HOUR).title == "Unattended Bot Runner ends in 1 h 0 min."
    assert change_banner(enabled.state, SOON).title == "Unattended Bot Runner is in grace for 14 d 0 h."
    assert change_banner(enabled.state, SOON + 14 * DAY) is None
    enabled.wait(days=21)
    assert product(enabled.ask(Status()), SEAT).state == "grace"


@pytest.mark.rule("S", "Q2")
def test_units_that_are_left_lapse_with_their_line(vendor, enabled):
    licensed_by(vendor, enabled, line(PAGES, 100, MONDAY, SOON), line(PAGES, 10, MONDAY, YEAR))
    granted(enabled.do(ConsumeUnits(PAGES, 30)))
    assert product(enabled.ask(Status()), PAGES).changes[0].lapses == 70
    assert "What is left then lapses: at most 70." in enabled.ask(Status()).banner


@pytest.mark.rule("S")
def test_many_products_at_one_moment_are_one_notice(vendor, enabled):
    skus = ("bot-creator", "citizen-developer", "attended-bot-runner", "unattended-bot-runner", "document-pages")
    ending = [line(sku, 5, MONDAY, SOON) for sku in skus if sku in METRICS]
    licensed_by(vendor, enabled, *ending, line(FEATURE, 1, MONDAY, YEAR))
    found = [each for each in due_notices(enabled.state, SOON - DAY) if each.id.startswith("change")]
    assert len(found) == 1
    assert f"and {len(ending) - 1} more products" in found[0].subject


@pytest.mark.rule("S")
def test_the_preview_says_what_will_change_before_the_file_is_installed(vendor, room):
    renewed = room.copy()
    file = vendor.olf(renewed.request(), [line(USER, 5, room.now, SOON + DAY), *partly_renewed()[1:]], renewed.now)
    answer = renewed.ask(PreviewLicense(file))
    change = next(each for each in answer.changes if each.sku == USER)
    assert change.coming == "5 until 2026-10-04 08:00 (UTC), then 7 until 2026-10-05 08:00 (UTC), then 2"
    told = printed(exchange._preview, answer)
    assert all(coming.words in told for coming in change.changes if coming.announced)
    assert "Not covered then: 2 of the 4 in use." in told
    assert renewed.ask(Status()).installed.sequence == room.ask(Status()).installed.sequence


@pytest.mark.rule("S", "E8", "expired")
def test_on_a_locked_and_expired_site_what_ended_is_the_reason_and_not_the_lock(vendor, enabled):
    licensed_by(vendor, enabled, *(line(sku, 2, MONDAY, SOON) for sku in (USER, SEAT, FEATURE)))
    granted(enabled.do(AssignUser(USER, "anna")))
    enabled.wait(hours=20 * 24 - 7 * 24 - 1)
    enabled.request()
    enabled.wait(hours=7 * 24 - 1)
    seat = granted(enabled.do(AcquireSeat(SEAT, "bot-1", 86_400)))
    codes = {each.what: (each.code, each.why) for each in enabled.ask(WhatIf(SOON + HOUR)).answers}
    enabled.wait(hours=2)
    status = enabled.ask(Status())
    assert (status.state, status.state_by_time) == ("locked", "expired")
    size = enabled.engine.checkpoint.size
    assert "go on" not in refused(enabled.do(AssignUser(USER, "bert")), Code.LOCKED).message
    refused(enabled.ask(CheckUser(USER, "anna")), Code.EXPIRED)
    refused(enabled.ask(CheckUser(USER, "nobody-assigned")), Code.EXPIRED)
    refused(enabled.ask(CheckFeature(FEATURE)), Code.EXPIRED)
    refused(enabled.do(RenewSeat(seat.lease_id)), Code.EXPIRED)
    assert not [each for each in enabled.kinds()[size:] if each.startswith(("seat", "user"))]  # nothing moved
    for what in ("Renew a running seat", "People who hold a license", "Use a feature"):
        assert codes[what][0] == "expired", what
    assert "go on" not in "".join(why for _, why in codes.values())


@pytest.mark.rule("S", "Q2")
def test_units_of_a_new_period_or_line_are_not_likely_exhausted(vendor, enabled):
    monthly = Period(unit=PeriodUnit.MONTH, start=MONDAY)
    licensed_by(vendor, enabled, line(PAGES, 100, MONDAY, YEAR, period=monthly))
    granted(enabled.do(ConsumeUnits(PAGES, 90)))
    enabled.wait(days=15)  # 90 in 15 days: 10 are left, for less than two days

    def likely(days):
        (answer,) = [each for each in enabled.ask(WhatIf(MONDAY + days * DAY)).answers if each.what == "Use units"]
        return answer.likely

    assert [likely(days) for days in (16, 20, 29, 31, 35, 50)] == [False, True, True, False, False, True]
    licensed_by(vendor, enabled, line(PAGES, 100, MONDAY, SOON), line(PAGES, 100, SOON, YEAR))
    granted(enabled.do(ConsumeUnits(PAGES, 99)))
    assert [likely(days) for days in (19, 21)] == [True, False]


@pytest.mark.rule("S")
def test_a_day_is_looked_at_at_noon_at_every_door():
    midnight = MONDAY.replace(hour=0)
    assert seen_on(midnight) == midnight + 12 * HOUR
    assert seen_first(midnight) == midnight + 12 * HOUR
    assert seen_first(midnight + 13 * HOUR) == midnight + 36 * HOUR
    assert setup._seen("2026-09-14") == midnight + 12 * HOUR
    assert setup._seen("2026-09-14T08:00:00Z") == MONDAY


@pytest.mark.rule("Q4")
def test_seats_are_counted_alike_in_forecast_and_what_if(vendor, enabled):
    licensed_by(vendor, enabled, line(SEAT, 4, MONDAY, SOON), line(SEAT, 1, MONDAY, YEAR))
    for number in range(3):
        granted(enabled.do(AcquireSeat(SEAT, f"bot-{number}")))
    foreseen, supposed = enabled.ask(Forecast(SOON + DAY)), enabled.ask(WhatIf(SOON + DAY))
    assert foreseen.products == supposed.products
    assert foreseen.products[0].in_use == product(enabled.ask(Status()), SEAT).in_use == 3
    assert foreseen.uncovered == supposed.uncovered
    assert (foreseen.uncovered[0].count, foreseen.uncovered[0].newest) == (2, ["bot-2", "bot-1"])


def test_seats_that_nobody_holds_yet_are_counted_where_all_seats_are(licensed):
    seats = licensed.ask(Holders(only_seats=True))
    assert (seats.in_use, seats.granted) == (0, product(licensed.ask(Status()), SEAT).granted)
    granted(licensed.do(AcquireSeat(SEAT, "bot-1")))
    assert licensed.ask(Holders(only_seats=True)).in_use == product(licensed.ask(Status()), SEAT).in_use == 1


@pytest.mark.rule("E10")
def test_a_preview_counts_units_as_the_status_does(vendor, licensed):
    granted(licensed.do(ConsumeUnits(PAGES, 30)))
    answer = licensed.ask(PreviewLicense(vendor.olf(licensed.request(), standard_lines(), licensed.now)))
    used = {each.sku: each.used for each in answer.changes}
    assert used == {each.sku: each.used for each in licensed.ask(Status()).products}
    assert used[PAGES] == 30


@pytest.mark.rule("S", "not_granted")
def test_what_starts_later_or_has_ended_says_so_when_it_is_refused(vendor, enabled):
    later = MONDAY + 30 * DAY
    licensed_by(
        vendor, enabled, line(USER, 2, SOON, later), line(PAGES, 5, later, YEAR), line(FEATURE, 1, MONDAY, YEAR)
    )
    for sku, moment in ((USER, "2026-10-04 08:00 UTC"), (PAGES, "2026-10-14 08:00 UTC")):
        command = AssignUser(sku, "anna") if sku == USER else ConsumeUnits(sku, 1)
        assert refused(enabled.do(command), Code.NOT_LICENSED).message.endswith(f"is not granted before {moment}.")
    enabled.wait(days=20)
    granted(enabled.do(AssignUser(USER, "anna")))
    enabled.wait(days=10)
    ended = "Bot Creator is not granted any more: it ended 2026-10-14 08:00 (UTC)."
    assert refused(enabled.ask(CheckUser(USER, "anna")), Code.NOT_GRANTED).message == ended
    assert refused(enabled.do(AssignUser(USER, "bert")), Code.NOT_GRANTED).message == ended


@pytest.mark.rule("S")
def test_what_if_draws_each_product_that_changes(room):
    """Beside license and exchange: a track for each, the soonest first, and none for what stays as it is."""
    answer = room.ask(WhatIf(room.now + 15 * DAY))
    (track,) = answer.tracks
    assert (track.name, [span.kind for span in track.spans]) == ("Bot Creator", ["active", "expiring"])
    assert [span.words for span in track.spans] == ["10 until 2026-10-04 08:00 (UTC), then 2", "2"]
    assert (track.spans[0].since, track.spans[0].until, track.spans[1].until) == (room.now, SOON, answer.until)
    drawing = draw(answer, room.now)
    assert [each.title for each in drawing.tracks] == ["License", "Exchange", "Bot Creator"]
    assert [each.y for each in drawing.tracks] == [34, 90, 146]
    assert (drawing.axis, drawing.height, drawing.more) == (194, 218, 0)


@pytest.mark.rule("S")
def test_what_if_draws_a_rise_and_says_how_many_are_not_drawn(vendor, enabled):
    names = [f"product-{number}" for number in range(8)]
    one = line(USER, 1, MONDAY, YEAR)
    later = line(USER, 4, SOON, YEAR)
    lines = [
        msgspec.structs.replace(each, sku=name, name=name, line_id=new_id(MONDAY, enabled.random))
        for each in (one, later)
        for name in names
    ]
    licensed_by(vendor, enabled, *lines)
    answer = enabled.ask(WhatIf(enabled.now + 15 * DAY))
    assert {span.kind for track in answer.tracks for span in track.spans} == {"active"}
    drawing = draw(answer, enabled.now)
    assert (len(drawing.tracks), drawing.more) == (8, 2)


@pytest.mark.rule("S")
def test_a_rise_is_no_warning_beside_what_shrinks(vendor, enabled):
    licensed_by(
        vendor,
        enabled,
        line(USER, 10, MONDAY, SOON),
        line(USER, 2, SOON, YEAR),
        line(USER, 9, SOON + 3 * DAY, YEAR - DAY),
    )
    view = product(enabled.ask(Status()), USER)
    assert view.state == "expiring"
    assert [(one.tone, one.words.split(":")[1][:4]) for one in coming_sentences(view)] == [
        ("warn", " 10 "),
        ("info", " 2 u"),
        ("warn", " 11 "),
    ]
