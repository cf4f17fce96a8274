"""Every window on both sides of its edge: an end is the first moment that is too late."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.exchange import windows
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.windows import Windows, days_words, hours_words
from tests.vectors.samples import NOW

DEFAULT = windows.Windows()
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


def code(answer: Refusal | None) -> str:
    return answer.code.value if answer else "in time"


@pytest.mark.rule("E2", "too_early", "expired")
@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (NOW - SECOND, "too_early"),
        (NOW, "in time"),
        (NOW + 24 * HOUR - SECOND, "in time"),
        (NOW + 24 * HOUR, "expired"),
        (NOW + 400 * DAY, "expired"),
    ],
)
def test_a_token_is_in_force_for_24_hours_from_its_download(now: datetime, verdict: str) -> None:
    assert code(windows.token_window(NOW, NOW + DEFAULT.token_life, DEFAULT, now)) == verdict


@pytest.mark.rule("E5", "window_closed")
@pytest.mark.parametrize(
    ("newest_after", "deadline_after"),
    [
        (0 * HOUR, 48 * HOUR),
        (5 * DAY - SECOND, 7 * DAY - SECOND),
        (5 * DAY, 7 * DAY),
        (5 * DAY + SECOND, 7 * DAY),
        (7 * DAY - SECOND, 7 * DAY),
    ],
)
def test_an_answer_installs_before_the_earlier_of_7_days_and_48_hours(
    newest_after: timedelta, deadline_after: timedelta
) -> None:
    deadline = windows.install_by(NOW, NOW + newest_after, DEFAULT)
    assert deadline == NOW + deadline_after
    assert code(windows.install_window(deadline, deadline - SECOND)) == "in time"
    assert code(windows.install_window(deadline, deadline)) == "window_closed"


@pytest.mark.rule("E4", "E5")
@given(st.integers(0, 604_799), st.integers(0, 604_799))
def test_a_newer_request_never_restarts_the_seven_days(first: int, second: int) -> None:
    earlier, later = sorted((NOW + first * SECOND, NOW + second * SECOND))
    assert windows.install_by(NOW, earlier, DEFAULT) <= windows.install_by(NOW, later, DEFAULT) <= NOW + DEFAULT.cycle


@pytest.mark.rule("E8")
def test_a_cycle_is_missed_seven_days_after_its_first_request() -> None:
    assert not windows.is_missed(NOW, DEFAULT, NOW + 7 * DAY - SECOND)
    assert windows.is_missed(NOW, DEFAULT, NOW + 7 * DAY)


@pytest.mark.rule("E5", "from_the_future", "window_closed")
@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (NOW - HOUR - SECOND, "from_the_future"),
        (NOW - HOUR, "in time"),
        (NOW, "in time"),
        (NOW + 48 * HOUR - SECOND, "in time"),
        (NOW + 48 * HOUR, "window_closed"),
    ],
)
def test_calm_judges_a_request_by_its_own_clock(now: datetime, verdict: str) -> None:
    answer = windows.request_window(NOW, NOW + 48 * HOUR, DEFAULT, now)
    assert code(answer) == verdict
    if answer:
        assert "If the site's clock is wrong" in answer.next, "two worlds have two clocks: the way out is named"


@pytest.mark.rule("E5")
def test_a_refusal_says_by_how_much_it_is_off() -> None:
    late = windows.request_window(NOW, NOW + 48 * HOUR, DEFAULT, NOW + 50 * HOUR)
    early = windows.request_window(NOW, NOW + 48 * HOUR, DEFAULT, NOW - 3 * DAY)
    assert late is not None
    assert "2 h 0 min ago" in late.message
    assert early is not None
    assert "3 d 0 h ahead" in early.message


@pytest.mark.rule("T3", "clock_still_ahead")
@pytest.mark.parametrize(
    ("system", "verdict"),
    [
        (NOW - 400 * DAY, "in time"),
        (NOW + 7 * DAY, "in time"),
        (NOW + 7 * DAY + SECOND, "clock_still_ahead"),
    ],
)
def test_the_mark_is_lowered_only_where_the_machines_clock_is_near(system: datetime, verdict: str) -> None:
    assert code(windows.lowered_clock_window(NOW, system, DEFAULT)) == verdict


def test_each_refusal_of_time_has_a_next_step() -> None:
    refusals = [
        windows.token_window(NOW, NOW + DAY, DEFAULT, NOW - DAY),
        windows.token_window(NOW, NOW + DAY, DEFAULT, NOW + DAY),
        windows.install_window(NOW, NOW),
        windows.request_window(NOW, NOW, DEFAULT, NOW),
        windows.request_window(NOW + DAY, NOW + 2 * DAY, DEFAULT, NOW),
        windows.lowered_clock_window(NOW, NOW + 8 * DAY, DEFAULT),
    ]
    for refusal in refusals:
        assert refusal is not None
        assert refusal.code in Code
        assert refusal.message.endswith(".")
        assert refusal.next.endswith(".")


@pytest.mark.rule("E18")
def test_the_bounds_of_the_windows_are_exact() -> None:
    """What is equal is allowed; one more is not; and of two lists of steps each must fall."""
    week = {"cycle_days": 7, "newest_request_hours": 7 * 24}
    assert Windows(**week).newest_request == Windows(**week).cycle
    with pytest.raises(ValueError, match=r"^the window of the newest request is longer than the cycle$"):
        Windows(cycle_days=7, newest_request_hours=7 * 24 + 1)
    assert Windows(banner_stays_days=30).banner_stays_days == Windows().expiry_notice_days[0]
    with pytest.raises(ValueError, match=r"^the banner stays for longer than it is shown$"):
        Windows(banner_stays_days=31)
    for steps in ({"expiry_notice_days": (30, 7, 7)}, {"deadline_notice_hours": (24, 48)}):
        with pytest.raises(ValueError, match=r"^the steps of a notice do not fall$"):
            Windows(**steps)


@pytest.mark.rule("E18")
@pytest.mark.parametrize(
    ("windows", "words"),
    [
        (Windows(token_life_hours=1), ("1 hour", "7 days")),
        (Windows(cycle_days=1, newest_request_hours=2), ("24 hours", "1 day")),
        (Windows(token_life_hours=720), ("720 hours", "7 days")),
    ],
)
def test_a_window_is_said_in_its_unit(windows: Windows, words: tuple[str, str]) -> None:
    assert (hours_words(windows.token_life_hours), days_words(windows.cycle_days)) == words
