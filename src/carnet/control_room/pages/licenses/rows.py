"""A product's row of License Management: what the engine found, in words with a sign."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from carnet import times
from carnet.control_room.queries.overview import GROUPS, OverviewAnswer, ProductRow
from carnet.entitlements import Metric
from carnet.web_kit import charts, words

SHOWN = {
    "users": Metric.NAMED_USER,
    "seats": Metric.CONCURRENT,
    "volumes": Metric.CONSUMABLE,
    "features": Metric.FEATURE,
}


@dataclass(frozen=True)
class Said:
    tone: str
    words: str


@dataclass(frozen=True)
class Row:
    found: ProductRow
    used: int
    said: Said
    spark: charts.Spark | None

    @property
    def is_feature(self) -> bool:
        return self.found.view.metric == Metric.FEATURE

    @property
    def uncovered(self) -> int:
        """Who hold one, and more than there are."""
        return max(0, self.found.view.in_use - self.found.view.granted)


@dataclass(frozen=True)
class Group:
    metric: str
    rows: list[Row]


def groups(answer: OverviewAnswer, shown: str) -> list[Group]:
    """By how they are counted; of one kind alone where `shown` names it."""
    metrics = [SHOWN[shown]] if shown in SHOWN else GROUPS
    found = [Group(metric.value, _of(answer, metric)) for metric in metrics]
    return [group for group in found if group.rows]


def _of(answer: OverviewAnswer, metric: Metric) -> list[Row]:
    return [row_of(row, answer.at) for row in answer.rows if row.view.metric == metric.value]


def row_of(row: ProductRow, now: datetime) -> Row:
    view = row.view
    units = view.metric == Metric.CONSUMABLE
    spark = (
        None
        if view.metric == Metric.FEATURE
        else charts.spark(
            row.days, limit=None if units else view.granted, description=_spark_words(row.days, units=units)
        )
    )
    return Row(row, view.consumed if units else view.in_use, say(row, now), spark)


def _spark_words(days: Sequence[int], *, units: bool) -> str:
    most = words.number(max(days, default=0))
    said = "Most used on a day: %(most)s" if units else "Most in use on a day: %(most)s"
    return said % {"most": most}


def say(row: ProductRow, now: datetime) -> Said:
    view = row.view
    if row.outlook == "ends":
        if view.valid_until <= now:
            return Said("bad", "Ended")
        if row.valid_from > now:
            return Said("plain", f"Starts {times.day(row.valid_from)}")
        return Said("bad", "Nothing is granted now")
    if row.outlook == "runs_out" and row.runs_out_at:
        return Said("bad", f"Out about {times.day(row.runs_out_at)}")
    if row.outlook == "full":
        return Said("warn", _full(row))
    if row.outlook == "peak":
        return Said("ok", f"Peak {words.number(row.peak)}")
    return Said("ok", "On" if row.outlook == "on" else "Lasts to the end")


def _full(row: ProductRow) -> str:
    """“Full twice, 4 refused”."""
    times = {1: "Full once", 2: "Full twice"}.get(row.times_full)
    days = times or f"Full on {row.times_full} days"
    if not row.refused_30_days:
        return days
    return f"{days}, {words.number(row.refused_30_days)} refused"
