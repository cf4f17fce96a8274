"""How pages and mails write times: `2026-09-14`, `Wed 2026-09-16 08:05 UTC`."""

from datetime import datetime, timedelta


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
