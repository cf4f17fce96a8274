"""The registry of the kinds of record: their names, their versions (E17), and reading a body in any of them.

Import it from `events`: there all kinds are registered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import msgspec

from carnet.control_room.ledger.record import Record
from carnet.entitlements import Fields
from carnet.errors import NewerVersionError, TamperedError

KINDS: dict[str, type["Event"]] = {}
CLEAR: set[str] = set()  # kinds whose whole content leaves the site anyway

E = TypeVar("E", bound="type[Event]")
S = TypeVar("S", bound=type[Fields])


class Event(Fields, frozen=True):
    """The base of all bodies. `kind` is the name of the kind, `form` the version of it that is written (E17)."""

    kind: ClassVar[str]
    form: ClassVar[int] = 1  # E17: the version of the kind that is written


def kind(name: str, *, clear: bool = False, version: int = 1) -> Callable[[E], E]:
    """Register a struct as the body of the kind `name`. `clear`: not encrypted, because all of it leaves the site (L1).

    Raises:
        ValueError: The name is taken.
    """

    def register(event: E) -> E:
        if name in KINDS:
            raise ValueError(f"{name} is taken")
        event.kind, event.form = name, version
        KINDS[name] = event
        if clear:
            CLEAR.add(name)
        return event

    return register


@dataclass(frozen=True)
class Superseded:
    """A kind as an older version wrote it, and the function that makes it today's (E17)."""

    shape: type[Fields]
    upgrade: Callable[[Any], Event]


SUPERSEDED: dict[tuple[str, int], Superseded] = {}


def superseded(name: str, version: int, upgrade: Callable[[Any], Event]) -> Callable[[S], S]:
    """Register an older version of a kind, below the one that is written: it is only read, and for good (E17).

    Raises:
        ValueError: The version is taken, or it is not older than the one that is written.
    """

    def register(shape: S) -> S:
        if (name, version) in SUPERSEDED or not 0 < version < KINDS[name].form:
            raise ValueError(f"version {version} of {name} is taken, or is not an older one")
        SUPERSEDED[name, version] = Superseded(shape, upgrade)
        return shape

    return register


_DECODERS: dict[tuple[str, int], Callable[[Any], Event]] = {}


def own_event_of(record: Record) -> Event:
    """The body of a record that the writer wrote, as its kind is today. It is called many times a second.

    Raises:
        TamperedError: The kind is not known, or no release wrote such a body.
        NewerVersionError: Only a newer release knows this version of the kind (E17).
    """
    decode_body = _DECODERS.get((record.kind, record.version)) or _decoder_of(record)
    try:
        return decode_body(record.body)
    except ValueError as error:
        raise TamperedError(f"record {record.index} ({record.kind}) cannot be understood: {error}") from error


def _decoder_of(record: Record) -> Callable[[Any], Event]:
    known = KINDS.get(record.kind)
    if known is None:
        raise TamperedError(f"record {record.index} ({record.kind}) is of a kind that this release does not know")
    if record.version > known.form:
        raise NewerVersionError(
            f"Record {record.index} ({record.kind}) is of version {record.version}; this release of the Control Room "
            f"reads up to version {known.form}. Nothing was changed.",
            "Use the release that wrote the ledger, or a newer one.",
        )
    found = _decoder(known) if record.version == known.form else _upgrader(SUPERSEDED[record.kind, record.version])
    _DECODERS[record.kind, record.version] = found
    return found


def _decoder(event: type[Event]) -> Callable[[Any], Event]:
    return msgspec.json.Decoder(event).decode


def _upgrader(old: Superseded) -> Callable[[Any], Event]:
    decoder, upgrade = msgspec.json.Decoder(old.shape), old.upgrade
    return lambda body: upgrade(decoder.decode(body))
