"""L1: what a ledger folds to is the same in every release, or the fold's number says that it is not.

A snapshot is the fold of an older release. If `evolve` or the state's own shape changed and nobody said so, a site that
upgrades would go on from a state that its ledger does not hold.
"""

import json

import msgspec
import pytest

from carnet.control_room.engine import snapshots
from carnet.control_room.engine.snapshots import FOLD, shape_of
from carnet.control_room.ledger.events import KINDS, Event
from carnet.control_room.state.handlers import HANDLERS
from carnet.control_room.state.state import State
from tests.support.room import Room
from tests.vectors.make_fold import folded, read_frozen, read_records

FOLDS_NOTHING = {
    "answer.remembered": "It carries an answer (G5), and those are found by the idempotency index of the engine.",
    "totals.stated": "It states what the records before it add up to (L3); to fold it would count that twice.",
}


@pytest.mark.rule("L1")
def test_the_frozen_ledger_has_a_record_of_every_kind() -> None:
    assert {record.kind for record in read_records()} == set(KINDS)


@pytest.mark.rule("L1")
def test_every_kind_of_record_is_folded_or_it_is_written_down_why_not() -> None:
    assert set(KINDS) - {event.kind for event in HANDLERS} == set(FOLDS_NOTHING)
    assert {event.kind for event in HANDLERS} <= set(KINDS)


@pytest.mark.rule("L1")
def test_the_frozen_ledger_folds_to_the_frozen_states_or_the_folds_number_was_raised() -> None:
    frozen = read_frozen()
    again = "run: python -m tests.vectors.make_fold"
    assert frozen.fold == FOLD, again
    differing = _differing(frozen.digests)
    assert differing is None, f"{differing} folds differently: raise FOLD in engine/snapshots.py, then {again}"


@pytest.mark.rule("L1")
@pytest.mark.parametrize("event", HANDLERS, ids=lambda event: event.kind)
def test_a_handler_that_folds_nothing_is_seen(event: type[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each handler leaves something in the frozen states, so that a change to any of them can be seen there."""
    monkeypatch.setitem(HANDLERS, event, lambda *_: None)
    assert _differing(read_frozen().digests) is not None


def _differing(digests: list[str]) -> str | None:
    """The first frozen record that folds to another state, or that cannot be folded any more."""
    found, records = iter(folded(read_records())), read_records()
    for index, (record, digest) in enumerate(zip(records, digests, strict=True)):
        try:
            if next(found) != digest:
                return f"record {index}, {record.kind}"
        except (AssertionError, KeyError) as error:
            return f"record {index}, {record.kind}: {error!r}"
    return None


@pytest.mark.rule("L1")
def test_a_field_added_deep_within_the_state_leaves_older_snapshots_aside() -> None:
    changed = json.loads(json.dumps(msgspec.json.schema(State)))
    assert "UsageCounter" in str(changed["$defs"].keys())

    class Counter(msgspec.Struct):
        units: int = 0

    class Wider(Counter):
        seen: int = 0

    class Before(msgspec.Struct):
        counters: dict[str, Counter] = {}

    class After(msgspec.Struct):
        counters: dict[str, Wider] = {}

    assert Before.__struct_fields__ == After.__struct_fields__
    assert shape_of(Before) != shape_of(After)  # type: ignore[arg-type]


@pytest.mark.rule("L1")
def test_a_snapshot_of_another_shape_is_left_aside(licensed: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    licensed.engine.keep_snapshot(1)
    monkeypatch.setattr(snapshots, "shape_of", lambda: "of another release")
    assert snapshots.read_snapshot(licensed.engine.reader) == (State(), None)
    monkeypatch.undo()
    state, _ = snapshots.read_snapshot(licensed.engine.reader)
    assert state.size == licensed.engine.checkpoint.size
