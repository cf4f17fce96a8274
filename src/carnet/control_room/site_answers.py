"""What the composition root answers to what is done with a whole site."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Founded:
    control_room: str
    name: str
    version: str
    data: str
    warning: str
    administrator: str
    name_warning: str  # where the name looks like one that should not leave
    vendor: str  # whose files it trusts (E16), by these roots
    roots: tuple[str, ...]


@dataclass(frozen=True)
class Restored:
    size: int
    size_before: int
    kept: str


@dataclass(frozen=True)
class Moved:
    """L7: what left, or arrived. `records` is the size of the ledger, `root` the root of its tree."""

    name: str
    size: int  # bytes of the file
    records: int
    root: str


@dataclass(frozen=True)
class Rewrapped:
    """`master`: the number of the master key that encrypts what is written now; `replaced`: the file in the data folder
    that holds the new passphrase, if the old one lay there."""

    master: int
    replaced: str


@dataclass(frozen=True)
class Confirmed:
    """T5: the machine's clock, and what the ledger knew before."""

    clock: datetime
    before: datetime
