"""L1, L2, L3, L4, G4: the ledger, what it proves, and what `verify` and a start find when bytes are changed."""

import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from carnet.control_room.ledger.verify import verify
from carnet.control_room.rules.activation.generate_request import REQUEST
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser
from carnet.control_room.wiring import evidence_of
from carnet.errors import StorageError, TamperedError
from carnet.exchange.license_file_request import read_lfr
from carnet.exchange.offline_license_file import AcceptedHistory, AddedUnits
from carnet.exchange.verdicts import Code
from carnet.merkle import Checkpoint
from tests.support.cast import MONDAY
from tests.support.vendor_simulator import checkpoint_of
from tests.unit.control_room.conftest import granted, refused, standard_lines


def busy(room, count=40):
    for number in range(count):
        room.do(ConsumeUnits("document-pages", 1))
        if number % 10 == 0:
            room.request()
    return room


@pytest.mark.rule("L1")
def test_l1_records_are_encrypted_each_on_its_own_but_for_what_leaves_anyway(licensed):
    licensed.do(AssignUser("bot-creator", "anna.berg"))
    licensed.do(AssignUser("bot-creator", "bert.dahl"))
    leaves = [row.leaf for row in licensed.store.rows()]
    clear = [leaf for leaf in leaves if leaf[1:5] == bytes(4)]
    assert len(clear) == 2
    assert not any(b"anna" in leaf for leaf in leaves)
    nonces = [leaf[5:17] for leaf in leaves if leaf not in clear]
    assert len(set(nonces)) == len(nonces)


@pytest.mark.rule("L1")
def test_l1_the_data_key_changes_at_each_start_and_at_each_olf(vendor, licensed):
    first = set(licensed.store.data_keys())
    licensed.install(vendor.olf(licensed.request(), standard_lines(), MONDAY))
    licensed.do(AssignUser("bot-creator", "anna"))
    second = set(licensed.store.data_keys())
    licensed.reopen()
    licensed.do(AssignUser("bot-creator", "bert"))
    third = set(licensed.store.data_keys())
    assert first < second < third


@pytest.mark.rule("L1")
def test_l1_two_clones_never_write_the_same_request(licensed):
    clone = licensed.copy("clone")
    one, two = checkpoint_of(licensed.request()), checkpoint_of(clone.request())
    assert one.size == two.size
    assert one.root != two.root


@pytest.mark.rule("L2")
def test_l2_a_request_proves_that_it_extends_the_newest_32(licensed):
    shown = [checkpoint_of(licensed.request()).checkpoint for _ in range(34)]
    history = read_lfr(licensed.request()).lfr.ledger
    assert history.shows(shown[0]) is None
    assert all(history.shows(old) for old in shown[2:])


@pytest.mark.rule("L2")
def test_l2_the_acknowledged_checkpoint_stays_shown_however_many_came_since(vendor, enabled):
    lfr = enabled.request()
    enabled.install(vendor.olf(lfr, standard_lines(), MONDAY))
    for _ in range(40):
        enabled.request()
    assert read_lfr(enabled.request()).lfr.ledger.shows(checkpoint_of(lfr).checkpoint)


@pytest.mark.rule("L2")
def test_l2_since_shows_any_earlier_size_and_a_smaller_ledger_says_so(licensed):
    first = checkpoint_of(licensed.request()).checkpoint
    for _ in range(40):
        licensed.request()
    request = read_lfr(licensed.request(since=first.size)).lfr
    assert request.ledger.shows(first)
    assert request.smaller_than is None
    assert read_lfr(licensed.request(since=100_000)).lfr.smaller_than == 100_000


@pytest.mark.rule("L2")
def test_l2_a_restored_backup_does_not_extend_what_was_shown(licensed):
    backup = licensed.copy()
    busy(licensed)
    seen = checkpoint_of(licensed.request()).checkpoint
    licensed.restore(backup)
    busy(licensed, 60)
    history = read_lfr(licensed.request(since=seen.size)).lfr.ledger
    assert history.checkpoint.size > seen.size
    assert history.shows(seen) is False
    assert licensed.verify().holds


@pytest.mark.rule("L2", "Q3")
def test_l2_units_of_an_accepted_history_are_added_once(vendor, licensed):
    licensed.do(ConsumeUnits("document-pages", 10))
    pages = next(key for key, memory in licensed.state.lines.items() if memory.sku == "document-pages")
    lfr = licensed.request()
    accepts = AcceptedHistory(
        number=1,
        checkpoint=checkpoint_of(lfr),
        add=[AddedUnits(line_id=pages, sku="document-pages", period_start=None, units=25)],
    )
    granted(licensed.install(vendor.olf(lfr, standard_lines(), MONDAY, accepts=accepts)))
    assert licensed.state.consumed(pages, None) == 35
    again = licensed.request()
    assert read_lfr(again).lfr.history_accepted == 1
    granted(licensed.install(vendor.olf(again, standard_lines(), MONDAY, accepts=accepts)))
    assert licensed.state.consumed(pages, None) == 35
    assert licensed.verify().holds


@pytest.mark.rule("L3", "L4")
def test_l4_verify_holds_for_a_busy_site(licensed):
    report = busy(licensed).verify()
    assert report.holds, report.problems
    assert report.size == licensed.engine.checkpoint.size


def _evidence(room, rows=None, head=None, earlier=None):
    whole = evidence_of(room.store, room.engine.keys.masters, earlier)
    return replace(whole, rows=rows if rows is not None else whole.rows, head=head or whole.head)


@pytest.mark.rule("L4")
def test_l4_any_changed_leaf_node_or_seal_byte_is_found_at_exactly_its_record(licensed):
    busy(licensed, 12)
    rows = list(licensed.store.rows())
    for row in rows:
        changed = [row._replace(leaf=flipped(row.leaf, at)) for at in (0, 3, 9, len(row.leaf) // 2, len(row.leaf) - 1)]
        changed += [row._replace(nodes=flipped(row.nodes, 0))] if row.nodes else []
        changed += [row._replace(seal=flipped(row.seal, 20)), row._replace(seal=None)] if row.seal else []
        for broken in changed:
            report = verify(_evidence(licensed, [*rows[: row.idx], broken, *rows[row.idx + 1 :]]))
            assert report.problems[0].startswith(f"Record {row.idx}:"), (row.idx, report.problems)
            assert not any(problem.startswith("Record ") for problem in report.problems[1:]), report.problems


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.rule("L4")
def test_l4_deleted_swapped_duplicated_and_cut_records_are_found(licensed):
    busy(licensed, 12)
    rows = list(licensed.store.rows())
    swapped = [*rows[:5], rows[5]._replace(leaf=rows[6].leaf), rows[6]._replace(leaf=rows[5].leaf), *rows[7:]]
    for broken in (rows[:5] + rows[6:], swapped, [*rows, rows[3]._replace(idx=len(rows))], rows[:-1]):
        assert not verify(_evidence(licensed, broken)).holds
    assert not verify(_evidence(licensed, head=b"x" * 60)).holds


@pytest.mark.rule("L4")
@pytest.mark.parametrize("name", ["document:key-set", "secret:master:1"])
def test_l4_what_is_kept_beside_the_records_is_found_altered_or_missing_and_stops_a_start(licensed, name):
    table, key = name.split(":", 1)
    column = {"document": "body", "secret": "box"}[table]
    db = licensed.store._db
    (body,) = db.execute(f"SELECT {column} FROM {table} WHERE name = ?", (key,)).fetchone()
    db.execute(f"UPDATE {table} SET {column} = ? WHERE name = ?", (flipped(body, 5), key))
    assert licensed.verify().problems == [f"Beside the records: {name} is not the one that the head names."]
    with pytest.raises(TamperedError):
        licensed.reopen()
    db.execute(f"DELETE FROM {table} WHERE name = ?", (key,))
    assert licensed.verify().problems == [f"Beside the records: {name} is missing."]


@pytest.mark.rule("L4", "rolled_back")
def test_l4_verify_against_a_checkpoint_written_down_earlier(licensed):
    at = licensed.engine.checkpoint
    backup = licensed.copy()
    busy(licensed, 5)
    assert verify(_evidence(licensed, earlier=at)).holds
    later = licensed.engine.checkpoint
    licensed.restore(backup)
    busy(licensed, 9)
    assert licensed.verify().holds
    assert "written down earlier" in verify(_evidence(licensed, earlier=later)).rolled_back
    assert not verify(_evidence(licensed, earlier=Checkpoint(99_999, later.root))).holds


@pytest.mark.rule("L4")
def test_l4_totals_that_do_not_add_up_are_found_by_verifys_own_arithmetic(licensed, monkeypatch):
    from carnet.control_room.rules.activation import generate_request

    licensed.do(ConsumeUnits("document-pages", 10))
    real = generate_request.totals

    def lying(state, now):
        import msgspec

        stated = real(state, now)
        fewer = [msgspec.structs.replace(line, consumed=max(0, line.consumed - 1)) for line in stated.lines]
        return msgspec.structs.replace(stated, lines=fewer)

    monkeypatch.setattr(generate_request, "totals", lying)
    licensed.request()
    assert any("states 9 document-pages" in problem for problem in licensed.verify().problems)


@pytest.mark.rule("L1")
def test_l1_an_older_copy_of_the_records_under_a_newer_head_stops_the_start(licensed):
    busy(licensed, 5)
    licensed.store._db.execute("DELETE FROM record WHERE idx = (SELECT max(idx) FROM record)")
    with pytest.raises(TamperedError):
        licensed.reopen()


@pytest.mark.rule("L1")
def test_l1_an_altered_record_stops_the_start_with_its_number(licensed):
    licensed.store._db.execute("UPDATE record SET leaf = CAST(substr(leaf, 1, 30) || X'00' AS BLOB) WHERE idx = 4")
    with pytest.raises(TamperedError, match="4"):
        licensed.reopen()


@pytest.mark.rule("L1")
def test_a_damaged_snapshot_is_left_aside_and_the_ledger_folded(licensed):
    busy(licensed, 80)
    for _ in range(5):
        busy(licensed, 40)
    licensed.engine.keep_snapshot(every=1)
    stored = licensed.store.snapshot()
    assert stored is not None
    busy(licensed, 10)
    good = licensed.state
    licensed.reopen()
    assert licensed.state == good
    assert licensed.engine.snapshot_size > 0
    for damaged in (b"\x00\x11", flipped(stored, len(stored) // 2), b""):
        licensed.store.keep_snapshot(damaged)
        licensed.reopen()
        assert licensed.state == good
        assert licensed.engine.snapshot_size == 0


@pytest.mark.rule("G4", "storage_failed")
def test_g4_a_commit_that_fails_changes_neither_disk_nor_memory(licensed):
    before, state = licensed.dump(), licensed.state.meters.copy()

    class Broken:
        def __init__(self, db):
            self._db = db

        def executemany(self, *args):
            raise sqlite3.OperationalError("disk I/O error")

        def __getattr__(self, name):
            return getattr(self._db, name)

    real = licensed.store._db
    licensed.store._db = Broken(real)
    with pytest.raises(StorageError):
        licensed.do(ConsumeUnits("document-pages", 10))
    licensed.store._db = real
    assert licensed.dump() == before
    assert licensed.state.meters == state
    granted(licensed.do(ConsumeUnits("document-pages", 100)))


@pytest.mark.rule("L1")
def test_l1_a_refused_file_leaves_only_the_record_of_its_refusal(vendor, licensed):
    before, size = licensed.dump(), licensed.engine.checkpoint.size
    refused(licensed.install(b"no file at all"), Code.MALFORMED)
    assert licensed.dump() == before
    assert licensed.engine.checkpoint.size == size + 1
    assert licensed.kinds()[-1] == "refused"


@pytest.mark.rule("E3")
def test_e3_a_request_saved_again_after_a_restart_answers_the_same_cycle(vendor, enabled):
    raw = enabled.request()
    enabled.wait(hours=1)
    enabled.reopen()
    granted(enabled.install(vendor.olf(enabled.store.document(REQUEST), standard_lines(), enabled.now)))
    assert raw == enabled.store.document(REQUEST)
    assert enabled.now == MONDAY + timedelta(hours=1)
