"""E16, L6: what a newer key set of the vendor changes here, whether a token brings it, an OLF, or a file of its own."""

from carnet.control_room.ledger.events import Event, KeySetTaken, LogBroken
from carnet.control_room.state.state import State
from carnet.exchange.history import CheckpointFields
from carnet.exchange.issuing_log import LogBreak, goes_on_from, new_breaks
from carnet.exchange.key_set import KeySet


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


def log_judged_from(key_set: KeySet, state: State) -> CheckpointFields | None:
    """V2: what a file that is judged by `key_set` must show that the vendor's log extends. None where none of it was
    seen here yet."""
    return goes_on_from(state.issuing_log, _unknown(key_set, state))


def _unknown(key_set: KeySet, state: State) -> list[LogBreak]:
    known = state.key_set.log_breaks if state.key_set else []
    return new_breaks(known, key_set.log_breaks)
