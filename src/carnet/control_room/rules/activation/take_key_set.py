"""E16, L6: what a newer key set of the vendor changes here, whether a token brings it, an OLF, or a file of its own."""

from carnet.control_room.ledger.events import Event, KeySetTaken, LogBroken
from carnet.control_room.state.state import State
from carnet.exchange.history import CheckpointFields
from carnet.exchange.issuing_log import LogBreak, goes_on_from, new_breaks
from carnet.exchange.key_set import KeySet
from carnet.times import stamp


def take_key_set(key_set: KeySet, state: State) -> list[Event]:
    """Its records; none where it is not newer than the one known here. Each break of the vendor's log gets one, with
    the log as it was seen here before: that stays as evidence (L6)."""
    if key_set.version <= state.pinned.version:
        return []
    events: list[Event] = [KeySetTaken(key_set=key_set)]
    seen = state.issuing_log
    for each in _unknown(key_set, state):
        events.append(LogBroken(seen=seen, stated=each))
        seen = goes_on_from(seen, [each])
    return events


def new_break_words(key_set: KeySet, state: State) -> list[str]:
    """What the site's people are told of each break that `key_set` states and that is not known here yet."""
    found, seen = [], state.issuing_log
    for each in _unknown(key_set, state) if key_set.version > state.pinned.version else []:
        found.append(break_words(each, seen))
        seen = goes_on_from(seen, [each])
    return found


def break_words(stated: LogBreak, seen: CheckpointFields | None) -> str:
    """L6, the one statement of it: what the vendor says, and what this site keeps."""
    said = (
        f"The vendor states, by its roots, that CALM was restored ({stamp(stated.at)}): “{stated.why}”. Its issuing "
        f"log goes on from the first {stated.size:,} records."
    )
    if seen is None or seen.size <= stated.size:
        return f"{said} This site had seen no more of it than that."
    return f"{said} This site had seen {seen.size:,}, and keeps that in its ledger as evidence."


def log_judged_from(key_set: KeySet, state: State) -> CheckpointFields | None:
    """V2: what a file that is judged by `key_set` must show that the vendor's log extends. None where none of it was
    seen here yet."""
    return goes_on_from(state.issuing_log, _unknown(key_set, state))


def _unknown(key_set: KeySet, state: State) -> list[LogBreak]:
    known = state.key_set.log_breaks if state.key_set else []
    return new_breaks(known, key_set.log_breaks)
