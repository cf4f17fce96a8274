"""One product's page: what the engine found, as the facts and sentences that stand on it."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from carnet.control_room.authority.overview import ProductRow
from carnet.control_room.authority.product import LineRow, ProductDetailAnswer
from carnet.entitlements import Metric
from carnet.ui import words

_STATES = {"in_force": "active", "grace": "grace", "later": "", "ended": "expired"}
_MONTH = 30  # days


@dataclass(frozen=True)
class Stat:
    label: str
    value: str
    note: str


def state_of(detail: ProductDetailAnswer) -> str:
    """Of its lines the one that is furthest from its end; empty where none has begun."""
    found = {line.now for line in detail.lines}
    return next((_STATES[now] for now in ("in_force", "grace", "later", "ended") if now in found), "")


def counted_as(metric: str) -> str:
    return {
        Metric.NAMED_USER.value: _("people, by name"),
        Metric.CONCURRENT.value: _("seats in use at the same time"),
        Metric.CONSUMABLE.value: _("units used"),
        Metric.FEATURE.value: _("on or off"),
    }.get(metric, metric)


def stats(detail: ProductDetailAnswer, row: ProductRow) -> list[Stat]:
    if row.view.metric == Metric.FEATURE:
        granted = _("On") if row.view.granted else _("Off")
        return [Stat(_("Now"), granted, ""), _ends(row), _refused(detail, row)]
    of_units = row.view.metric == Metric.CONSUMABLE
    used, left = _units(detail, row) if of_units else _in_use(detail, row)
    return [Stat(_("Licensed"), words.number(row.view.granted), _later(detail)), used, left, _refused(detail, row)]


def _in_use(detail: ProductDetailAnswer, row: ProductRow) -> tuple[Stat, Stat]:
    peak = detail.days[-1].peak_in_use if detail.days else row.view.in_use
    fewest = max(0, row.view.granted - peak)
    return (
        Stat(
            _("In use now"), words.number(row.view.in_use), _("highest today %(peak)s") % {"peak": words.number(peak)}
        ),
        Stat(
            _("Left"), words.number(row.view.remaining), _("fewest today %(count)s") % {"count": words.number(fewest)}
        ),
    )


def _units(detail: ProductDetailAnswer, row: ProductRow) -> tuple[Stat, Stat]:
    today, unit = detail.days[-1].consumed if detail.days else 0, row.view.unit
    held = ""
    if detail.reservations:
        said = ngettext(
            "%(held)s held by %(n)s reservation", "%(held)s held by %(n)s reservations", detail.reservations
        )
        held = said % {"held": words.number(row.view.reserved), "n": detail.reservations}
    return (
        Stat(_("Used"), words.number(row.view.consumed), _("today %(count)s") % {"count": words.number(today)}),
        Stat(_("Left"), words.number(row.view.remaining), held or unit),
    )


def _later(detail: ProductDetailAnswer) -> str:
    """What begins next: “+2 from 2026-10-09”."""
    later = sorted((line for line in detail.lines if line.now == "later"), key=lambda line: line.valid_from)
    return f"{words.signed(later[0].quantity)} {_('from')} {words.day(later[0].valid_from)}" if later else ""


def _ends(row: ProductRow) -> Stat:
    grace = (row.ends - row.view.valid_until).days
    return Stat(_("Ends"), words.day(row.view.valid_until), _grace(grace))


def _grace(days: int) -> str:
    return ngettext("then %(days)s day of grace", "then %(days)s days of grace", days) % {"days": days} if days else ""


def _refused(detail: ProductDetailAnswer, row: ProductRow) -> Stat:
    days = sum(use.refused > 0 for use in detail.days[-_MONTH:])
    note = ngettext("on %(days)s day", "on %(days)s days", days) % {"days": days} if days else _("nobody")
    return Stat(_("Refused, 30 days"), words.number(row.refused_30_days), note)


def rules(detail: ProductDetailAnswer, row: ProductRow) -> list[tuple[str, str]]:
    """The policy of the lines that count, in words (Q5, S, E8)."""
    lines = [line for line in detail.lines if line.now in ("in_force", "grace")] or detail.lines
    grace = max((line.grace_days for line in lines), default=0)
    after = ngettext("%(days)s day of grace, then refuse", "%(days)s days of grace, then refuse", grace)
    found = [(_("After the end"), after % {"days": grace} if grace else _("refuse at once"))]
    found.append((_("Deadline missed"), _missed(row.view.metric)))
    if row.view.metric == Metric.FEATURE:
        return found
    return [(_("All used") if row.view.metric == Metric.CONSUMABLE else _("All in use"), over(lines)), *found]


def over(lines: list[LineRow]) -> str:
    most = max((line.overage_percent for line in lines), default=0)
    return _("%(percent)s %% more, then refuse") % {"percent": most} if most else _("refuse")


def _missed(metric: str) -> str:
    return {
        Metric.CONCURRENT.value: _("lock: running seats may go on"),
        Metric.NAMED_USER.value: _("lock: who holds one may go on"),
    }.get(metric, _("lock: nothing new is granted"))


def forecast(row: ProductRow, now: datetime) -> str:
    """One sentence on where the last 30 days lead to; what is known and what is likely apart."""
    view = row.view
    numbers = {"granted": words.number(view.granted), "peak": words.number(row.peak), "unit": view.unit}
    if row.outlook == "runs_out" and row.runs_out_at:
        early = max((row.ends - row.runs_out_at).days, 0)
        said = ngettext(
            "At the pace of the last 30 days they run out about %(day)s, %(early)s day before the end.",
            "At the pace of the last 30 days they run out about %(day)s, %(early)s days before the end.",
            early,
        )
        return said % {"day": words.day(row.runs_out_at), "early": early}
    if row.outlook == "full":
        said = ngettext(
            "All %(granted)s were in use on %(days)s of the last 30 days.",
            "All %(granted)s were in use on %(days)s of the last 30 days.",
            row.times_full,
        )
        return said % {**numbers, "days": row.times_full}
    if row.outlook == "ends":
        later = row.valid_from > now
        return _("Nothing is granted yet.") if later else _("Nothing is granted now.")
    if row.outlook == "on":
        return ""
    if view.metric == Metric.CONSUMABLE:
        return _("At the pace of the last 30 days they last to the end.")
    return _("In the last 30 days at most %(peak)s of %(granted)s were in use.") % numbers
