"""L4: what `ledger verify` finds in stored bytes that no start of a server would meet."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from carnet.control_room.ledger import verify as checker
from carnet.control_room.ledger.events import KINDS, kind, own_event_of
from carnet.control_room.ledger.verify import Evidence, verify
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.wiring import evidence_of
from carnet.errors import TamperedError
from tests.support.room import Room

pytestmark = pytest.mark.rule("L4")


@pytest.fixture
def evidence(licensed: Room) -> Evidence:
    """Of a site that consumed a few pages, read whole so that a test may take something out of it."""
    for _ in range(3):
        licensed.do(ConsumeUnits("document-pages", 1))
    found = evidence_of(licensed.store, licensed.engine.keys.masters)
    return replace(found, rows=list(found.rows), kept=list(found.kept), answers=list(found.answers))


def problems(evidence: Evidence, **changed: object) -> list[str]:
    return verify(replace(evidence, **changed)).problems  # type: ignore[arg-type]


def test_nothing_is_found_where_nothing_was_changed(evidence: Evidence) -> None:
    assert problems(evidence) == []


def test_a_data_key_whose_salt_is_gone_is_named_at_the_first_record_that_needs_it(evidence: Evidence) -> None:
    newest = max(evidence.data_keys)
    others = {number: key for number, key in evidence.data_keys.items() if number != newest}
    found = problems(evidence, data_keys=others)
    assert f"its data key {newest} is missing" in found[0]
    assert "The sealed head is missing or was altered." in found, "it is under the newest key too"


def test_a_seal_beside_an_encrypted_record_is_found(evidence: Evidence) -> None:
    rows = [row if row.seal else row._replace(seal=b"x" * 60) for row in _rows(evidence)]
    assert "a seal stands beside it that was never written" in problems(evidence, rows=rows)[0]


def _rows(evidence: Evidence) -> list[Any]:
    return list(evidence.rows)


def test_a_file_that_nobody_can_have_written_stops_the_check_before_it_floods(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    ruined = [row._replace(leaf=row.leaf[:-1] + bytes([row.leaf[-1] ^ 1])) for row in _rows(evidence)]
    assert len(ruined) > 3
    monkeypatch.setattr(checker, "PROBLEMS", 3)
    found = problems(evidence, rows=ruined)
    assert found[-1] == "…and possibly more: the check stopped here."
    assert len(found) == 4


def test_what_stands_beside_the_records_and_was_taken_away_is_named(evidence: Evidence) -> None:
    name = next(iter(evidence.kept))[0]
    assert f"Beside the records: {name} is missing." in problems(
        evidence, kept=[each for each in evidence.kept if each[0] != name]
    )


def test_how_far_it_is_said_as_it_goes(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "PROGRESS_EVERY", 2)
    told: list[int] = []
    report = verify(evidence, told.append)
    assert report.holds
    assert told == [*range(2, report.size + 1, 2), report.size]


def test_a_kind_of_record_is_registered_once() -> None:
    taken = next(iter(KINDS))
    with pytest.raises(ValueError, match="is taken"):
        kind(taken)(KINDS[taken])


def test_a_record_of_an_unknown_kind_is_no_event(licensed: Room) -> None:
    record = next(iter(licensed.engine.reader.records()))
    assert own_event_of(record).kind == record.kind
    with pytest.raises(TamperedError, match="is of a kind that this release does not know"):
        own_event_of(msgspec.structs.replace(record, kind="unheard.of"))
