"""The time until the day that is asked for, and some way beyond, in two tracks: SVG with x in percent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from carnet.control_room.queries.timeline import Span
from carnet.control_room.queries.what_if import WhatIfAnswer


@dataclass(frozen=True)
class Piece:
    """A span as it is drawn. Place and width in percent; no label where there is no room for one."""

    kind: str
    label: str
    x: float
    width: float
    span: Span


@dataclass(frozen=True)
class Track:
    """`note`: what the first piece is, where it is too narrow to say so itself."""

    title: str
    pieces: list[Piece]

    @property
    def note(self) -> str:
        first = self.pieces[0] if self.pieces else None
        return first.span.words if first and not first.label else ""


@dataclass(frozen=True)
class Drawing:
    tracks: list[Track]
    on: float
    anchor: str
    days: list[tuple[float, str, str]]  # under the axis: place, day, anchor


_TICKS = 5
_ROOM = 7  # percent that a day's digits take at each side
_LEFT, _RIGHT = 12, 88


def draw(answer: WhatIfAnswer, now: datetime) -> Drawing:
    start, whole = now, answer.until - now

    def place(at: datetime) -> float:
        return round(100 * ((at - start) / whole), 2) if whole else 0.0

    on = place(answer.on)
    days = []
    for tick in range(_TICKS + 1):
        x = 100 * tick / _TICKS
        anchor = "start" if tick == 0 else "end" if tick == _TICKS else "middle"
        if tick in (0, _TICKS) or abs(x - on) > _ROOM:
            days.append((x, f"{start + whole * tick / _TICKS:%m-%d}", anchor))
    titles = {"license": "License", "exchange": "Exchange"}
    tracks = [
        Track(title, [_piece(span, place) for span in answer.spans if span.track == track])
        for track, title in titles.items()
    ]
    return Drawing(tracks, on, "start" if on < _LEFT else "end" if on > _RIGHT else "middle", days)


def _piece(span: Span, place: Callable[[datetime], float]) -> Piece:
    x, day = place(span.since), f"{span.until:%m-%d}"
    labels = {
        "active": f"Valid to {day}",
        "expiring": f"Ends {day}",
        "grace": "Grace",
        "expired": "Expired",
        "open": "Cycle open",
        "newer_request": "Newer request only",
        "locked": "Locked",
        "lapsed": "Lapsed",
        "none": "No request open",
    }
    label = labels.get(span.kind, span.words)
    if span.kind == "active":
        label = span.words
    width = round(place(span.until) - x, 2)
    return Piece(span.kind, label if len(label) < width else "", x, width, span)
