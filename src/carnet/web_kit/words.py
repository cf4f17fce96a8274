"""How times, numbers and names are written, as plain functions. Every time is UTC and says so."""

from datetime import UTC, date, datetime, timedelta

DAY, HOUR, MINUTE = 86_400, 3_600, 60
_UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"))
_MINUS = "−"  # the sign, not the hyphen
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def number(value: int | float) -> str:
    """1200000 → `1,200,000`; −4 → `−4`."""
    text = f"{abs(value):,}" if isinstance(value, int) else f"{abs(value):,.1f}".removesuffix(".0")
    return f"{_MINUS}{text}" if value < 0 else text


def signed(value: int | float) -> str:
    """A difference: `+2`, `−30`, `0`."""
    return f"+{number(value)}" if value > 0 else number(value)


def moment(at: datetime, *, weekday: bool = True, seconds: bool = False) -> str:
    """`Wed 2026-09-16 08:05 UTC`. A time without a zone is taken as UTC."""
    at = as_utc(at)
    text = f"{at:%Y-%m-%d %H:%M:%S} UTC" if seconds else f"{at:%Y-%m-%d %H:%M} UTC"
    return f"{_WEEKDAYS[at.weekday()]} {text}" if weekday else text


def day(at: datetime | date) -> str:
    """`2026-09-16`, the UTC day of a time."""
    return (as_utc(at).date() if isinstance(at, datetime) else at).isoformat()


def units(span: timedelta, *, full: bool = False) -> tuple[tuple[int, str], ...]:
    """The two largest units of a span, or with `full` all down to the minute: ((1, "d"), (22, "h")). Never negative."""
    seconds = max(0, int(span.total_seconds()))
    split = []
    for size, name in _UNITS:
        count, seconds = divmod(seconds, size)
        split.append((count, name))
    first = next((place for place, (count, _name) in enumerate(split) if count), len(split) - 1)
    return tuple(split[first:] if full else split[first : first + 2])


def span(value: timedelta, *, full: bool = False) -> str:
    """`1 d 22 h`, `5 h 23 min`, `3 min`, `0 min`."""
    return " ".join(f"{count} {name}" for count, name in units(value, full=full))


def left(until: datetime, now: datetime) -> str:
    """What is left: `1 d 22 h`; what is past: `passed`."""
    return span(as_utc(until) - as_utc(now)) if as_utc(until) > as_utc(now) else "passed"


def ago(at: datetime, now: datetime) -> str:
    """`22 h ago`, in one unit: how long something waits needs no more."""
    count, name = units(as_utc(now) - as_utc(at))[0]
    return "just now" if (count, name) == (0, "min") else "{span} ago".format(span=f"{count} {name}")


def urgency(until: datetime, now: datetime) -> str:
    """The tone of a deadline: `bad` under 24 hours or passed, else `warn`."""
    return "bad" if as_utc(until) - as_utc(now) < timedelta(hours=24) else "warn"


def size(count: int) -> str:
    """`5,912 bytes`, `256 KiB`, `1.5 MiB`: exact as long as a person may compare it with a file manager."""
    if count < 10_000:
        return f"{number(count)} bytes"
    for unit, whole in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= whole:
            return f"{number(round(count / whole, 1))} {unit}"
    return f"{number(count)} bytes"


def short(text: str, first: int = 8, last: int = 4) -> str:
    """The first and last letters of an id: `0197a3c4…8c01`. What is hardly longer stays whole."""
    return text if len(text) <= first + last + 1 else f"{text[:first]}…{text[-last:]}"


def fingerprint_lines(digest: str) -> tuple[tuple[str, ...], ...]:
    """64 hex digits as 4 lines of 4 groups of 4. Blanks and colons in it are passed over."""
    digits = digest.replace(" ", "").replace(":", "").lower()
    groups = tuple(digits[place : place + 4] for place in range(0, len(digits), 4))
    return tuple(groups[place : place + 4] for place in range(0, len(groups), 4))


def digits16(digest: str) -> str:
    """The first 16 digits of a hash: `1426 3248 728e a7b2 …`."""
    return " ".join((*fingerprint_lines(digest)[0], "…")) if digest else ""


def headline(text: str) -> tuple[str, str]:
    """A message's first sentence, and the rest: the first is set bold."""
    first, stop, rest = text.partition(". ")
    return (f"{first}.", rest) if stop else (text, "")


def as_utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
