"""Answers as frozen dataclasses, named as the interface names them. Fields that a newer server adds are passed over."""

from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


@dataclass(frozen=True)
class Seat:
    """A lease of a seat, as it is after the call."""

    sku: str
    """The product."""
    lease_id: str
    """The id of the lease. Empty where the server did not grant it (`local`)."""
    holder: str
    """Who works with it."""
    expires_at: datetime | None
    """When the lease ends, by the server's clock. None once it was given back, and where `local`."""
    in_use: int
    """Seats of this product in use, this one included."""
    granted: int
    """Seats of this product that the license grants now."""
    local: bool = False
    """True: granted here because the server could not be reached. Nobody counts it."""


@dataclass(frozen=True)
class Units:
    """Units that were consumed."""

    sku: str
    """The product."""
    units: int
    """How many were consumed by this call."""
    remaining: int
    """Units of this product that are left to consume."""
    owed: int
    """How many of `units` are above the licensed quantity, within an overage that the license permits (rule Q5)."""
    local: bool = False
    """True: granted here because the server could not be reached. It stands in no record."""


@dataclass(frozen=True)
class Reservation:
    """Units that are set aside, or were."""

    sku: str
    """The product."""
    reservation_id: str
    """The id of the reservation. Empty where the server did not grant it (`local`)."""
    units: int
    """How many are set aside, or were given back."""
    expires_at: datetime | None
    """When it ends by itself, by the server's clock. None once it was given back, and where `local`."""
    remaining: int
    """Units of this product that are left to consume."""
    local: bool = False
    """True: granted here because the server could not be reached."""


@dataclass(frozen=True)
class User:
    """A named user, as it is after the call."""

    sku: str
    """The product."""
    user: str
    """The name of the user."""
    assigned: bool
    """Whether the user has a license of the product."""
    in_use: int
    """Users of this product that are assigned."""
    granted: int
    """Users of this product that the license grants now."""
    local: bool = False
    """True: granted here because the server could not be reached."""


@dataclass(frozen=True)
class Feature:
    """A feature that is granted now."""

    sku: str
    """The product."""
    name: str
    """Its name for people."""
    granted: bool
    """Always True: a feature that is not granted is raised as `NotGranted`."""
    valid_until: datetime | None
    """When the license of it ends, its days of grace included. None where `local`."""
    perpetual: bool = False
    """True: that end is the latest that there is, and is never announced (rule Q1)."""
    local: bool = False
    """True: granted here because the server could not be reached."""


@dataclass(frozen=True)
class ProductChange:
    """A moment from which another quantity of a product is granted (rules S)."""

    sku: str
    """The product."""
    when: datetime
    """The first moment of it, days of grace included."""
    ends: datetime
    """The end of the license lines that cause it, their grace left out. Notices count down to it."""
    before: int
    """How many are granted until then."""
    after: int
    """How many are granted from then on."""
    uncovered: int
    """How many of the users or seats that are in use now will not be covered (rule Q4)."""
    lapses: int
    """Units: how many are left then, if no more are consumed, and lapse."""
    announced: bool
    """True: less is granted, and not because the whole license ends."""
    words: str
    """All of it for people, in one or two sentences."""


@dataclass(frozen=True)
class Product:
    """One product of the license, and how much of it is used."""

    sku: str
    """The product."""
    name: str
    """Its name for people."""
    metric: str
    """What is counted: `named_user`, `concurrent`, `consumable` or `feature`."""
    unit: str
    """What one of it is called, e.g. `page`."""
    granted: int
    """How many the license grants now."""
    in_use: int
    """Users or seats in use now."""
    consumed: int
    """Units that were consumed, in the running period where the product has one."""
    remaining: int
    """How many can still be taken."""
    valid_until: datetime
    """When the last line of it ends."""
    reserved: int
    """Units that are set aside now."""
    state: str
    """Its own state: `later`, `active`, `expiring`, `grace` or `expired` (rules S)."""
    ends: datetime
    """From when nothing of it is granted any more, days of grace included."""
    changes: list[ProductChange]
    """What is still to come of what is granted, the end included; the soonest first."""
    coming: str
    """The same in words, e.g. `10 until the end of 2027-11-30 (UTC), then 5`. Empty where nothing comes before the
    license's own end."""
    perpetual: bool
    """True: the end of its last line is the latest that there is, and is never announced (rule Q1)."""


@dataclass(frozen=True)
class Status:
    """What a product may want to show. The server tells more: see its OpenAPI document."""

    control_room: str
    """The id of the Control Room."""
    name: str
    """Its name for people."""
    version: str
    """The release that it runs."""
    state: str
    """`new`, `enabled`, `active`, `expiring`, `grace`, `expired` or `released` (rules S)."""
    locked: bool
    """True: an exchange was missed, and nothing new is granted (rule E8)."""
    account: str | None
    """The customer's account, once the site is enabled."""
    banner: str | None
    """What the site wants people to know now; None where there is nothing."""
    storage: str
    """Why nothing can be written now. Empty where all is well."""
    products: list[Product]
    """What is licensed and used. Only those that the API key may see."""


@dataclass(frozen=True)
class Holder:
    """Who holds a license of a product."""

    sku: str
    """The product."""
    holder: str
    """The user, or the holder of the seat."""
    lease_id: str | None
    """The id of the lease of a seat; None for a user."""
    since: datetime | None
    """Since when."""
    expires_at: datetime | None
    """When the lease of a seat ends; None for a user."""
    covered: bool
    """False: more is in use than is still licensed, and this one came later (rule Q4)."""


@dataclass(frozen=True)
class RefusalCount:
    """How often a code was refused."""

    code: str
    """The stable word, as in `Refused.code`."""
    count: int
    """How often it was refused."""


@dataclass(frozen=True)
class Usage:
    """Who holds what, what was consumed, and what was refused."""

    products: list[Product]
    """What is licensed and used."""
    holders: list[Holder]
    """Who holds what, in the order of product and holder."""
    refusals: list[RefusalCount]
    """How often each code was refused."""
    next: str | None = None
    """Where more holders follow: `calls.usage(next)` asks for them. None at the end."""


class NotUnderstoodError(ValueError):
    """What came does not have the shape that it must have."""


def made(kind: type[T], value: Any) -> T:
    """Decoded JSON as an answer of the type `kind`.

    Raises:
        NotUnderstoodError: It does not have the shape of `kind`.
    """
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
    raise NotUnderstoodError(f"a value that is not a {getattr(kind, '__name__', kind)}")


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
