"""Q1: an end is at most 2999-12-31, `perpetual` is the word for it, and later dates that are stored make no fault."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.notices.reading import coming_notices
from carnet.calm.purchases.books import MARGIN
from carnet.calm.purchases.models import Purchase
from carnet.calm.queries.expiring import count_expiring
from carnet.calm.queries.states import standing_of
from carnet.calm.use_cases import order_imports, orders, purchases, receipts
from carnet.calm.use_cases.license_files import preview_license_file
from carnet.calm.use_cases.selection import Selection
from carnet.entitlements import Period, PeriodUnit, Policy
from carnet.errors import UsageError
from carnet.exchange.windows import Windows, cycle_ends, install_by, is_far_ahead, request_window
from carnet.times import FIRST, LAST, PERPETUAL, announced_from, as_utc, earlier, later
from tests.calm.conftest import DAY, NOW, START, World, ok
from tests.calm.notices.test_sending import Postbox, send
from tests.support.depth import times

FAR = datetime(9999, 12, 31, tzinfo=UTC)  # as order systems write it
ANY = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))]))
WEST = timezone(timedelta(hours=-12))
SPANS = st.timedeltas()


@pytest.mark.rule("Q1")
@given(ANY, SPANS, st.integers(0, 90))
@settings(max_examples=times(200, 5000), deadline=None)
def test_arithmetic_on_dates_is_total(at: datetime, span: timedelta, grace: int) -> None:
    now = as_utc(at)
    assert now >= FIRST
    assert later(now, timedelta(days=grace) + MARGIN) >= now
    assert later(now, abs_span(span)) >= now
    assert earlier(now, abs_span(span)) <= now
    assert announced_from(now, timedelta(days=30)) <= now
    whole = min(now.replace(microsecond=0), LAST)
    for unit in PeriodUnit:
        for moment in (FIRST, whole, LAST):
            period = Period(unit=unit, start=min(whole, moment))
            assert period.containing(moment) <= moment
            assert period.following(moment) >= moment
    assert install_by(whole, whole, Windows()) <= cycle_ends(whole, Windows())
    request_window(LAST, whole, Windows(), whole)
    is_far_ahead(whole, LAST, Windows())


def abs_span(span: timedelta) -> timedelta:
    return span if span >= timedelta() else timedelta()


@pytest.mark.rule("Q1")
@pytest.mark.parametrize(
    "end", [FAR, PERPETUAL + timedelta(seconds=1), datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))]
)
def test_a_later_end_is_refused_where_it_is_entered_with_the_latest_that_fits(
    world: World, unmoved: Callable[[], None], end: datetime
) -> None:
    unmoved()
    with pytest.raises(UsageError, match="2999-12-31"):
        world.buy("bot-creator", 5, valid_until=end)
    assert not Purchase.objects.exists()
    fits = orders.read_order(b"product,quantity,from,until\nbot-creator,5,2026-01-01,9999-12-31\n")
    assert isinstance(fits, orders.OrderRead)
    assert [(error.column, error.fits) for error in fits.errors] == [("until", "perpetual")]


@pytest.mark.rule("Q1", "S", "H1")
def test_what_is_perpetual_is_bought_issued_and_never_announced(world: World) -> None:
    raw = b"product,quantity,from,until,grace_days\nbot-creator,5,2026-01-01,Perpetual,30\n"
    (bought,) = ok(order_imports.add_order(world.calm, account=world.account, raw=raw, **world.act)).purchases
    assert (bought.valid_until, bought.perpetual) == (PERPETUAL, True)
    site = world.site()
    ok(receipts.accept_receipt(world.calm, raw=world.license(site, products={"bot-creator": 5}), **world.act))
    room = ControlRoom.objects.get()
    assert (room.licensed_until, room.expiring_from) == (PERPETUAL, PERPETUAL)
    for now in (NOW, PERPETUAL - 10 * DAY, PERPETUAL - timedelta(seconds=1)):
        world.now = now
        post = Postbox()
        send(world, post)
        assert post.mails == []
        assert count_expiring(now) == 0
        assert coming_notices(room.account_id, now) == []
        assert standing_of(room, now, answered=False).state == "active"


@pytest.mark.rule("Q1", "H2", "H6")
def test_a_far_end_that_is_stored_already_makes_no_fault(world: World) -> None:
    bought = world.buy("bot-creator", 5)
    pages = world.buy("document-pages", 5, period=PeriodUnit.YEAR, policy=Policy(grace_days=90))
    Purchase.objects.update(valid_until=FAR)
    site = world.site()
    world.license(site, products={"bot-creator": 5, "document-pages": 5})
    world.license(site, products={"bot-creator": 4, "document-pages": 5})
    assert {one.perpetual for one in purchases.list_purchases(now=NOW)} == {True}
    asked = world.accept(site.request(world.now, "change"))
    with pytest.raises(UsageError, match="2999-12-31"):
        preview_license_file(world.calm, lfr_id=asked.lfr, asked=Selection({"bot-creator": 5}, {}, FAR), **world.act)
    world.accept(site.request(world.now, "release"))
    ok(
        purchases.lower_purchase(
            world.calm, purchase=bought, valid_until=START + 900 * DAY, reason="mistake", **world.act
        )
    )
    assert purchases.find_purchase(pages).valid_until == FAR
