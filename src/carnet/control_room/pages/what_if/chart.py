"""The time until the day that is asked for, and some way beyond: a track for the license, one for the exchange, and one
for each product that changes. SVG with x in percent, and y in pixels."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from carnet.control_room.queries.coming import TRACKS
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
    y: int  # of its title

    @property
    def bar(self) -> int:
        return self.y + 8

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
    more: int  # products that change too, and have no track

    @property
    def axis(self) -> int:
        return 26 + _STEP * len(self.tracks)

    @property
    def height(self) -> int:
        return self.axis + 24


_TICKS = 5
_STEP = 56  # pixels from track to track
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
    anchor = "start" if on < _LEFT else "end" if on > _RIGHT else "middle"
    return Drawing(_tracks(answer, place), on, anchor, days, max(0, len(answer.tracks) - TRACKS))


def _tracks(answer: WhatIfAnswer, place: Callable[[datetime], float]) -> list[Track]:
    titles = {"license": "License", "exchange": "Exchange"}
    found = [(title, [span for span in answer.spans if span.track == track]) for track, title in titles.items()]
    found += [(track.name, track.spans) for track in answer.tracks[:TRACKS]]
    return [
        Track(title, [_piece(span, place) for span in spans], 34 + _STEP * row)
        for row, (title, spans) in enumerate(found)
    ]


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
    if span.kind == "active" or span.track == "product":
        label = span.words
    width = round(place(span.until) - x, 2)
    return Piece(span.kind, label if len(label) < width else "", x, width, span)
