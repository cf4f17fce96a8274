"""A product's use as charts: by day, and today by hour."""

from datetime import datetime

from carnet import times
from carnet.control_room.queries.history import Use
from carnet.control_room.queries.overview import ProductDetailAnswer
from carnet.entitlements import Metric, MetricKind
from carnet.web_kit import charts, words

DAYS = (30, 90, 400)
_IN_WORDS = 4  # so many marks have room for a word; more have only a number
_HOURS = 24
_YEAR = 365


def by_day(detail: ProductDetailAnswer) -> charts.Columns | None:
    """None for what is on or off."""
    row = detail.row
    kind = kind_used(detail)
    if not kind.has_quantity:
        return None
    labels = [_label(use.start, len(detail.days)) for use in detail.days]
    refused = {label: use.refused for label, use in zip(labels, detail.days, strict=True) if use.refused}
    limit = kind.limit(row.view.granted) if row else None
    return charts.columns(
        [(label, _value(detail, use)) for label, use in zip(labels, detail.days, strict=True)],
        title=kind.use.by_day,
        description=_describe(detail),
        limit=limit,
        limit_text=f"{words.number(limit)} licensed" if limit is not None else "",
        marks={label: _mark(count, in_words=len(refused) <= _IN_WORDS) for label, count in refused.items()},
        running=True,
    )


def today_by_hour(detail: ProductDetailAnswer) -> charts.Columns | None:
    row = detail.row
    if row is None or not row.view.metric.kind.has_quantity:
        return None
    known = {use.start.hour: _value(detail, use) for use in detail.hours if use.start.date() == detail.at.date()}
    most = max(known.values(), default=0)
    return charts.columns(
        [(f"{hour:02}:00", known.get(hour)) for hour in range(_HOURS)],
        title="Today by hour",
        description=f"Most in an hour: {words.number(most)}.",
        limit=row.view.metric.kind.limit(row.view.granted),
        running=True,
        label_every=6,
        height=120,
    )


def kind_used(detail: ProductDetailAnswer) -> MetricKind:
    """What is not in the license any more is told by what was counted of it."""
    if detail.row:
        return detail.row.view.metric.kind
    consumed = any(use.consumed for use in detail.days)
    return next(each.kind for each in Metric if each.kind.has_quantity and each.kind.counts_units == consumed)


def _value(detail: ProductDetailAnswer, use: Use) -> int:
    return kind_used(detail).used(use.consumed, use.peak_in_use)


def _label(day: datetime, count: int) -> str:
    return f"{day:%m-%d}" if count < _YEAR else times.day(day)


def _mark(count: int, *, in_words: bool) -> str:
    if not in_words:
        return words.number(count)
    return f"{words.number(count)} refused"


def _describe(detail: ProductDetailAnswer) -> str:
    days, refused = len(detail.days), sum(use.refused for use in detail.days)
    most = max((_value(detail, use) for use in detail.days), default=0)
    parts = [
        f"{words.counted(days, 'day')} to {times.day(detail.at)}.",
        f"Most on a day: {words.number(most)}.",
    ]
    if refused:
        parts.append(f"Refused: {words.number(refused)}.")
    return " ".join(parts)
