"""D4: a thousand bits of a site's database turned, one at a time. It never gives a wrong answer, and never breaks: it
answers as before, or says in a sentence what is not what was written."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest

from carnet.control_room.engine.key_ring import KeyRing
from carnet.control_room.engine.sqlite import DATABASE, SqliteStore
from carnet.control_room.ledger.verify import verify
from carnet.control_room.wiring import evidence_of
from carnet.errors import CarnetError, TamperedError
from tests.support import tamper
from tests.support.depth import times

FLIPS = times(100, 1000)


def _answers(site: tamper.Site) -> object:
    return site.run(lambda engine: engine.state)


def _verified(site: tamper.Site) -> list[str]:
    with closing(SqliteStore.open(site.folder, writing=False)) as store:
        return verify(evidence_of(store, KeyRing(site.room.vault, store.secret).masters)).problems


@pytest.mark.slow
@pytest.mark.security
@pytest.mark.rule("D4", "L4")
def test_of_the_turned_bits_none_gives_a_wrong_answer_and_none_breaks(tmp_path: Path) -> None:
    site = tamper.built(tmp_path / "site")
    path = site.folder / DATABASE
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode = DELETE")
    whole, good, random = path.read_bytes(), _answers(site.copy("good")), Random(1)
    for _ in range(FLIPS):
        flipped, at = bytearray(whole), random.randrange(len(whole))
        flipped[at] ^= 1 << random.randrange(8)
        for part in site.folder.glob(f"{DATABASE}-*"):
            part.unlink()
        path.write_bytes(flipped)
        _verified_or_told(site)
        assert _answered_or_told(site) in (good, None), at


def _verified_or_told(site: tamper.Site) -> None:
    with suppress(CarnetError):
        _verified(site)


def _answered_or_told(site: tamper.Site) -> object:
    """The state, or None where it was told in a sentence that there is none."""
    with suppress(CarnetError):
        return _answers(site)
    return None


@pytest.mark.security
@pytest.mark.rule("D4", "L4")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE record SET leaf = x'' WHERE idx = 2", "ecord 2"),
        ("UPDATE document SET body = x'ff' WHERE name = 'request'", "head says"),
    ],
)
def test_what_is_damaged_is_named(tmp_path: Path, change: str, said: str) -> None:
    site = tamper.built(tmp_path / "site")
    with closing(sqlite3.connect(site.folder / DATABASE)) as db:
        db.execute(change)
        db.commit()
    (site.folder / "snapshot").unlink(missing_ok=True)
    with pytest.raises(TamperedError) as fault:
        _answers(site)
    assert said in str(fault.value)


@pytest.mark.security
@pytest.mark.rule("D4")
def test_a_null_a_number_and_a_text_where_bytes_were_are_found(tmp_path: Path) -> None:
    """STRICT tables refuse them; a damaged page does not ask."""
    site = tamper.built(tmp_path / "site")
    with closing(sqlite3.connect(site.folder / DATABASE)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = replace(replace(sql, ' STRICT', ''), ' NOT NULL', '')")
        db.commit()
    for value in ("NULL", "7", "'text'", "CAST(x'ff' AS TEXT)"):
        with closing(sqlite3.connect(site.folder / DATABASE)) as db:
            db.execute(f"UPDATE record SET leaf = {value} WHERE idx = 2")
            db.commit()
        with pytest.raises(TamperedError):
            _verified(site)
