"""G5 at length: for how long the first answer to a key is known, at what cost, and that nothing of it is lost by a
restart. The thresholds are lowered, so that answers move to the store all the time."""

from dataclasses import dataclass

import pytest

from carnet.control_room.engine import idempotency_index
from carnet.control_room.engine.engine import QueuedCommand
from carnet.control_room.ledger.record import answer_name
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser
from carnet.exchange.verdicts import Code
from tests.unit.control_room.conftest import granted, refused, standard_lines

PAGES, FEW = "document-pages", 10


@dataclass
class Keyed:
    """A site at which each order has a key."""

    room: object

    def do(self, *keys, units=1, actor="bot"):
        orders = [QueuedCommand(ConsumeUnits(PAGES, units), actor, key) for key in keys]
        return self.room.engine.execute_all(orders, self.room.reading)

    def fill(self, name, count, batch=4):
        """So many new keys, a few in each commit."""
        keys = [f"{name}-{number}" for number in range(count)]
        for start in range(0, count, batch):
            assert all(granted(answer) for answer in self.do(*keys[start : start + batch]))
        return keys

    def knows(self, key, actor="bot"):
        index = self.room.engine.answers.find(answer_name(actor, key))
        return index is not None and self.room.engine.reader.record(index).key == key

    def all_known(self, keys):
        """Each is known, and the site's ledger holds."""
        assert [key for key in keys if not self.knows(key)] == []
        assert self.room.verify().problems == []

    @property
    def stored(self):
        return list(self.room.store.answers())

    @property
    def in_memory(self):
        held = self.room.engine.answers
        return len(held._recent) + (len(held._moving.known) if held._moving else 0)


@pytest.fixture
def site(vendor, enabled, monkeypatch):
    monkeypatch.setattr(idempotency_index, "IN_MEMORY", FEW)
    monkeypatch.setattr(idempotency_index, "READ_AGAIN", 4 * FEW)
    enabled.install(vendor.olf(enabled.request(), standard_lines(document_pages=1_000_000), enabled.now))
    return Keyed(enabled)


@pytest.mark.rule("G5")
def test_g5_a_key_is_known_for_24_hours_and_in_the_store_for_two_generations(site):
    (first,) = site.do("k")
    site.fill("a", 60)
    assert len(site.stored) > FEW
    site.room.wait(hours=23, minutes=59)
    assert site.do("k") == [first]
    for day in range(4):
        site.fill(f"day {day}", 60)
        assert site.knows("k") or day > 0, "a day old at least"
        kept = {generation for generation, _, _ in site.stored}
        assert kept <= {site.room.engine.answers.mark.generation, site.room.engine.answers.mark.generation - 1}
        assert site.room.verify().holds
        site.room.wait(hours=24)
    site.fill("later", 60)
    assert not site.knows("k")
    (again,) = site.do("k")
    assert again != first
    assert site.room.verify().holds


@pytest.mark.rule("G5")
def test_g5_memory_and_store_are_bounded_by_thousands_of_keys(site, monkeypatch):
    monkeypatch.setattr(idempotency_index, "IN_MEMORY", 100)
    monkeypatch.setattr(idempotency_index, "READ_AGAIN", 400)
    most = 0
    for day in range(4):
        for part in range(3):
            keys = site.fill(f"{day} {part}", 400, batch=20)
            most = max(most, site.in_memory)
            site.all_known(keys)
        site.room.wait(hours=25)
    assert most <= 300
    assert len(site.stored) <= 2 * 1200 + 300


@pytest.mark.rule("G5", "G4")
def test_g5_all_are_found_again_after_a_restart_at_each_stage_of_a_move(site, monkeypatch):
    monkeypatch.setattr(idempotency_index, "IN_MEMORY", 200)
    monkeypatch.setattr(idempotency_index, "READ_AGAIN", 10_000)
    keys, stages = site.fill("a", 196, batch=98), set()
    for number in range(8):
        keys += site.fill(f"b {number}", 4)
        stages.add(len(site.stored))
        restarted = Keyed(site.room.copy())
        restarted.all_known(keys)
        assert restarted.do(keys[0], keys[-1]) == site.do(keys[0], keys[-1])
    assert len(stages) > 3, "the test saw a move under way"


@pytest.mark.rule("G5", "L4")
def test_g5_a_move_that_a_restart_cut_short_goes_on_after_a_day(site, monkeypatch):
    monkeypatch.setattr(idempotency_index, "IN_MEMORY", 200)
    keys = site.fill("a", 204)
    assert 0 < len(site.stored) < 204
    site.room.reopen()
    site.room.wait(hours=24, minutes=1)
    keys += site.fill("b", 4)
    site.all_known(keys[-4:])
    keys = site.fill("c", 300)
    site.all_known(keys)


@pytest.mark.rule("G5", "L4")
@pytest.mark.parametrize("restarts", [False, True])
def test_g5_a_key_used_again_after_days_in_which_nothing_moved(site, restarts):
    """A quiet site: its answers are still in memory when the generations turn."""
    for day in range(4):
        site.do("daily", f"of day {day}")
        assert site.knows("daily")
        site.room.wait(hours=25)
        if restarts:
            site.room.engine.keep_snapshot(every=1)
            site.room.reopen()
    site.all_known(site.fill("a", 60))
    site.do("daily")
    site.all_known(site.fill("b", 60))


@pytest.mark.rule("G5", "L4")
def test_g5_a_snapshot_of_days_ago_knows_no_less(site):
    site.do("daily")
    site.room.engine.keep_snapshot(every=1)
    for day in range(2):
        site.room.wait(hours=25)
        site.do(f"day {day}")
    keys = site.fill("a", 60)
    site.room.reopen()
    site.all_known(keys)
    site.do("daily")
    site.all_known(site.fill("b", 60))


@pytest.mark.rule("G5", "idempotency_conflict")
@pytest.mark.parametrize("moved", [False, True])
def test_g5_two_actors_never_share_and_another_request_is_refused(site, moved):
    (mine,) = site.do("k", actor="anna")
    (theirs,) = site.do("k", actor="bert")
    assert (mine.remaining, theirs.remaining) == (999_999, 999_998)
    site.fill("a", 60 if moved else 0)
    refused(site.do("k", units=2, actor="anna")[0], Code.IDEMPOTENCY_CONFLICT)
    assert site.do("k", actor="anna") == [mine]
    assert site.do("k", actor="bert") == [theirs]
    (other,) = site.room.engine.execute_all(
        [QueuedCommand(AssignUser("bot-creator", "u"), "anna", "k")], site.room.reading
    )
    refused(other, Code.IDEMPOTENCY_CONFLICT)


@pytest.mark.rule("G5", "idempotency_conflict")
def test_g5_a_key_repeated_inside_one_transaction(site):
    first, second = site.do("k", "k")
    assert first == second
    assert first.remaining == 999_999
    orders = [QueuedCommand(ConsumeUnits(PAGES, units), "bot", "other") for units in (1, 2, 1)]
    one, two, three = site.room.engine.execute_all(orders, site.room.reading)
    assert one == three
    refused(two, Code.IDEMPOTENCY_CONFLICT)
    assert site.room.kinds().count("units.consumed") == 2


@pytest.mark.rule("G5", "L4")
@pytest.mark.parametrize("column", ["generation", "name", "idx"])
def test_l4_any_change_to_the_index_of_answers_is_found(site, column):
    site.fill("a", 60)
    site.room.wait(hours=25)
    site.fill("b", 60)
    assert site.room.verify().holds
    changed = {"generation": "generation + 1", "name": "CAST(substr(name, 2) || X'00' AS BLOB)", "idx": "idx + 1"}
    one = "name = (SELECT name FROM answer ORDER BY idx LIMIT 1)"
    site.room.store._db.execute(f"UPDATE answer SET {column} = {changed[column]} WHERE {one}")
    assert site.room.verify().problems
