"""S: notices for mails and a syslog. Each step of an end is told once; where several were missed, only the nearest.

An id names what a notice is about and the step, so that the sender knows which ones were sent. Nothing is kept here.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from carnet import times
from carnet.control_room.queries.banner import Tone, act_before_change, banner
from carnet.control_room.queries.coming import announcements
from carnet.control_room.rules.decision import Question, View
from carnet.control_room.rules.grant import lines_of
from carnet.control_room.rules.site_state import is_locked, locks
from carnet.control_room.state.state import State
from carnet.times import at_end, earlier, exact_span, later, stamp

LATE = timedelta(days=7)  # no notice for a license that ended longer ago
PRESSING_HOURS = 24


@dataclass(frozen=True)
class Notice:
    id: str
    tone: Tone
    subject: str
    text: str


@dataclass(frozen=True)
class DueNoticesAnswer:
    at: datetime
    notices: list[Notice]


@dataclass(frozen=True)
class DueNotices(Question[DueNoticesAnswer]):
    """`sent`: the ids of those that were sent before."""

    sent: tuple[str, ...] = ()
    what: ClassVar[str] = "due notices"

    def answer(self, view: View) -> DueNoticesAnswer:
        return DueNoticesAnswer(view.now, due_notices(view.state, view.now, self.sent))


def due_notices(state: State, now: datetime, sent: Collection[str] = ()) -> list[Notice]:
    """Which are due now and were not sent: the lock, the ends of the license and of products, and the deadlines."""
    due = [*_locked(state, now), *_expiry(state, now), *_changes(state, now), *_deadlines(state, now)]
    return [notice for notice in due if notice.id not in sent]


def step_of(end: datetime, now: datetime, unit: timedelta, steps: Collection[int]) -> int | None:
    """The nearest step before `end` that has come; None before the first."""
    return min((step for step in steps if now >= earlier(end, step * unit)), default=None)


def _locked(state: State, now: datetime) -> Iterator[Notice]:
    """An install unlocks, so that each license file is locked once at the most."""
    shown = banner(state, now)
    if is_locked(state, now) and state.installed and shown:
        yield Notice(f"locked:{state.installed.olf_id}", "bad", f"{state.name} is locked", shown.words)


def _expiry(state: State, now: datetime) -> Iterator[Notice]:
    end = max((line.valid_until for line in lines_of(state)), default=None)
    if end is None or times.is_perpetual(end) or now >= later(end, LATE):
        return
    step = step_of(end, now, timedelta(days=1), state.windows.expiry_notice_days)
    if step is None:
        return
    left = f"ends in {exact_span(end - now)}" if now < end else "ended"
    shown = banner(state, now)
    text = f"The license of {state.name} {left}, {at_end(end)}. {shown.text if shown else ''}".strip()
    tone: Tone = "bad" if step <= state.windows.banner_stays_days else "warn"
    yield Notice(f"expiry:{times.iso(end)}:{step}", tone, f"The license of {state.name} {left}", text)


def _changes(state: State, now: datetime) -> Iterator[Notice]:
    """What becomes less at one moment is one notice, of however many products."""
    for each in announcements(state, now, LATE):
        step = step_of(each.ends, now, timedelta(days=1), state.windows.expiry_notice_days)
        act = act_before_change(state, now)
        if step is not None:
            subject = f"{each.headline} ({state.name})"
            tone: Tone = "bad" if step <= state.windows.banner_stays_days else "warn"
            yield Notice(f"change:{times.iso(each.ends)}:{step}", tone, subject, f"{each.headline}. {each.words} {act}")


def _deadlines(state: State, now: datetime) -> Iterator[Notice]:
    """The newest request's, and the cycle's where that is another one."""
    cycle, newest, end = state.open_cycle, state.newest_lfr, state.cycle_ends
    if cycle is None or end is None or newest is None or newest.install_by is None:
        return
    steps = state.windows.deadline_notice_hours
    if newest.install_by < end:
        what = f"The answer to request #{newest.sequence} of {state.name} must be installed"
        means = "After that only a new request can be answered."
        yield from _deadline(f"request:{newest.request_id}", newest.install_by, now, steps, what, means)
    means = f"If that passes, {state.name} locks: nothing new is granted." if locks(state) else ""
    what = f"A license file must be installed at {state.name}"
    yield from _deadline(f"cycle:{cycle.id}", end, now, steps, what, means)


def _deadline(
    about: str, end: datetime, now: datetime, steps: Collection[int], what: str, means: str
) -> Iterator[Notice]:
    step = step_of(end, now, timedelta(hours=1), steps)
    if step is None or now >= end:
        return
    tone: Tone = "bad" if step <= PRESSING_HOURS else "warn"
    subject = f"{what} within {exact_span(end - now)}"
    yield Notice(
        f"{about}:{step}",
        tone,
        subject,
        f"{what} before {stamp(end)}, in {exact_span(end - now)}. {means}".strip(),
    )
