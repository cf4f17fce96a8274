"""S: what stands above all else: locked, or a license that ends soon (from when: E18), or an open cycle's deadline."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from carnet.control_room.queries.coming import announcements
from carnet.control_room.rules.grant import lines_of
from carnet.control_room.rules.site_state import (
    GRACE,
    LOCKED,
    state_name,
    unlocked_name,
)
from carnet.control_room.state.state import NewestLfr, State
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.windows import days_words
from carnet.times import at_end, exact_span, is_perpetual, stamp, until

PRESSING = timedelta(hours=24)

Kind = Literal["locked", "expired", "grace", "expiring", "cycle", "change"]
Tone = Literal["warn", "bad"]


@dataclass(frozen=True)
class Banner:
    kind: Kind
    tone: Tone
    title: str  # what is, in a sentence
    text: str  # what to do
    dismissible: bool
    until: datetime | None  # the end, or the deadline, that it speaks of

    @property
    def words(self) -> str:
        return f"{self.title} {self.text}"


def banner(state: State, now: datetime) -> Banner | None:
    """The one that counts most: locked, then the license's end, then the open cycle."""
    if state_name(state, now) == LOCKED:
        within = state.windows.cycle_words
        title = f"The Control Room is locked: no license file was installed within {within} of a request."
        return Banner("locked", "bad", title, _under_way(state, now) or "Generate a new LFR.", False, None)
    return _by_end(state, now) or _cycle(state, now)


def change_banner(state: State, now: datetime) -> Banner | None:
    """What becomes less of a product soon; it stands beside the other one. Where there are several moments, the first
    is its title."""
    found = announcements(state, now)
    if not found:
        return None
    first, act = found[0], act_before_change(state, now)
    also = [each.words for each in found[1:_ALSO]]
    also += [f"{len(found) - _ALSO:,} more changes are announced."] if len(found) > _ALSO else []
    text = " ".join([first.words, *also, act])
    return Banner(
        "change", "bad" if first.pressing else "warn", f"{first.headline}.", text, not first.pressing, first.ends
    )


def act_before_change(state: State, now: datetime) -> str:
    """What to do about what becomes less of a product."""
    return _under_way(state, now) or "Generate an LFR of kind renewal if more is needed."


_ALSO = 3  # moments that a banner tells of


def _by_end(state: State, now: datetime) -> Banner | None:
    lines = lines_of(state)
    if not lines:
        return None
    end, grace_end = max(line.valid_until for line in lines), max(line.ends for line in lines)
    left, act = end - now, _under_way(state, now) or "Generate an LFR of kind renewal."
    if left > state.windows.expiring or (is_perpetual(end) and now < end):
        return None
    if left > timedelta(0):
        dismissible = left.days > state.windows.banner_stays_days
        tone: Tone = "warn" if dismissible else "bad"
        title = f"The license ends in {_days(left)}, {at_end(end)}."
        return Banner("expiring", tone, title, act, dismissible, end)
    if unlocked_name(state, now) == GRACE:
        title = f"The license ended {at_end(end)}; grace lasts {until(grace_end)}."
        return Banner("grace", "bad", title, act, False, grace_end)
    return Banner("expired", "bad", f"The license ended {at_end(grace_end)}.", act, False, grace_end)


def _days(left: timedelta) -> str:
    if left < timedelta(days=1):
        return exact_span(left)
    return days_words(left.days)


def _cycle(state: State, now: datetime) -> Banner | None:
    """A missed cycle of a site that was never licensed lapses: there is nothing to say."""
    text, newest, end = _under_way(state, now), state.newest_lfr, state.cycle_ends
    if not text or newest is None or end is None:
        return None
    due = _deadline(newest, now) or end
    tone: Tone = "bad" if due - now <= PRESSING else "warn"
    return Banner("cycle", tone, f"Request #{newest.sequence} is open.", text, due - now > PRESSING, due)


def _under_way(state: State, now: datetime) -> str:
    """What the open cycle asks for; empty where none is open."""
    newest, end = state.newest_lfr, state.cycle_ends
    if newest is None or end is None or now >= end:
        return ""
    due = _deadline(newest, now)
    if due is None:
        return f"Request #{newest.sequence} can no longer be answered. Generate a new LFR before {stamp(end)}."
    what = "Renewal under way" if newest.kind is RequestKind.RENEWAL else "A request is under way"
    return f"{what}: install the answer to request #{newest.sequence} before {stamp(due)}."


def _deadline(newest: NewestLfr, now: datetime) -> datetime | None:
    """Until when the newest request can be answered, if it still can."""
    return newest.install_by if newest.install_by and now < newest.install_by else None
