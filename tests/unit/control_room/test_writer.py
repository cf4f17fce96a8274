"""The writer: one batch, one time, one commit; what breaks over one order keeps no other waiting."""

import asyncio
from datetime import timedelta

import pytest

from carnet.control_room.engine.engine import QueuedCommand
from carnet.control_room.engine.writer import Writer
from carnet.control_room.queries.questions import Status
from carnet.control_room.rules.activation.install_license import InstallLicense
from carnet.control_room.rules.decision import Decision
from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat, RenewSeat
from carnet.control_room.rules.granting.units import ConsumeUnits, UnitsAnswer
from carnet.control_room.rules.totals import totals
from carnet.errors import BusyError, CarnetError, StorageError
from carnet.exchange.verdicts import Code, Refusal
from tests.support.cast import MONDAY
from tests.unit.control_room.conftest import granted, line, refused, standard_lines

SEAT, PAGES = "unattended-bot-runner", "document-pages"
ONE_PAGE = QueuedCommand(ConsumeUnits(PAGES, 1), "bot")


def in_a_loop(room, work, **settings):
    """Run `work(writer)` in an event loop; also what the loop was told of faults."""
    faults = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["message"]))
        return await work(Writer(room.engine, lambda: room.reading, **settings))

    return asyncio.run(main()), faults


# --- one batch ----------------------------------------------------------------------------------------------------


@pytest.mark.rule("T1", "G2", "G6")
def test_t1_time_that_a_license_file_raises_holds_for_the_rest_of_its_batch(vendor, licensed):
    for bot in ("bot-1", "bot-2"):
        granted(licensed.do(AcquireSeat(SEAT, bot, 600)))
    later = MONDAY + timedelta(minutes=20)
    olf = vendor.olf(licensed.request(), standard_lines(), later)
    orders = [
        QueuedCommand(InstallLicense(olf), "anna"),
        *(QueuedCommand(AcquireSeat(SEAT, f"new-{n}", 600), "bot") for n in range(3)),
    ]
    installed, *taken = licensed.engine.execute_all(orders, licensed.reading)
    granted(installed)
    assert licensed.now == later
    assert all(isinstance(each, Refusal) for each in taken), "the two that ran got one time to live from the new time"
    assert licensed.state.leases[SEAT].count(licensed.now) == 2
    assert licensed.verify().holds


@pytest.mark.rule("T3", "G2")
def test_t3_time_that_a_license_file_lowers_holds_for_the_rest_of_its_batch(vendor, licensed):
    licensed.set_clock(MONDAY + timedelta(days=200))
    licensed.do(ConsumeUnits(PAGES, 1))
    licensed.set_clock(MONDAY + timedelta(hours=1))
    olf = vendor.olf(licensed.request(), standard_lines(), MONDAY + timedelta(hours=2), lowers_clock=True)
    orders = [QueuedCommand(InstallLicense(olf), "anna"), QueuedCommand(AcquireSeat(SEAT, "bot", 600), "bot")]
    _, seat = licensed.engine.execute_all(orders, licensed.reading)
    assert granted(seat).expires_at == licensed.now + timedelta(seconds=600)
    assert licensed.verify().holds


@pytest.mark.rule("L3", "G2")
def test_l3_a_peak_counts_what_ran_and_not_what_had_ended_unseen(vendor, enabled):
    many = [line(SEAT, 1500, MONDAY, MONDAY + timedelta(days=365))]
    enabled.install(vendor.olf(enabled.request(), many, MONDAY))
    for _ in range(2):
        taking = [QueuedCommand(AcquireSeat(SEAT, f"bot-{number}", 600), "bot") for number in range(1500)]
        assert not any(isinstance(each, Refusal) for each in enabled.engine.execute_all(taking, enabled.reading))
        enabled.wait(seconds=601)
    stated = next(each for each in totals(enabled.state, enabled.now).lines if each.sku == SEAT)
    assert stated.peak_in_use <= stated.granted == 1500


# --- what breaks ----------------------------------------------------------------------------------------------------


class Breaking:
    what, answers, needs = "break", UnitsAnswer, "take"

    def decide(self, _state, _moment) -> Decision:
        raise ZeroDivisionError


def test_an_order_that_breaks_the_engine_keeps_no_other_from_its_answer(licensed):
    async def work(writer):
        return await writer.execute([ONE_PAGE, QueuedCommand(Breaking(), "bot"), ONE_PAGE])

    (first, broken, last), faults = in_a_loop(licensed, work)
    assert (granted(first).remaining, granted(last).remaining) == (99, 98)
    assert isinstance(broken, CarnetError)
    assert "An order broke" in faults
    assert licensed.verify().holds


def test_a_caller_that_cannot_be_answered_keeps_no_other_from_its_answer(licensed):
    async def work(writer):
        def gone(_outcomes):
            raise ConnectionError

        writer.submit([ONE_PAGE], gone)
        return await writer.execute([ONE_PAGE])

    (answer,), faults = in_a_loop(licensed, work)
    assert granted(answer).remaining == 98
    assert faults == ["An answer could not be given"]


@pytest.mark.rule("busy")
def test_more_than_may_wait_is_refused_busy_and_nothing_is_tried(licensed):
    async def work(writer):
        waiting = asyncio.ensure_future(writer.execute([ONE_PAGE] * 3))
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            writer.submit([ONE_PAGE, ONE_PAGE], lambda _: None)
        return await waiting

    outcomes, _ = in_a_loop(licensed, work, waiting=4)
    assert [granted(each).remaining for each in outcomes] == [99, 98, 97]


@pytest.mark.rule("storage_failed")
def test_whatever_a_look_at_a_failed_disk_comes_to_everybody_is_answered(licensed, monkeypatch):
    def out_of_memory():
        raise MemoryError

    async def work(writer):
        licensed.store._db.execute("PRAGMA query_only = ON")
        (failed,) = await writer.execute([ONE_PAGE])
        licensed.wait(seconds=2)
        monkeypatch.setattr(licensed.engine, "probe", out_of_memory)
        answered = await asyncio.wait_for(writer.execute([ONE_PAGE]), 5)
        monkeypatch.undo()
        assert isinstance(writer.ask(Status()), object)
        licensed.store._db.execute("PRAGMA query_only = OFF")
        licensed.wait(seconds=2)
        return failed, answered, await writer.execute([ONE_PAGE])

    (failed, answered, (back,)), _ = in_a_loop(licensed, work)
    assert isinstance(failed, StorageError)
    assert all(isinstance(each, CarnetError) for each in answered)
    assert granted(back).remaining == 99


@pytest.mark.rule("G5", "storage_failed")
def test_g5_a_commit_that_fails_loses_no_key_and_reads_none_again(licensed, monkeypatch):
    granted(licensed.engine.execute(ConsumeUnits(PAGES, 1), licensed.reading, "bot", "k-1"))
    known = licensed.engine.answers
    licensed.store._db.execute("PRAGMA query_only = ON")
    with pytest.raises(StorageError):
        licensed.engine.execute(ConsumeUnits(PAGES, 1), licensed.reading, "bot", "k-2")
    licensed.store._db.execute("PRAGMA query_only = OFF")
    assert licensed.engine.answers is known
    assert granted(licensed.engine.execute(ConsumeUnits(PAGES, 1), licensed.reading, "bot", "k-1")).remaining == 99
    assert granted(licensed.engine.execute(ConsumeUnits(PAGES, 1), licensed.reading, "bot", "k-2")).remaining == 98


def test_a_server_ends_well_on_a_disk_that_takes_no_snapshot(licensed, monkeypatch):
    def full(_box):
        raise StorageError("full")

    monkeypatch.setattr(licensed.store, "keep_snapshot", full)

    async def work(writer):
        answer = await writer.execute([ONE_PAGE])
        await writer.close()
        return answer

    (answer,), faults = in_a_loop(licensed, work, snapshot_every=1)
    assert granted(answer).remaining == 99
    assert set(faults) == {"No snapshot could be written"}


def test_what_time_changes_is_written_down_also_after_a_look_that_broke(licensed, monkeypatch):
    from carnet.control_room.engine import writer as module

    monkeypatch.setattr(module, "SWEEP_EVERY", 0)
    seat = granted(licensed.do(AcquireSeat(SEAT, "bot", 600)))
    licensed.wait(seconds=601)
    real, calls = licensed.engine.snapshot_if_due, []

    def breaks_once(every):
        calls.append(every)
        if len(calls) == 1:
            raise MemoryError
        return real(every)

    monkeypatch.setattr(licensed.engine, "snapshot_if_due", breaks_once)

    async def work(writer):
        sweeping = asyncio.ensure_future(writer.sweep())
        while len(calls) < 3:
            await asyncio.sleep(0)
        sweeping.cancel()

    _, faults = in_a_loop(licensed, work)
    assert faults == ["What time has changed could not be written down"]
    assert "seat.expired" in licensed.kinds()
    refused(licensed.do(RenewSeat(seat.lease_id)), Code.UNKNOWN_LEASE)


# --- restarts -------------------------------------------------------------------------------------------------------


@pytest.mark.rule("G6")
def test_g6_a_server_that_starts_again_gives_what_ran_one_time_to_live(licensed):
    seat = granted(licensed.do(AcquireSeat(SEAT, "bot", 600)))
    gone = granted(licensed.do(AcquireSeat(SEAT, "other", 600)))
    granted(licensed.do(ReleaseSeat(gone.lease_id)))
    licensed.wait(seconds=660)
    licensed.reopen()
    licensed.engine.restarted(licensed.reading)
    assert granted(licensed.do(RenewSeat(seat.lease_id))).holder == "bot"
    refused(licensed.do(RenewSeat(gone.lease_id)), Code.UNKNOWN_LEASE)


@pytest.mark.rule("G6")
def test_g6_a_restart_with_nothing_running_writes_nothing(licensed):
    size = licensed.engine.checkpoint.size
    licensed.reopen()
    licensed.engine.restarted(licensed.reading)
    assert licensed.engine.checkpoint.size == size


@pytest.mark.rule("Q4", "expired")
def test_q4_renewing_after_the_license_ended_says_so(licensed):
    seat = granted(licensed.do(AcquireSeat(SEAT, "bot", 86_400)))
    licensed.wait(days=364, hours=23)
    seat = granted(licensed.do(AcquireSeat(SEAT, "bot", 86_400)))
    licensed.wait(hours=2)
    refused(licensed.do(RenewSeat(seat.lease_id)), Code.EXPIRED)
