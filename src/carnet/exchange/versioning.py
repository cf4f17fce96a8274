"""E17: each kind of file has its own versions. One value object stands behind all of them.

A release writes the newest version of a kind, N, or N-1 for a side that does not read N yet; from the other side it
takes N and N-1. What a side keeps of its own (accepted LFRs, issued OLFs, key sets) is read in every version that any
release wrote, because nobody can be asked to make it again.

Here is the mechanism; the versions themselves are in `versions`. To add version 2 of a kind: give the value object its
new field; keep the struct as it was, with its two conversions, in a module of its own; add a line in `versions`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carnet.entitlements import Fields

TAKEN = 2  # versions of a kind that are taken from the other side: N and N-1
SEALED_BODY = "sealed body of an OLF"  # it is not a file: its versions are those of the OLF


@dataclass(frozen=True)
class Version:
    """One version of a kind of file: how it is written, and how to get from there to the value object and back.

    `upgrade` takes what was written and returns the value object. It may raise ValueError, which makes the file
    `malformed`. `downgrade` takes the value object and returns what is written. It may lose a field.
    """

    shape: type[Fields]
    upgrade: Callable[[Any], Any]
    downgrade: Callable[[Any], Any]


def newest(value: type[Fields]) -> Version:
    """The newest version of a kind: what is written is the value object itself."""
    return Version(value, _same, _same)


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Versions:
    """All versions of one kind, by number, from 1 on.

    Raises:
        ValueError: The numbers are not 1, 2, 3 and so on. None is ever left out or used again.
    """

    table: Mapping[int, Version]

    def __post_init__(self) -> None:
        if list(self.table) != list(range(1, len(self.table) + 1)):
            raise ValueError("versions are numbered 1, 2, 3 and so on")

    @property
    def newest(self) -> int:
        """The newest version, which is written by default."""
        return len(self.table)

    @property
    def taken(self) -> tuple[int, ...]:
        """The versions that are taken from the other side, and written for it; the newest is the last."""
        return tuple(self.table)[-TAKEN:]

    def to_write(self, reads: Sequence[int]) -> int | None:
        """The newest version that is written here and that the other side reads, which reads `reads`; None where there
        is none.
        """
        return max(set(self.taken) & set(reads), default=None)


TABLES: dict[str, Versions] = {}  # by kind; filled by `versions`


def versions_of(kind: str) -> Versions:
    """The versions of a kind of file.

    Raises:
        KeyError: There is no such kind.
    """
    return TABLES[kind]
