"""How times and spans are written, on both sides and at every door. Every time is UTC and says so.

A time without a zone is taken as UTC. Weekdays are English, whatever the machine's locale.
"""

from datetime import UTC, date, datetime, timedelta

DAY, HOUR, MINUTE = 86_400, 3_600, 60  # seconds
_UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s"))
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def as_utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def earlier(at: datetime, span: timedelta) -> datetime:
    """So long before a time, or the first moment that there is."""
    first = datetime.min.replace(tzinfo=at.tzinfo)
    return at - span if at - first > span else first


def day(at: datetime | date) -> str:
    """`2026-09-16`, the UTC day of a time."""
    return (as_utc(at).date() if isinstance(at, datetime) else at).isoformat()


def bare_minute(at: datetime) -> str:
    """`2026-09-16 08:05`, under a heading that says UTC."""
    return f"{as_utc(at):%Y-%m-%d %H:%M}"


def minute(at: datetime) -> str:
    """`2026-09-16 08:05 UTC`."""
    return f"{bare_minute(at)} UTC"


def second(at: datetime) -> str:
    """`2026-09-16 08:05:00 UTC`."""
    return f"{as_utc(at):%Y-%m-%d %H:%M:%S} UTC"


def moment(at: datetime) -> str:
    """`Wed 2026-09-16 08:05 UTC`."""
    return f"{_WEEKDAYS[as_utc(at).weekday()]} {minute(at)}"


def stamp(at: datetime) -> str:
    """`Wed 2026-09-16 08:05:00 UTC`: where a second decides."""
    return f"{_WEEKDAYS[as_utc(at).weekday()]} {second(at)}"


def day_or_minute(at: datetime) -> str:
    """The day alone where a time is its midnight, as the ends of licenses are."""
    at = as_utc(at)
    return day(at) if (at.hour, at.minute) == (0, 0) else minute(at)


def iso(at: datetime) -> str:
    """`2026-09-16T08:05:00Z`, for programs; whole seconds."""
    return f"{as_utc(at):%Y-%m-%dT%H:%M:%SZ}"


def units(value: timedelta, *, full: bool = False, seconds: bool = False) -> tuple[tuple[int, str], ...]:
    """The two largest units of a span, or with `full` all of them: ((1, "d"), (22, "h")). Never negative.

    Down to the minute, or with `seconds` to the second.
    """
    rest, split = max(0, int(value.total_seconds())), []
    for size, name in _UNITS if seconds else _UNITS[:-1]:
        count, rest = divmod(rest, size)
        split.append((count, name))
    first = next((place for place, (count, _name) in enumerate(split) if count), len(split) - 1)
    return tuple(split[first:] if full else split[first : first + 2])


def span(value: timedelta, *, full: bool = False) -> str:
    """`1 d 22 h`, `5 h 23 min`, `3 min`, `0 min`."""
    return " ".join(f"{count} {name}" for count, name in units(value, full=full))


def exact_span(value: timedelta) -> str:
    """`1 d 22 h`, `3 min 20 s`, `0 s`: where a second decides."""
    return " ".join(f"{count} {name}" for count, name in units(value, seconds=True))


def left(until: datetime, now: datetime) -> str:
    """What is left: `1 d 22 h`; what is past: `passed`."""
    return span(as_utc(until) - as_utc(now)) if as_utc(until) > as_utc(now) else "passed"


def ago(at: datetime, now: datetime) -> str:
    """`22 h ago`, in one unit: how long something waits needs no more."""
    count, name = units(as_utc(now) - as_utc(at))[0]
    return "just now" if (count, name) == (0, "min") else f"{count} {name} ago"
