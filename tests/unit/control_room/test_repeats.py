"""L1: what is random or encrypted never repeats where two copies of one site go on: a fork of the process, a copied
folder, a restored backup; and where even the operating system's randomness repeats.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from carnet.aead import DRAW_SIZE, KEY_SIZE, NONCE_SIZE, Aead
from carnet.control_room.engine.engine import Engine
from carnet.control_room.engine.sqlite import SqliteStore
from carnet.control_room.ledger.record import FORMAT, KEY_ID_SIZE, DataKey, id_of, key_id_of
from carnet.control_room.rules.activation.generate_request import GenerateRequest
from carnet.control_room.rules.granting.api_keys import CreateApiKey
from carnet.control_room.rules.granting.seats import AcquireSeat
from carnet.control_room.rules.granting.users import AssignUser
from carnet.control_room.state.trusted_time import Reading, goes_on_from
from carnet.control_room.wiring import Site
from tests.support.cast import MONDAY, seeded
from tests.support.own_site import PHRASE, licensed_site

pytestmark = [pytest.mark.security, pytest.mark.rule("L1")]
SEAT = "unattended-bot-runner"
BOUND, DRAW = b"ledger|7", bytes(DRAW_SIZE)


# --- the construction: randomness that repeats breaks nothing -------------------------------------------------------


def test_two_texts_get_two_nonces_under_the_same_key_and_the_same_randomness():
    aead = Aead(seeded("key")(KEY_SIZE))
    boxes = [aead.encrypt(DRAW, b"text %d" % n, BOUND) for n in range(2000)]
    assert len({box[:NONCE_SIZE] for box in boxes}) == 2000
    assert aead.encrypt(DRAW, b"a", b"b")[:NONCE_SIZE] != aead.encrypt(DRAW, b"a", b"c")[:NONCE_SIZE]
    assert aead.encrypt(DRAW, b"1|a", b"")[:NONCE_SIZE] != aead.encrypt(DRAW, b"a", b"1|")[:NONCE_SIZE]


def test_a_box_opens_only_as_it_was_made():
    aead = Aead(seeded("key")(KEY_SIZE))
    box = aead.encrypt(DRAW, b"text", BOUND)
    assert aead.decrypt(box, BOUND) == b"text"
    altered = [box[:n] + bytes([box[n] ^ 1]) + box[n + 1 :] for n in range(len(box))]
    for wrong in [*altered, b"", box[:NONCE_SIZE], box[:-1], box + b"x"]:
        with pytest.raises(InvalidTag):
            aead.decrypt(wrong, BOUND)
    with pytest.raises(InvalidTag):
        aead.decrypt(box, b"ledger|8")
    with pytest.raises(InvalidTag):
        Aead(seeded("another")(KEY_SIZE)).decrypt(box, BOUND)


@pytest.mark.parametrize("size", [0, 32, 63, 65])
def test_a_key_of_another_length_is_refused(size: int):
    with pytest.raises(ValueError, match="64 bytes"):
        Aead(bytes(size))


def test_two_copies_of_a_memory_whose_randomness_repeats_write_under_different_nonces(licensed):
    """Both go on with one epoch, one state, one random generator; all that differs is what they are told to do."""
    one, two = licensed.copy("same"), licensed.copy("same")
    one.do(CreateApiKey("a probe", None, ["read"]), "anna")
    two.do(CreateApiKey("production", None, ["take"]), "anna")
    first, second = _last(one.store), _last(two.store)
    assert first.key_id == second.key_id
    assert first.key == second.key, "else this test shows nothing"
    assert first.nonce != second.nonce
    heads = [room.store.head() for room in (one, two)]
    assert heads[0][KEY_ID_SIZE : KEY_ID_SIZE + NONCE_SIZE] != heads[1][KEY_ID_SIZE : KEY_ID_SIZE + NONCE_SIZE]


# --- time that was cut: a new epoch ---------------------------------------------------------------------------------

READING = Reading(MONDAY, 1000, "boot", 7)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"system": MONDAY + timedelta(hours=5), "uptime": 1000 + 5 * 3600}, True),
        ({"system": MONDAY + timedelta(seconds=60)}, True),
        ({"system": MONDAY + timedelta(seconds=61)}, False),
        ({"system": MONDAY - timedelta(seconds=61)}, False),
        ({"uptime": 999}, False),
        ({"boot": "another"}, False),
        ({"process": 8}, False),
    ],
)
def test_time_goes_on_or_was_cut(change: dict[str, object], same: bool):
    assert goes_on_from(READING, replace(READING, **change)) is same


@pytest.mark.parametrize("cut", ["process", "boot", "clock", "uptime"])
def test_where_time_was_cut_the_next_record_is_under_a_new_data_key(licensed, cut: str):
    licensed.do(AcquireSeat(SEAT, "b-1"))
    before = _last(licensed.store).key_id
    licensed.wait(minutes=1)
    licensed.do(AssignUser("bot-creator", "berit"))
    assert _last(licensed.store).key_id == before
    reading = licensed.reading
    changed = {
        "process": replace(reading, process=99),
        "boot": replace(reading, boot="boot-9", uptime=3),
        "clock": replace(reading, system=reading.system + timedelta(minutes=2)),
        "uptime": replace(reading, uptime=reading.uptime - 1),
    }
    licensed.reading = changed[cut]
    licensed.do(AcquireSeat(SEAT, "b-3"))
    after = _last(licensed.store).key_id
    assert after == before + 1
    assert id_of(licensed.store.head()) == after
    licensed.do(AssignUser("bot-creator", "anna"))
    assert _last(licensed.store).key_id == after, "once for one cut"
    assert licensed.verify().holds


def test_the_head_the_snapshot_and_the_seals_are_under_the_keys_of_the_epoch(licensed):
    licensed.wait(hours=1)
    licensed.request()
    newest = max(licensed.store.data_keys())
    sealed = [row for row in licensed.store.rows() if row.seal]
    assert id_of(sealed[-1].seal) == newest
    licensed.engine.keep_snapshot(1)
    assert id_of(licensed.store.snapshot()) == id_of(licensed.store.head()) == newest


# --- fork, clone, restore -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Left:
    """What one copy handed out, and under which key and nonce it wrote that down."""

    api_key: str
    lease: str
    nonce_of_lfr: str
    data_key: DataKey
    nonces: list[str]


@pytest.mark.server
@pytest.mark.parametrize("how", ["fork", "clone", "restore"])
def test_two_copies_of_a_site_repeat_nothing(tmp_path: Path, how: str):
    site = licensed_site(tmp_path / "site", {SEAT: 9})
    left = {"fork": _forked, "clone": _cloned, "restore": _restored}[how](tmp_path, site.folder)
    one, two = left
    assert one.api_key != two.api_key
    assert one.lease != two.lease
    assert one.nonce_of_lfr != two.nonce_of_lfr
    assert one.data_key.salt != two.data_key.salt
    assert not set(one.nonces) & set(two.nonces)


def _forked(tmp_path: Path, folder: Path) -> list[Left]:
    """A memory that is resumed twice: each copy goes on with the open engine, on its own copy of the disk."""
    found = []
    with Site(folder, folder / "passphrase").engine(writing=True) as engine:
        _act(engine, folder, "before")
        for name in ("one", "two"):
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    shutil.copytree(folder, tmp_path / name)
                    engine.store = engine.reader.store = SqliteStore.open(tmp_path / name, writing=False)
                    engine.reader.cipher._store = engine.store
                    left = _act(engine, folder, name)
                    os.write(write, json.dumps([left.api_key, left.lease, left.nonce_of_lfr, left.nonces]).encode())
                    os.write(write, b"\n" + left.data_key.salt)
                finally:
                    os._exit(0)
            os.close(write)
            with os.fdopen(read, "rb") as pipe:
                line, salt = pipe.read().split(b"\n", 1)
            os.waitpid(child, 0)
            api_key, lease, nonce, nonces = json.loads(line)
            found.append(Left(api_key, lease, nonce, DataKey(salt, 1), nonces))
    return found


def _cloned(tmp_path: Path, folder: Path) -> list[Left]:
    for name in ("one", "two"):
        shutil.copytree(folder, tmp_path / name)
    return [_opened(tmp_path / name) for name in ("one", "two")]


def _restored(tmp_path: Path, folder: Path) -> list[Left]:
    site = Site(folder, folder / "passphrase")
    site.backup(tmp_path / "backup")
    one = _opened(folder)
    shutil.rmtree(folder)
    Site(folder, _phrase(tmp_path)).restore(tmp_path / "backup")
    return [one, _opened(folder, _phrase(tmp_path))]


def _phrase(tmp_path: Path) -> Path:
    file = tmp_path / "phrase"
    file.write_bytes(PHRASE)
    file.chmod(0o600)
    return file


def _opened(folder: Path, phrase: Path | None = None) -> Left:
    with Site(folder, phrase or folder / "passphrase").engine(writing=True) as engine:
        return _act(engine, folder, folder.name)


def _act(engine: Engine, folder: Path, name: str) -> Left:
    reading, since = Site(folder).reading(), engine.checkpoint.size
    key = engine.execute(CreateApiKey(f"key of {name}", None, ["take"]), reading, "kari")
    lease = engine.execute(AcquireSeat(SEAT, "b-1"), reading, "kari")
    request = engine.execute(GenerateRequest(None, None, new_keys=False), reading, "kari")
    engine.keep_snapshot(1)
    rows = [row for row in engine.store.rows(since) if key_id_of(row.leaf)]
    start = len(FORMAT) + KEY_ID_SIZE
    nonces = [row.leaf[start : start + NONCE_SIZE] for row in rows]
    nonces += [box[KEY_ID_SIZE : KEY_ID_SIZE + NONCE_SIZE] for box in (engine.store.head(), engine.store.snapshot())]
    data_key = engine.store.data_keys()[key_id_of(rows[-1].leaf)]
    return Left(key.key, lease.lease_id, request.request_id, data_key, [nonce.hex() for nonce in nonces])


@dataclass(frozen=True)
class LastRecord:
    key_id: int
    key: DataKey
    nonce: bytes


def _last(store: SqliteStore) -> LastRecord:
    row = store.row(store.count() - 1)
    assert row
    key_id, start = key_id_of(row.leaf), len(FORMAT) + KEY_ID_SIZE
    return LastRecord(key_id, store.data_keys()[key_id], row.leaf[start : start + NONCE_SIZE])
