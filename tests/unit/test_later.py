"""Work that a request leaves behind (A6): done after it, in turn, whatever fails of it; and no more of it than fits."""

import logging
import threading

import pytest

from carnet.web_kit import later
from carnet.web_kit.later import Later

pytestmark = pytest.mark.filterwarnings("error")
PATIENCE = 20  # seconds


def test_work_is_done_in_turn_and_what_fails_does_not_stop_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    leave, done, ended = Later(), [], threading.Event()
    leave(lambda: done.append(1))
    leave(lambda: done.append(1 // 0))
    leave(lambda: done.append(3))
    leave(ended.set)
    assert ended.wait(PATIENCE)
    assert done == [1, 3]
    assert "what was left for after the answer failed" in caplog.text


def test_who_leaves_work_behind_never_waits_and_what_is_too_much_is_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    leave, begun, go_on, ended = Later(), threading.Event(), threading.Event(), threading.Event()
    done: list[int] = []

    def hold() -> None:
        begun.set()
        assert go_on.wait(PATIENCE)

    leave(hold)
    assert begun.wait(PATIENCE)
    for number in range(later.MOST - 1):
        leave(lambda number=number: done.append(number))  # type: ignore[misc]
    leave(ended.set)
    with caplog.at_level(logging.ERROR):
        leave(lambda: done.append(-1))
    assert "something was dropped" in caplog.text
    go_on.set()
    assert ended.wait(PATIENCE)
    assert done == list(range(later.MOST - 1))
