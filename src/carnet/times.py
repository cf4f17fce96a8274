"""How times, ends and spans are written, on both sides and at every door. Every time is UTC and says so.

A time without a zone is taken as UTC. Weekdays are English, whatever the machine's locale. All arithmetic here is
total: what would lie outside the calendar is the first or the last second that there is.
"""

from datetime import UTC, date, datetime, time, timedelta

DAY, HOUR, MINUTE = 86_400, 3_600, 60  # seconds
_UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s"))
FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(microsecond=0, tzinfo=UTC)  # whole seconds, as all times of files and records
PERPETUAL = datetime(2999, 12, 31, tzinfo=UTC)  # Q1: the latest end; what ends then is perpetual
PERPETUAL_WORD = "perpetual"
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def as_utc(at: datetime) -> datetime:
    """The same moment in UTC; at an edge of the calendar, where UTC has no such moment, the edge."""
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC)
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return FIRST if at.year == 1 else LAST


def earlier(at: datetime, span: timedelta) -> datetime:
    """So long before a time, or the first moment that there is."""
    try:
        return at - span
    except OverflowError:
        return _edge(at, is_first=span > timedelta())


def later(at: datetime, span: timedelta) -> datetime:
    """So long after a time, or the last second that there is."""
    try:
        return at + span
    except OverflowError:
        return _edge(at, is_first=span < timedelta())


def _edge(at: datetime, *, is_first: bool) -> datetime:
    return (FIRST if is_first else LAST).replace(tzinfo=at.tzinfo)


def is_perpetual(end: datetime) -> bool:
    """Q1: True of the latest end, and of what an older file states beyond it. Such an end is not announced."""
    return as_utc(end) >= PERPETUAL


def announced_from(end: datetime, within: timedelta) -> datetime:
    """S: from when an end is announced: so long before it. A perpetual one never is: that is the end itself."""
    return end if is_perpetual(end) else earlier(end, within)


def read_end(text: str) -> datetime:
    """Q1: an end as people type it: `2027-11-24`, the first day that is too late; `2027-11-24T08:00:00Z`, the first
    moment; or `perpetual`.

    Raises:
        ValueError: It is none of these, or later than the latest end. The message says so, in a sentence.
    """
    if text.strip().lower() == PERPETUAL_WORD:
        return PERPETUAL
    for form in ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"):
        try:
            return fitting_end(datetime.strptime(text, form).replace(tzinfo=UTC))
        except EndTooLateError:
            raise
        except ValueError:
            continue
    raise ValueError(NOT_AN_END)


class EndTooLateError(ValueError):
    """An end that is later than the latest one (Q1)."""


NOT_AN_END = f"It is not a day like 2027-11-24, and not “{PERPETUAL_WORD}”."
TOO_LATE = f"The latest end that fits is {PERPETUAL:%Y-%m-%d}: write “{PERPETUAL_WORD}”."
END_HELP = f"Ends at the start of this day (UTC). Or “{PERPETUAL_WORD}”."


def fitting_end(end: datetime) -> datetime:
    """Q1: the end itself, in UTC.

    Raises:
        EndTooLateError: It is later than the latest end; the message names that one.
    """
    if as_utc(end) > PERPETUAL:
        raise EndTooLateError(f"{day(end)} is too late for an end. {TOO_LATE}")
    return as_utc(end)


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
    """The day alone where a time is its midnight: for a start. An end is said by `until` or `end`."""
    at = as_utc(at)
    return day(at) if (at.hour, at.minute, at.second) == (0, 0, 0) else minute(at)


def until(end: datetime) -> str:
    """`until the end of 2027-11-29 (UTC)`, of an end at the midnight after; `until 2027-11-29 14:30 (UTC)`;
    `perpetual`. An end is the first moment that is too late (Q1)."""
    return _said_end(end, "until ", "until the ")


def end(at: datetime) -> str:
    """`end of 2027-11-29 (UTC)`, `2027-11-29 14:30 (UTC)`, `perpetual`: in a column, or after a name and a colon."""
    return _said_end(at, "", "")


def ends(at: datetime, now: datetime) -> str:
    """`ends at the end of 2027-11-29 (UTC), in 3 d 2 h`; `ended at the end of 2027-11-29 (UTC)`; `is perpetual`."""
    if is_perpetual(at):
        return f"is {PERPETUAL_WORD}"
    return f"ends {at_end(at)}, in {left(at, now)}" if as_utc(now) < as_utc(at) else f"ended {at_end(at)}"


def at_end(at: datetime) -> str:
    """`at the end of 2027-11-29 (UTC)`, `2027-11-29 14:30 (UTC)`: after *ends* or *ended*."""
    return _said_end(at, "", "at the ")


def end_typed(end: datetime) -> str:
    """An end as a field takes it back (`read_end`): `2027-11-30`, `perpetual`."""
    if is_perpetual(end):
        return PERPETUAL_WORD
    end = as_utc(end)
    return day(end) if end.time() == time() else iso(end)


def _said_end(end: datetime, before_minute: str, before_day: str) -> str:
    at = as_utc(end)
    if is_perpetual(at):
        return PERPETUAL_WORD
    if at.time() == time():
        return f"{before_day}end of {day(earlier(at, timedelta(days=1)))} (UTC)"
    return f"{before_minute}{_exact(at)} (UTC)"


def _exact(at: datetime) -> str:
    return bare_minute(at) if not at.second else f"{at:%Y-%m-%d %H:%M:%S}"


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
    """What is left: `1 d 22 h`; what is past: `passed`; of a perpetual end nothing is counted: `perpetual`."""
    if is_perpetual(until):
        return PERPETUAL_WORD
    return span(as_utc(until) - as_utc(now)) if as_utc(until) > as_utc(now) else "passed"


def ago(at: datetime, now: datetime) -> str:
    """`22 h ago`, in one unit: how long something waits needs no more."""
    count, name = units(as_utc(now) - as_utc(at))[0]
    return "just now" if (count, name) == (0, "min") else f"{count} {name} ago"
