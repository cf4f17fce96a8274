"""A product's row of License Management: what the engine found, in words with a sign."""

from dataclasses import dataclass
from datetime import datetime

from carnet import times
from carnet.control_room.queries.overview import GROUPS, OverviewAnswer, ProductRow
from carnet.control_room.queries.status import ProductView
from carnet.entitlements import Metric, MetricKind, ProductState, brief_words
from carnet.web_kit import charts, words

_TOLD = 4  # changes of one product
SHOWN = {metric.kind.slug: metric for metric in Metric}


@dataclass(frozen=True)
class Said:
    tone: str
    words: str


@dataclass(frozen=True)
class Row:
    found: ProductRow
    said: Said
    spark: charts.Spark | None

    @property
    def coming(self) -> list[Said]:
        """What becomes less, and more; but for the license's own end."""
        return coming_sentences(self.found.view)


def coming_sentences(view: ProductView) -> list[Said]:
    """Of one product: each change that is shown beside its quantity. Only what becomes less soon is a warning (S)."""
    shown = [change for change in view.changes if change.announced or change.after > change.before]
    soon = view.state == ProductState.EXPIRING
    found = [Said("warn" if soon and each.after < each.before else "info", each.words) for each in shown[:_TOLD]]
    more = len(shown) - _TOLD
    if more > 0:
        found.append(Said("info", f"{words.counted(more, 'more change')} of {view.name} follow."))
    return found


@dataclass(frozen=True)
class Group:
    kind: MetricKind
    rows: list[Row]


def groups(answer: OverviewAnswer, shown: str) -> list[Group]:
    """By how they are counted; of one kind alone where `shown` names it."""
    metrics = [SHOWN[shown]] if shown in SHOWN else GROUPS
    found = [Group(metric.kind, _of(answer, metric)) for metric in metrics]
    return [group for group in found if group.rows]


def _of(answer: OverviewAnswer, metric: Metric) -> list[Row]:
    return [row_of(row, answer.at) for row in answer.rows if row.view.metric is metric]


def row_of(row: ProductRow, now: datetime) -> Row:
    view, kind = row.view, row.view.metric.kind
    spark = None
    if kind.has_quantity:
        most = kind.use.most_on_a_day.format(most=words.number(max(row.days, default=0)))
        spark = charts.spark(row.days, limit=kind.limit(view.granted), description=most, running=True)
    return Row(row, say(row, now), spark)


def say(row: ProductRow, now: datetime) -> Said:
    """What becomes less soon goes before what the last 30 days lead to."""
    view = row.view
    next_one = next((change for change in view.changes if change.announced), None)
    if next_one and row.outlook != "ends" and view.state == ProductState.EXPIRING:
        return Said("warn", brief_words(next_one.before, next_one.after, next_one.when))
    if row.outlook == "ends":
        if view.valid_until <= now:
            return Said("bad", "Ended")
        if row.valid_from > now:
            return Said("plain", f"Starts {times.day(row.valid_from)}")
        return Said("bad", "Nothing is granted now")
    if row.outlook == "runs_out" and row.runs_out_at:
        return Said("bad", f"Out about {times.day(row.runs_out_at)}")
    if row.outlook == "early":
        return Said("plain", f"Too early to say: {words.counted(len(row.days), 'day')} known")
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
