"""How numbers, sizes and names are written, as plain functions; times are `carnet.times`'."""

from datetime import datetime, timedelta

from carnet import times

_MINUS = "−"  # the sign, not the hyphen


def number(value: int | float) -> str:
    """1200000 → `1,200,000`; −4 → `−4`."""
    text = f"{abs(value):,}" if isinstance(value, int) else f"{abs(value):,.1f}".removesuffix(".0")
    return f"{_MINUS}{text}" if value < 0 else text


def counted(count: int, what: str) -> str:
    """`1 day`, `12 days`: `what` is a word whose plural takes an s."""
    return f"{number(count)} {what}" if count == 1 else f"{number(count)} {what}s"


def signed(value: int | float) -> str:
    """A difference: `+2`, `−30`, `0`."""
    return f"+{number(value)}" if value > 0 else number(value)


def urgency(until: datetime, now: datetime) -> str:
    """The tone of a deadline: `bad` under 24 hours or passed, else `warn`."""
    return "bad" if times.as_utc(until) - times.as_utc(now) < timedelta(hours=24) else "warn"


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
