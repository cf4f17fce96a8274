"""E17: the versions that a side reads. It tells the other side so in each LFR, and in each token and OLF."""

from typing import Annotated

from msgspec import Meta

from carnet.entitlements import Fields
from carnet.exchange.envelope import Kind
from carnet.exchange.versioning import versions_of

Numbers = Annotated[list[Annotated[int, Meta(ge=1, le=1_000_000)]], Meta(min_length=1, max_length=8)]


def _check_rising(fields: Fields) -> None:
    """Raises ValueError where the versions of a kind do not rise."""
    for name in fields.__struct_fields__:
        numbers = getattr(fields, name)
        if numbers != sorted(set(numbers)):
            raise ValueError(f"the versions of {name} do not rise")


class SiteReads(Fields, frozen=True):
    """The versions of each kind that a Control Room reads, in rising order.

    Raises:
        ValueError: The versions of a kind do not rise.
    """

    token: Numbers
    olf: Numbers
    key_set: Numbers

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_rising(self)


class VendorReads(Fields, frozen=True):
    """The versions of each kind that CALM reads, in rising order.

    Raises:
        ValueError: The versions of a kind do not rise.
    """

    lfr: Numbers
    receipt: Numbers

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_rising(self)


def site_reads() -> SiteReads:
    """The versions that a Control Room of this release reads."""
    return SiteReads(token=_taken(Kind.TOKEN), olf=_taken(Kind.OLF), key_set=_taken(Kind.KEY_SET))


def vendor_reads() -> VendorReads:
    """The versions that a CALM of this release reads."""
    return VendorReads(lfr=_taken(Kind.LFR), receipt=_taken(Kind.RECEIPT))


def version_for(kind: Kind, reads: list[int]) -> int:
    """The version in which a Control Room writes for a CALM that reads `reads`: the newest that both know (E17).

    Where there is none, the nearest: what CALM said may be old, and only CALM can judge what it reads today. Its
    refusal then says which side to upgrade.
    """
    versions = versions_of(kind)
    common = versions.to_write(reads)
    if common is not None:
        return common
    return versions.newest if reads[-1] > versions.newest else versions.taken[0]


def _taken(kind: Kind) -> list[int]:
    return list(versions_of(kind).taken)
