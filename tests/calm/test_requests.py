"""E3, E5, E6 and the windows at CALM: which LFR is answered, once, and when."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from carnet.calm.use_cases import license_files, receipts
from carnet.calm.use_cases.selection import Selection
from carnet.exchange.windows import Windows
from tests.calm.conftest import DAY, HOUR, World, code, ok

NEWEST = Windows().newest_request
FUTURE = timedelta(minutes=Windows().clocks_differ_minutes)

pytestmark = pytest.mark.both_databases

Unmoved = Callable[[], None]
SECOND = timedelta(seconds=1)
ONE = {"bot-creator": 1}


@pytest.fixture
def stocked(world: World) -> World:
    world.buy("bot-creator", 10)
    return world


@pytest.mark.rule("E6", "already_used")
def test_an_answered_request_is_used(stocked: World, unmoved: Unmoved) -> None:
    site = stocked.site()
    raw = site.request(stocked.now)
    request = stocked.accept(raw).lfr
    ok(stocked.issue(request, products=ONE))
    unmoved()
    assert code(stocked.upload(raw)) == "already_used"
    assert code(stocked.issue(request, products=ONE)) == "already_used"


@pytest.mark.rule("E6")
def test_an_unanswered_request_may_be_uploaded_again_and_changes_nothing(stocked: World, unmoved: Unmoved) -> None:
    raw = stocked.site().request(stocked.now)
    first = stocked.accept(raw)
    unmoved()
    again = stocked.accept(raw)
    assert (again.verdict, again.lfr) == ("accepted_again", first.lfr)


@pytest.mark.rule("E6", "superseded")
def test_an_older_request_of_the_same_history_is_superseded(stocked: World, unmoved: Unmoved) -> None:
    site = stocked.site()
    old = site.request(stocked.now)
    first = stocked.accept(old).lfr
    stocked.accept(site.request(stocked.now))
    unmoved()
    assert code(stocked.upload(old)) == "superseded"
    assert code(stocked.issue(first, products=ONE)) == "superseded"


@pytest.mark.rule("E6", "L2", "superseded")
def test_a_request_that_a_newer_one_showed_is_superseded_though_it_was_never_uploaded(
    stocked: World, unmoved: Unmoved
) -> None:
    site = stocked.site()
    stocked.accept(site.request(stocked.now))
    lost = site.request(stocked.now)
    stocked.accept(site.request(stocked.now))
    unmoved()
    assert code(stocked.upload(lost)) == "superseded"


@pytest.mark.rule("E6", "already_used")
def test_a_used_request_is_refused_as_used_after_a_newer_one_too(stocked: World, unmoved: Unmoved) -> None:
    site = stocked.site()
    raw = site.request(stocked.now)
    site.install(ok(stocked.issue(stocked.accept(raw).lfr, products=ONE)).raw, stocked.now)
    stocked.accept(site.request(stocked.now))
    unmoved()
    assert code(stocked.upload(raw)) == "already_used"


@pytest.mark.rule("E6", "H2", "already_used")
def test_a_used_request_is_refused_as_used_after_a_receipt_too(stocked: World, unmoved: Unmoved) -> None:
    site = stocked.site()
    raw = site.request(stocked.now)
    receipt = site.install(ok(stocked.issue(stocked.accept(raw).lfr, products=ONE)).raw, stocked.now)
    ok(receipts.accept_receipt(stocked.calm, raw=receipt, **stocked.act))
    unmoved()
    assert code(stocked.upload(raw)) == "already_used"


@pytest.mark.rule("E6")
def test_the_same_file_is_downloaded_again_byte_for_byte(stocked: World, unmoved: Unmoved) -> None:
    site = stocked.site()
    request = stocked.accept(site.request(stocked.now)).lfr
    issued = ok(stocked.issue(request, products=ONE))
    unmoved()
    for name in (issued.license_file, request):
        again = license_files.download_license_file(stocked.calm, license_file=str(name), **stocked.act)
        assert again.raw == issued.raw


@pytest.mark.rule("E5", "window_closed")
def test_the_newest_request_is_answered_within_48_hours(stocked: World, unmoved: Unmoved) -> None:
    request = stocked.accept(stocked.site().request(stocked.now)).lfr
    opened = stocked.now
    unmoved()
    stocked.now = opened + NEWEST
    refused = stocked.issue(request, products=ONE)
    assert code(refused) == "window_closed"
    assert "0 s ago" in refused.message  # type: ignore[union-attr]


@pytest.mark.rule("E5")
def test_a_second_before_the_window_closes_is_in_time(stocked: World) -> None:
    request = stocked.accept(stocked.site().request(stocked.now)).lfr
    stocked.now += NEWEST - SECOND
    assert ok(stocked.issue(request, products=ONE)).sequence == 1


@pytest.mark.rule("E5", "E4")
def test_the_seven_days_of_the_cycle_do_not_restart(stocked: World, unmoved: Unmoved) -> None:
    site, opened = stocked.site(), stocked.now
    stocked.accept(site.request(opened))
    stocked.now = opened + 6 * DAY
    request = stocked.accept(site.request(stocked.now)).lfr
    unmoved()
    stocked.now = opened + 7 * DAY
    assert code(stocked.issue(request, products=ONE)) == "window_closed"


@pytest.mark.rule("E5", "from_the_future")
@pytest.mark.parametrize(("ahead", "verdict"), [(FUTURE, None), (FUTURE + SECOND, "from_the_future")])
def test_a_request_comes_at_most_one_hour_from_the_future(
    stocked: World, ahead: timedelta, verdict: str | None
) -> None:
    accepted = stocked.accept(stocked.site().request(stocked.now + ahead))
    assert (accepted.can_issue.code if accepted.can_issue else None) == verdict
    answer = stocked.issue(accepted.lfr, products=ONE)
    assert (code(answer) if verdict else None) == verdict


@pytest.mark.rule("E5")
def test_staff_may_state_that_the_sites_clock_is_off_and_it_is_recorded(stocked: World) -> None:
    from carnet.calm.queries.log_queries import show_log

    request = stocked.accept(stocked.site().request(stocked.now - 5 * DAY)).lfr
    assert code(stocked.issue(request, products=ONE)) == "window_closed"
    issued = ok(stocked.issue(request, products=ONE, site_clock_is_off=True))
    assert any("clock is off" in note for note in issued.notes)
    assert show_log(last=1)[0].detail["site_clock_is_off"] is True


@pytest.mark.rule("E3")
def test_the_answer_says_what_is_in_use_and_until_when_it_can_be_answered(stocked: World) -> None:
    site = stocked.site()
    stocked.license(site, products={"bot-creator": 3})
    site.use("bot-creator", in_use=2)
    accepted = stocked.accept(site.request(stocked.now))
    assert [(total.sku, total.granted, total.in_use) for total in accepted.in_use] == [("bot-creator", 3, 2)]
    assert accepted.deadline == stocked.now + 48 * HOUR
    assert accepted.installed == 1


@pytest.mark.rule("cannot_be_installed")
def test_a_release_is_not_answered_and_nothing_is_no_grant(stocked: World, unmoved: Unmoved) -> None:
    site = stocked.site()
    change = stocked.accept(site.request(stocked.now)).lfr
    unmoved()
    assert code(stocked.issue(change)) == "cannot_be_installed"


@pytest.mark.rule("E11", "cannot_be_installed")
def test_a_release_is_not_answered(stocked: World, unmoved: Unmoved) -> None:
    site = stocked.site()
    stocked.license(site, products=ONE)
    request = stocked.accept(site.request(stocked.now, "release")).lfr
    unmoved()
    assert code(stocked.issue(request, products=ONE)) == "cannot_be_installed"


def test_a_preview_writes_nothing_not_even_a_record(stocked: World, unmoved: Unmoved) -> None:
    from carnet.calm.queries.log_queries import log_size

    request = stocked.accept(stocked.site().request(stocked.now)).lfr
    unmoved()
    before = log_size()
    shown = ok(
        license_files.preview_license_file(stocked.calm, lfr_id=request, asked=Selection(products=ONE), **stocked.act)
    )
    assert (shown.license_file, shown.raw, shown.sequence) == (None, None, 1)
    assert log_size() == before
