"""The small types that every file and record is made of, and the strictness they share.

Law of the format: a struct's fields are never reordered, renamed or reused in a released version. A new field needs a
new version of each kind of file, or record, that the struct stands in; the struct as it was is kept beside it, with the
two conversions (E17, `exchange.versioning`). Times are whole seconds in UTC; quantities fit the integers that every
JSON reader keeps exact.
"""

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from carnet.printable import is_printable

MAX_QUANTITY = 2**53 - 1
MAX_TEXT = 200  # characters

Quantity = Annotated[int, Meta(ge=0, le=MAX_QUANTITY)]
Count = Annotated[int, Meta(ge=1, le=MAX_QUANTITY)]
Uuid = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT, pattern=r"\S")]
Word = Annotated[str, Meta(pattern=r"^[a-z][a-z_]{0,39}$")]  # a code, a kind, a state: what a program chose
Sku = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Time = Annotated[datetime, Meta(tz=True)]


class UnwritableError(ValueError):
    """A value that no file and no record may hold. A ValueError, so that a decoder reports it as its own error."""


class Fields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all that crosses the gap or enters the ledger: immutable, without unknown fields.

    Raises:
        UnwritableError: A text is not printable or not in Unicode form NFC, or a time is not a whole second in UTC.
    """

    def __post_init__(self) -> None:
        # called on every path: the cheap checks go first (ASCII is NFC, and UTC is one object)
        for value in _values(self):
            kind = type(value)
            if kind is str:
                if not (is_printable(value) and is_composed(value)):
                    raise UnwritableError(f"{_name_of(self, value)} is not printable text in Unicode form NFC")
            elif kind is datetime and (value.tzinfo is not UTC or value.microsecond):
                raise UnwritableError(f"{_name_of(self, value)} is not a whole second in UTC")


def is_composed(text: str) -> bool:
    """True where a text is in Unicode form NFC."""
    return text.isascii() or unicodedata.is_normalized("NFC", text)


def _values(fields: Fields) -> tuple[Any, ...]:
    """All values of a struct, by one call in C: this is asked several times for each change of a busy site."""
    of = type(fields)
    getter = _GETTERS.get(of)
    if getter is None:
        names = of.__struct_fields__
        getter = _GETTERS[of] = attrgetter(*names) if len(names) > 1 else _one_or_none(names)
    values: tuple[Any, ...] = getter(fields)
    return values


_GETTERS: dict[type, Callable[[Any], Any]] = {}


def _one_or_none(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda fields: tuple(getattr(fields, name) for name in names)


def _name_of(fields: Fields, value: object) -> str:
    return next(name for name in fields.__struct_fields__ if getattr(fields, name) is value)


def new_id(now: datetime, random: Callable[[int], bytes]) -> str:
    """A UUID of version 7: ordered by time, otherwise random. `random(n)` gives n random bytes."""
    noise = random(10)
    text = noise.hex()
    return f"{_when(now)}-7{text[1:4]}-{noise[2] & 0x3F | 0x80:02x}{text[6:8]}-{text[8:]}"


@lru_cache(maxsize=4)
def _when(now: datetime) -> str:
    """Milliseconds of the epoch, as an id begins; many ids are made in one second."""
    text = f"{int(now.timestamp()) * 1000:012x}"
    return f"{text[:8]}-{text[8:]}"
