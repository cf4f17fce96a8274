"""What the time until a day and some way beyond is made of, in two tracks: the license, and the exchange."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Literal

from carnet import times
from carnet.control_room.rules.grant import lines_of
from carnet.control_room.rules.site_state import (
    ACTIVE,
    EXPIRED,
    EXPIRING,
    GRACE,
    is_locked,
    unlocked_name,
)
from carnet.control_room.state.state import State
from carnet.times import announced_from, later, stamp

_LEAST, _MOST = timedelta(days=14), timedelta(days=60)  # that is shown beyond the day asked for
_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Span:
    """`kind` of the license: the state that time gives. Of the exchange: `open`, `newer_request` (the newest request
    can no longer be answered, a newer one can), `locked`, `lapsed`, `none`. Of a product: `active`, `expiring` once it
    shrank, `expired` where nothing is granted."""

    track: Literal["license", "exchange", "product"]
    kind: str
    since: datetime
    until: datetime
    words: str


def horizon(state: State, on: datetime) -> datetime:
    """Until when it is worth looking: beyond the license's end, where that is near."""
    end = max((line.ends for line in lines_of(state)), default=on)
    return max(later(on, _LEAST), min(later(end, _WEEK), later(on, _MOST)))


def spans(state: State, now: datetime, until: datetime) -> list[Span]:
    return [*_license(state, now, until), *_exchange(state, now, until)]


def _license(state: State, now: datetime, until: datetime) -> Iterator[Span]:
    """Cut where the name of the state changes."""
    lines = lines_of(state)
    end = max((line.valid_until for line in lines), default=now)
    changes = {announced_from(end, state.windows.expiring), end, *(line.ends for line in lines)} if lines else set()
    cuts = [now, *sorted(change for change in changes if now < change < until), until]
    for name, parts in groupby(pairwise(cuts), key=lambda part: unlocked_name(state, part[0])):
        mine = list(parts)
        yield Span("license", name, mine[0][0], mine[-1][1], _words(name, end, mine[-1][1]))


def _words(name: str, end: datetime, until: datetime) -> str:
    return {
        ACTIVE: "Perpetual" if times.is_perpetual(end) else f"Valid {times.until(end)}",
        EXPIRING: f"Ends {times.at_end(end)}",
        GRACE: f"Grace {times.until(until)}",
        EXPIRED: "Expired",
    }.get(name, "No license")


def _exchange(state: State, now: datetime, until: datetime) -> Iterator[Span]:
    cycle, newest = state.open_cycle, state.newest_lfr
    end = state.cycle_ends or now
    if cycle and newest and now < end and not is_locked(state, now):
        due = min(newest.install_by or end, end)
        if now < due:
            words = f"Request #{newest.sequence} can be answered until {stamp(due)}"
            yield Span("exchange", "open", now, due, words)
        if due < end:
            yield Span(
                "exchange", "newer_request", max(now, due), end, f"A newer request can be made until {stamp(end)}"
            )
        now = end
    if now < until:
        kind, words = _without(state, now, missed=cycle is not None)
        yield Span("exchange", kind, now, until, words)


def _without(state: State, at: datetime, *, missed: bool) -> tuple[str, str]:
    """How it stands from a moment on at which no request can be answered."""
    if is_locked(state, at):
        return "locked", "Locked"
    return ("lapsed", "The request lapsed") if missed else ("none", "No request is open")
