"""The bodies of requests, read strictly: their own fields, each once, in bounds.

msgspec refuses unknown fields, NaN, a byte order mark, bad UTF-8 and lone surrogates, but takes the last of two equal
keys. All values here are text or numbers, so the quotation marks of a body tell: two for each key and two for each
text; one more key, or an escaped mark, makes more. Only where there are more is the body read once more, to look. A
batch is always read once more: that costs 2 µs a command, a thirtieth of what the command costs.
"""

import json
import unicodedata
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import UNSET, Meta, UnsetType, inspect

from carnet.control_room.queries.questions import HOLDERS
from carnet.control_room.rules.granting.preconditions import (
    DEFAULT_TTL,
    IDEMPOTENCY_KEY,
    MAX_TTL,
    MIN_TTL,
)
from carnet.entitlements import Count, Quantity
from carnet.exchange.strict import MalformedError
from carnet.printable import is_printable

MAX_NAME = 200
MAX_AFTER = 64 + 1 + MAX_NAME  # a product and a user
Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_NAME,
        description="Printable characters, at least one of them not a space.",
        extra_json_schema={"pattern": r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0][^\x00-\x1f\x7f-\x9f]*$"},
    ),
]
# "$" alone also matches before a line end, in Python
Sku = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$(?!\n)")]
Id = Annotated[str, Meta(pattern=r"^[0-9A-Za-z-]{1,64}$(?!\n)")]
Ttl = Annotated[
    int,
    Meta(ge=MIN_TTL, le=MAX_TTL, description="Time to live in seconds.", extra_json_schema={"default": DEFAULT_TTL}),
]
KEY_PATTERN = rf"^{IDEMPOTENCY_KEY}$(?!\n)"
Key = Annotated[str, Meta(pattern=KEY_PATTERN, description="Idempotency key of this command.")]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all bodies."""


class Nothing(Body, frozen=True):
    """No body."""


class Seat(Body, frozen=True):
    sku: Sku
    holder: Name
    ttl_seconds: Ttl | UnsetType = UNSET
    resume: bool | UnsetType = UNSET


class Lease(Body, frozen=True):
    lease_id: Id


class Units(Body, frozen=True):
    sku: Sku
    units: Count


class Reserve(Body, frozen=True):
    sku: Sku
    units: Count
    ttl_seconds: Ttl | UnsetType = UNSET


class Settle(Body, frozen=True):
    reservation_id: Id
    units: Quantity


class Reservation(Body, frozen=True):
    reservation_id: Id


class User(Body, frozen=True):
    sku: Sku
    user: Name


class Assign(Body, frozen=True):
    """`even_so`: this is another person than the likely twin (G2)."""

    sku: Sku
    user: Name
    even_so: bool | UnsetType = UNSET


class Product(Body, frozen=True):
    sku: Sku


class Page(Body, frozen=True):
    """What a GET may say in its query."""

    after: Annotated[str, Meta(max_length=MAX_AFTER, description="`next` of the page before.")] | UnsetType = UNSET
    limit: (
        Annotated[int, Meta(ge=1, le=HOLDERS, description="Holders in a page.", extra_json_schema={"default": HOLDERS})]
        | UnsetType
    ) = UNSET


T = TypeVar("T")


class Reader(Generic[T]):
    """Reads one shape of body. Raises MalformedError, with a sentence that quotes nothing secret."""

    def __init__(self, shape: Any) -> None:
        self._decode = msgspec.json.Decoder(shape).decode
        self._marks, self._optional = _marks(shape) if isinstance(shape, type) else (0, ())

    def read(self, raw: bytes) -> T:
        body: T = self.decode(raw)
        found = raw.count(b'"')
        if found != self._marks and found != self._marks + sum(
            more for name, more in self._optional if getattr(body, name) is not UNSET
        ):
            refuse_twice(raw)
        return body

    def decode(self, raw: bytes) -> T:
        try:
            return self._decode(raw)  # type: ignore[no-any-return]
        except RecursionError:
            raise MalformedError("The body is nested too deep.") from None
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise MalformedError(f"The body cannot be read: {error}.") from error


def read_query(shape: type[Body], query: bytes) -> Body:
    """What an address says after its question mark, in the same bounds. Raises MalformedError."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query), errors="strict")
        _once(pairs)
        made = msgspec.convert(dict(pairs), shape, strict=False)
    except MalformedError:
        raise
    except (msgspec.MsgspecError, ValueError) as error:
        raise MalformedError(f"The query cannot be read: {error}.") from error
    wrong = next((name for name, value in pairs if str(getattr(made, name)) != value), None)
    if wrong:
        raise MalformedError(f"“{wrong}” is a whole number, in digits.")
    return made


def _marks(shape: type) -> tuple[int, tuple[tuple[str, int], ...]]:
    """How many quotation marks a body of required fields holds, and how many more each optional one brings."""
    fields = msgspec.structs.fields(shape)
    own = {field.name: 2 + 2 * _is_text(field.type) for field in fields}
    required = sum(own[field.name] for field in fields if field.required)
    return required, tuple((field.name, own[field.name]) for field in fields if not field.required)


def _is_text(kind: Any) -> bool:
    found = inspect.type_info(kind)
    parts = found.types if isinstance(found, inspect.UnionType) else (found,)
    return any(isinstance(part.type if isinstance(part, inspect.Metadata) else part, inspect.StrType) for part in parts)


def refuse_twice(raw: bytes) -> None:
    """Raises MalformedError where a key stands twice in one object of a body that could be decoded."""
    json.loads(raw, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise MalformedError("A key stands twice.")


def name(text: str) -> str:
    """A name as the ledger can hold it: printable, in Unicode form NFC, without the blanks around it."""
    text = text.strip(" ")
    if not is_printable(text) or not text.strip():
        raise MalformedError("A name holds a character that cannot be printed, or only spaces.")
    return text if text.isascii() else unicodedata.normalize("NFC", text)
