"""Answers as frozen dataclasses, named as the interface names them. Fields that a newer server adds are passed over."""

from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


@dataclass(frozen=True)
class Seat:
    sku: str
    lease_id: str  # empty where the server did not grant it
    holder: str
    expires_at: datetime | None  # by the server's clock; None once given back
    in_use: int
    granted: int
    local: bool = False  # granted here because the server could not be reached: `unreachable`


@dataclass(frozen=True)
class Units:
    sku: str
    units: int
    remaining: int
    owed: int  # of these units, above the quantities within a permitted overage
    local: bool = False


@dataclass(frozen=True)
class Reservation:
    sku: str
    reservation_id: str
    units: int
    expires_at: datetime | None
    remaining: int
    local: bool = False


@dataclass(frozen=True)
class User:
    sku: str
    user: str
    assigned: bool
    in_use: int
    granted: int
    local: bool = False


@dataclass(frozen=True)
class Feature:
    sku: str
    name: str
    granted: bool
    valid_until: datetime | None
    local: bool = False


@dataclass(frozen=True)
class Product:
    sku: str
    name: str
    metric: str
    unit: str
    granted: int
    in_use: int
    consumed: int
    remaining: int
    valid_until: datetime
    reserved: int


@dataclass(frozen=True)
class Status:
    """What a product may want to show. The server tells more: see its OpenAPI document."""

    control_room: str
    name: str
    version: str
    state: str
    locked: bool
    account: str | None
    banner: str | None
    storage: str  # why nothing can be written now; empty where all is well
    products: list[Product]


@dataclass(frozen=True)
class Holder:
    sku: str
    holder: str
    lease_id: str | None
    since: datetime | None
    expires_at: datetime | None
    covered: bool


@dataclass(frozen=True)
class RefusalCount:
    code: str
    count: int


@dataclass(frozen=True)
class Usage:
    products: list[Product]
    holders: list[Holder]
    refusals: list[RefusalCount]
    next: str | None = None  # ask again after this for more holders


class NotUnderstoodError(ValueError):
    """What came is not of the shape that it must have."""


def made(kind: type[T], value: Any) -> T:
    """`value`, as decoded from JSON, as a `kind`. Raises NotUnderstoodError."""
    answer: T = _made(kind, value)
    return answer


def _made(kind: Any, value: Any) -> Any:
    if is_dataclass(kind) and isinstance(value, dict):
        return _dataclass(kind, value)
    if get_origin(kind) is list and isinstance(value, list):
        return [_made(get_args(kind)[0], each) for each in value]
    if get_origin(kind) is UnionType:
        (one,) = (each for each in get_args(kind) if each is not NoneType)
        return None if value is None else _made(one, value)
    if kind is datetime and isinstance(value, str):
        return _moment(value)
    if type(value) is kind:
        return value
    raise NotUnderstoodError(f"a value that is no {getattr(kind, '__name__', kind)}")


def _dataclass(kind: Any, value: dict[str, Any]) -> Any:
    found = {}
    for name, (of, required) in _shape(kind).items():
        if name in value:
            found[name] = _made(of, value[name])
        elif required:
            raise NotUnderstoodError(f"no “{name}” in it")
    return kind(**found)


@cache
def _shape(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Each field that a server tells: its type, and whether it must be there. `local` is never a server's word."""
    types = get_type_hints(kind)
    return {each.name: (types[each.name], each.default is MISSING) for each in fields(kind) if each.name != "local"}


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise NotUnderstoodError("a moment that cannot be read") from None
