"""Who vouched for whom, and which two people are therefore not two (A4). Pure, for both sides."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

APART = timedelta(days=30)


@dataclass(frozen=True)
class Voucher:
    """`by` vouched for `whom`. An empty `by` is the machine: it ends what stood about `whom` until then."""

    by: str
    whom: str
    at: datetime


@dataclass(frozen=True)
class Deed:
    """An act of two people (A3) that was done."""

    one: str
    other: str
    at: datetime


def is_same(one: str, other: str) -> bool:
    """Whether two names are one person's: neither case nor blanks around it make two (A3)."""
    return plain(one) == plain(other)


def plain(name: str) -> str:
    """A name as it is compared."""
    return name.strip().casefold()


def is_two_identities(one: str | None, other: str | None) -> bool:
    """A3: two identities of one issuer, or none at all. An identity is an issuer's id, a colon, and who it is there.
    One person could have the password of one name, and the identity of another."""
    if one is None or other is None:
        return one is other
    return one.partition(":")[0] == other.partition(":")[0] and one != other


def not_two_identities(one: str, other: str) -> str:
    """What is said where they are not."""
    return (
        f"{one} and {other} count as two people only where both have bound an identity of the same issuer, or neither "
        "has bound one."
    )


def apart(one: str, other: str, vouchers: Iterable[Voucher], deeds: Iterable[Deed], now: datetime) -> Voucher | None:
    """A4: what keeps `one` and `other` from being the two people of an act at `now`; None where nothing does.

    One vouched for the other: for 30 days, and until each of them did an act with somebody else since. Somebody vouched
    for both: for 30 days after the later of the two.
    """
    two, done, standing = {plain(one), plain(other)}, list(deeds), _standing(vouchers)
    for voucher in standing:
        if {plain(voucher.by), plain(voucher.whom)} != two:
            continue
        elsewhere = all(_acted_elsewhere(who, two, voucher.at, done) for who in two)
        if now - voucher.at < APART or not elsewhere:
            return voucher
    return _common(two, [voucher for voucher in standing if now - voucher.at < APART])


def _standing(vouchers: Iterable[Voucher]) -> list[Voucher]:
    """Those of people that the machine did not end, the newest first. Of one moment, in the order given."""
    kept: list[Voucher] = []
    ended: set[str] = set()
    for voucher in sorted(vouchers, key=lambda voucher: voucher.at)[::-1]:
        if not voucher.by:
            ended.add(plain(voucher.whom))
        elif plain(voucher.whom) not in ended:
            kept.append(voucher)
    return kept


def _acted_elsewhere(who: str, two: set[str], since: datetime, deeds: list[Deed]) -> bool:
    """Whether `who` did an act after `since` with somebody who is neither of the two."""
    return any(
        deed.at > since and who in (pair := {plain(deed.one), plain(deed.other)}) and pair != two for deed in deeds
    )


def _common(two: set[str], recent: list[Voucher]) -> Voucher | None:
    """The newest by somebody who vouched for both."""
    for voucher in recent:
        others = two - {plain(voucher.whom)}
        if len(others) == 1 and any(is_same(each.by, voucher.by) and plain(each.whom) in others for each in recent):
            return voucher
    return None
