"""L2: does a file show that the site's ledger extends what CALM saw last? Judged before anything in it is believed."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from carnet.exchange.history import History, hashes
from carnet.merkle import Checkpoint, verify_consistency


class Standing(Enum):
    FIRST = auto()  # CALM saw nothing of this Control Room yet
    SAME = auto()  # the very checkpoint seen last
    EXTENDS = auto()
    SUPERSEDED = auto()  # a newer accepted file showed this checkpoint
    NOT_SHOWN = auto()  # no proof either way
    MISMATCH = auto()


@dataclass(frozen=True)
class Seen:
    """What CALM knows of a Control Room's history."""

    last: Checkpoint | None
    believed: tuple[Checkpoint, ...] = ()  # the checkpoints of files accepted before, of the size in question
    newer: tuple[History, ...] = ()  # what the accepted files just after the size in question showed


def judge_history(
    seen: Seen, new: History, *, smaller_than: int | None = None, retired_at: int | None = None
) -> Standing:
    """The one judgement of a history. `retired_at`: the file is signed by a key that the site gave up (E15); so many
    records its ledger had when the next key spoke."""
    standing = _compare(seen, new, smaller_than)
    if retired_at is None or standing is Standing.MISMATCH:
        return standing
    if standing is Standing.SUPERSEDED and new.checkpoint.size < retired_at:
        return standing  # made while the key was the site's own, and carried late
    return Standing.NOT_SHOWN  # a backup from before: it must show more than an old key can


def _compare(seen: Seen, new: History, smaller_than: int | None) -> Standing:
    last, at = seen.last, new.checkpoint.checkpoint
    if last is None:
        return Standing.FIRST
    if at.size >= last.size:
        shown = new.shows(last)
        if shown is None:
            return Standing.NOT_SHOWN
        if not shown:
            return Standing.MISMATCH
        return Standing.SAME if at.size == last.size else Standing.EXTENDS
    return _smaller(seen, at, smaller_than, last)


def _smaller(seen: Seen, at: Checkpoint, smaller_than: int | None, last: Checkpoint) -> Standing:
    if smaller_than is not None and smaller_than >= last.size:
        return Standing.MISMATCH  # the site states itself that its ledger holds less than CALM saw
    if at in seen.believed or any(_was_shown(newer, at) for newer in seen.newer):
        return Standing.SUPERSEDED
    return Standing.NOT_SHOWN


def _was_shown(newer: History, at: Checkpoint) -> bool:
    """Whether an accepted file proves that it extends `at`: a file that was never uploaded, or not in order."""
    found = newer.extension(at.size)
    if found is None:
        return False
    new = newer.checkpoint.checkpoint
    return verify_consistency(at.size, at.root, new.size, new.root, hashes(found.proof))


def newest_shared(new: History, known: Iterable[tuple[Checkpoint, str]]) -> tuple[Checkpoint, str] | None:
    """The newest of the checkpoints `known` (each with whatever belongs to it) that `new` is shown to extend."""
    ordered = sorted(known, key=lambda pair: pair[0].size, reverse=True)
    return next((pair for pair in ordered if new.shows(pair[0]) is True), None)


def first_parting(new: History, known: Iterable[Checkpoint]) -> int | None:
    """The smallest size that CALM saw and that `new` is shown not to extend: the histories part before it."""
    at = new.checkpoint.checkpoint
    parted = [old.size for old in known if new.shows(old) is False or old.size > at.size]
    return min(parted, default=None)
