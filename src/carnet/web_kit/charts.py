"""Charts as plain numbers for a template to draw: SVG from the server, x in percent so that text never scales.

`columns` makes bars by day or hour, `spark` a small line. Pure; heights are pixels, widths percent of the chart's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, log10

_TOP, _BOTTOM = 24, 22  # room above the plot for marks, under it for labels
_TICKS = 4
_MARK = 0.12  # of the chart, to each side of a bar: as far as the words of a mark reach
_LOW = 150  # a chart under this height has every second tick only


@dataclass(frozen=True)
class Column:
    """One bar. `x` and `width` in percent; `y` and `height` in pixels; `shown`: its label stands under the axis."""

    label: str
    value: int | None  # None: that hour or day has not come
    x: float
    width: float
    y: float
    height: float
    shown: bool
    anchor: str
    running: bool
    mark: str = ""
    mark_y: float = 0  # over this bar and those beside it: the words of a mark are wider than a bar

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 2)


@dataclass(frozen=True)
class Tick:
    value: int
    y: float


@dataclass(frozen=True)
class Limit:
    """`anchor`: at which end its text stands, so that no mark lies over it."""

    value: int
    text: str
    y: float
    anchor: str


@dataclass(frozen=True)
class Columns:
    title: str
    description: str
    height: int
    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
    limit: Limit | None
    axis: float  # the y of the zero line
    labels_y: float

    @property
    def scale_width(self) -> int:
        """Pixels for the largest number beside the plot."""
        return 8 * max(len(f"{tick.value:,}") for tick in self.ticks) + 2


@dataclass(frozen=True)
class Spark:
    """A line over a box of 100 × 20, stretched by the page: `points` for a polyline, the limit's height or nothing.
    `running`: the way to the last value, where that one is not over yet."""

    points: str
    limit_y: float | None
    description: str
    running: str = ""


def columns(
    values: Sequence[tuple[str, int | None]],
    *,
    title: str,
    description: str,
    limit: int | None = None,
    limit_text: str = "",
    marks: Mapping[str, str] | None = None,
    running: bool = False,
    label_every: int | None = None,
    height: int = 220,
) -> Columns:
    """Bars for `values` (label, value ≥ 0, or None where nothing can be yet).

    `running`: the last value is not over yet and drawn paler. `marks`: label → words over that bar (refusals).
    `label_every`: how many columns apart labels stand, else about six in all.
    """
    top = nice_top(max([value or 0 for _label, value in values] + [limit or 0]))
    axis = float(height - _BOTTOM)

    def y_of(value: float) -> float:
        return round(axis - value / top * (axis - _TOP), 1)

    count = max(len(values), 1)
    step = 100 / count
    every = label_every or max(1, ceil(count / 6))
    last = max((place for place, (_label, value) in enumerate(values) if value is not None), default=-1)
    drawn = []
    for place, (label, value) in enumerate(values):
        y = y_of(value or 0)
        drawn.append(
            Column(
                label=label,
                value=value,
                x=round(place * step + step * 0.14, 2),
                width=round(step * 0.72, 2),
                y=y,
                height=round(axis - y, 1),
                shown=place % every == 0 if label_every else _is_shown(place, every, count),
                anchor="start" if place == 0 else "end" if place == count - 1 else "middle",
                running=running and place == last,
                mark=(marks or {}).get(label, ""),
            )
        )
    wide = ceil(count * _MARK)
    over = [min(each.y for each in drawn[max(0, place - wide) : place + wide + 1]) for place in range(len(drawn))]
    return Columns(
        title=title,
        description=description,
        height=height,
        columns=tuple(replace(each, mark_y=y) if each.mark else each for each, y in zip(drawn, over, strict=True)),
        ticks=tuple(Tick(value, y_of(value)) for value in ticks(top)[:: 1 if height >= _LOW else 2]),
        limit=None if limit is None else Limit(limit, limit_text or f"{limit:,}", y_of(limit), _limit_anchor(drawn)),
        axis=axis,
        labels_y=float(height - 6),
    )


def spark(values: Sequence[int], *, limit: int | None = None, description: str = "", running: bool = False) -> Spark:
    """A small line without numbers: they stand beside it. `running`: the last value is not over yet, and no fall."""
    top = max([*values, limit or 0, 1])
    step = 100 / max(len(values) - 1, 1)
    points = [f"{place * step:.1f},{19 - 17 * value / top:.1f}" for place, value in enumerate(values)]
    over = points[:-1] if running and len(points) > 1 else points
    limit_y = None if limit is None else round(19 - 17 * limit / top, 1)
    return Spark(" ".join(over), limit_y, description, " ".join(points[-2:]) if over is not points else "")


def nice_top(highest: int) -> int:
    """The axis's end: the next round number that four steps divide, at least 4."""
    if highest <= _TICKS:
        return _TICKS
    size = 10 ** int(log10(highest / _TICKS))
    steps = (1, 2, 2.5, 3, 4, 5, 6, 8, 10, 20)
    for factor in steps:
        step = factor * size
        if step * _TICKS >= highest and step == int(step):
            return int(step) * _TICKS
    return ceil(highest / _TICKS) * _TICKS


def ticks(top: int) -> tuple[int, ...]:
    return tuple(top * place // _TICKS for place in range(_TICKS + 1))


def _limit_anchor(drawn: Sequence[Column]) -> str:
    first = drawn[: ceil(len(drawn) / 4)]
    return "end" if any(column.mark for column in first) else "start"


def _is_shown(place: int, every: int, count: int) -> bool:
    """Every few, and the last; but none so near the last that they would touch."""
    return place == count - 1 or (place % every == 0 and place + every * 0.6 < count - 1)
