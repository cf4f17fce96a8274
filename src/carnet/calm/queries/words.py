"""How pages and mails write numbers and times: `1,200,000 pages`, `2026-09-14`, `Wed 2026-09-16 08:05 UTC`."""

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
