"""How pages and mails write numbers and times: `1,200,000 pages`, `2026-09-14`, `Wed 2026-09-16 08:05 UTC`."""

from datetime import datetime, timedelta

from carnet.entitlements import Metric


def counted(metric: str, unit: str, count: int) -> str:
    """A number with its unit, as people say it. The catalogue has units in the singular."""
    if metric == Metric.NAMED_USER:
        return "1 person" if count == 1 else f"{count:,} people"
    if metric == Metric.FEATURE:
        return "1 site" if count == 1 else f"{count:,} sites"
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"


def unit_words(metric: str, unit: str) -> str:
    """What a column of numbers counts: `people`, `seats`, `pages`."""
    special = {Metric.NAMED_USER.value: "people", Metric.FEATURE.value: "on or off"}
    return special.get(str(metric)) or f"{unit}s"


def day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")


def moment(at: datetime) -> str:
    return at.strftime("%a %Y-%m-%d %H:%M UTC")


def left(span: timedelta) -> str:
    """`1 d 22 h`, `5 h 23 min`, `3 min`."""
    minutes = max(0, int(span.total_seconds()) // 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {rest} min" if hours else f"{rest} min"
