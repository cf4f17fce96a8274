"""G7: refusals are counted and sampled; a flood of them cannot fill the ledger."""

import pytest

from carnet.control_room.engine.engine import QueuedCommand
from carnet.control_room.engine.refusal_counts import IN_FULL, KINDS, RefusalCounts
from carnet.control_room.rules.activation.generate_request import GenerateRequest
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.exchange.verdicts import Code, Refusal
from tests.support.cast import MONDAY

TOO_MANY = ConsumeUnits("document-pages", 10**9)


def flood(room, times):
    outcomes = room.engine.execute_all([QueuedCommand(TOO_MANY, "bot")] * times, room.reading)
    assert all(isinstance(outcome, Refusal) and outcome.code is Code.EXHAUSTED for outcome in outcomes)


@pytest.mark.rule("G7")
def test_g7_a_flood_of_refusals_writes_few_records_and_then_none(licensed):
    size = licensed.engine.checkpoint.size
    flood(licensed, 500)
    assert licensed.engine.checkpoint.size == size + IN_FULL
    flood(licensed, 500)
    assert licensed.engine.checkpoint.size == size + IN_FULL


@pytest.mark.rule("G7")
def test_g7_what_has_no_record_of_its_own_is_counted_in_one_after_a_minute(licensed):
    flood(licensed, 300)
    licensed.wait(seconds=61)
    flood(licensed, 1)
    assert licensed.kinds().count("refusals.counted") == 1
    assert licensed.state.refusals["exhausted"] == 301
    licensed.reopen()
    assert licensed.state.refusals["exhausted"] == 301
    assert licensed.verify().holds


@pytest.mark.rule("G7", "L3")
def test_g7_a_request_states_every_refusal_before_it(licensed):
    flood(licensed, 300)
    licensed.request()
    assert licensed.state.refusals["exhausted"] == 300
    assert licensed.kinds().index("refusals.counted") < licensed.kinds().index("totals.stated", 6)


@pytest.mark.rule("G7", "L3")
def test_g7_a_request_states_also_the_refusals_of_its_own_batch(licensed):
    orders = [*[QueuedCommand(TOO_MANY, "bot")] * 30, QueuedCommand(GenerateRequest(), "anna")]
    licensed.engine.execute_all(orders, licensed.reading)
    totals = next(
        r for r in licensed.engine.reader.records() if r.kind == "totals.stated" and b"exhausted" in bytes(r.body)
    )
    assert b'"count":30' in bytes(totals.body)


@pytest.mark.rule("G7")
def test_g7_the_counts_are_written_when_the_site_is_closed(licensed):
    flood(licensed, 300)
    licensed.engine.execute_all([], licensed.reading)
    licensed.reopen()
    assert licensed.state.refusals["exhausted"] == 300


@pytest.mark.rule("G7")
def test_g7_callers_cannot_make_the_counts_grow():
    refusals = RefusalCounts()
    for number in range(KINDS * 3):
        for _ in range(2 + IN_FULL):
            refusals.gets_a_record("consume", "not_granted", f"sku-{number}", MONDAY)
    event = refusals.take()
    assert event is not None
    assert len(event.counts) <= KINDS + 1
    assert sum(each.count for each in event.counts) == KINDS * 3 * (2 + IN_FULL) - IN_FULL
    assert refusals.take() is None
    refusals.give_back(event)
    assert refusals.take() == event


@pytest.mark.rule("G7", "storage_failed")
def test_g7_counts_whose_record_could_not_be_written_are_not_lost(licensed):
    from carnet.errors import StorageError

    flood(licensed, 300)
    licensed.wait(seconds=61)
    licensed.store._db.execute("PRAGMA query_only = ON")
    with pytest.raises(StorageError):
        licensed.engine.execute_all([QueuedCommand(TOO_MANY, "bot")], licensed.reading)
    licensed.store._db.execute("PRAGMA query_only = OFF")
    licensed.engine.execute_all([], licensed.reading)
    assert licensed.state.refusals["exhausted"] >= 300
