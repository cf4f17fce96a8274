"""L5: the checkpoint that callers carry. What one of them shows is proof of a rollback, or is nobody's word."""

import asyncio

import pytest

from carnet.control_room.engine.checkpoint_tokens import ROLLBACKS_KEPT
from carnet.control_room.engine.writer import Writer
from carnet.exchange.verdicts import Code
from tests.unit.control_room.conftest import granted, refused, standard_lines
from tests.unit.control_room.test_ledger import busy


def judged(room, *shown):
    """What the writer of this room says to each; whatever it records of that is on the disk."""

    async def ask():
        writer = Writer(room.engine, lambda: room.reading)
        answers = [writer.judge(text) for text in shown]
        await writer.close()
        return answers

    return asyncio.run(ask())


def token(room):
    return room.engine.seen.token(room.engine.checkpoint)


def rolled_back(room, records=3):
    """A room that was rolled back; and tokens of the records that it lost."""
    older, seen = room.copy(), []
    for _ in range(records):
        busy(room, 1)
        seen.append(token(room))
    return older, seen


def flipped(text, at):
    return text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]


@pytest.mark.rule("L5")
def test_what_this_ledger_gave_out_is_taken_also_later_and_after_a_restart(licensed):
    seen = []
    for _ in range(10):
        busy(licensed, 1)
        seen.append(token(licensed))
    assert judged(licensed, *seen) == [None] * 10
    licensed.reopen()
    assert judged(licensed, *seen) == [None] * 10
    assert "rollback.found" not in licensed.kinds()


@pytest.mark.rule("L5", "malformed")
def test_what_was_not_given_out_here_is_nobodys_word(licensed):
    shown = token(licensed)
    size, root, mac = shown.split(".")
    forged = [flipped(shown, len(size) + 1), flipped(shown, len(shown) - 1), f"{int(size) + 1}.{root}.{mac}"]
    forged += ["", "x", f"0{shown}", f"{shown} ", f"{shown}\n", shown.upper(), f"{size}.{root}", f"-{shown}"]
    forged += [f"{size}.{root}.{'0' * 32}", f"{'9' * 16}.{root}.{mac}", f"{size}.{root}.é{mac[1:]}"]
    for answer in judged(licensed, *forged):
        refused(answer, Code.MALFORMED)
    assert "rollback.found" not in licensed.kinds(), "a forgery leaves no record"


@pytest.mark.rule("L5", "malformed")
def test_a_checkpoint_of_another_control_room_is_none_of_ours(licensed, new_room):
    from tests.support.room import Room

    other = Room(licensed.state.trust, seed="elsewhere")
    refused(judged(licensed, token(other))[0], Code.MALFORMED)


@pytest.mark.rule("L5", "rolled_back")
def test_a_larger_ledger_and_another_one_of_the_same_size_are_proof(licensed):
    older, seen = rolled_back(licensed)
    refused(judged(older, seen[-1])[0], Code.ROLLED_BACK)
    assert older.kinds().count("rollback.found") == 1
    busy(older, 12)
    for answer in judged(older, *seen):
        refused(answer, Code.ROLLED_BACK)
    assert older.verify().holds


@pytest.mark.rule("L5", "rolled_back")
def test_it_is_recorded_once_however_many_noticed_and_that_survives_a_restart(licensed):
    older, seen = rolled_back(licensed, 1)
    for _ in range(3):
        for answer in judged(older, *seen * 5):
            refused(answer, Code.ROLLED_BACK)
        older.reopen()
    assert older.kinds().count("rollback.found") == 1
    assert list(older.state.rollbacks.values()) == [int(seen[0].split(".")[0])]


@pytest.mark.rule("L5", "G7", "rolled_back")
def test_a_flood_of_those_who_noticed_fills_no_ledger_and_a_license_file_begins_anew(vendor, licensed):
    older, seen = rolled_back(licensed, ROLLBACKS_KEPT + 5)
    for answer in judged(older, *seen):
        refused(answer, Code.ROLLED_BACK)
    assert older.kinds().count("rollback.found") == ROLLBACKS_KEPT == len(older.state.rollbacks)
    older.reopen()
    judged(older, *seen)
    assert older.kinds().count("rollback.found") == ROLLBACKS_KEPT
    granted(older.install(vendor.olf(older.request(), standard_lines(), older.now)))
    assert older.state.rollbacks == {}
    refused(judged(older, seen[-1])[0], Code.ROLLED_BACK)
    assert older.kinds().count("rollback.found") == ROLLBACKS_KEPT + 1
    assert older.verify().holds
