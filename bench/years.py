"""A site that is licensed for thirty years, month after month: its files, and what they cost, in the last year against
the first, in one run. And a backup of the CALM that knows all of it, beside SQLite's own copy."""

import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.measure import Row, figure, in_turn, ratio_at_most

CYCLES, YEAR = 360, 12
PACKS = ("document-pages", "bot-runs", "automation-ai-credits", "document-ai-credits")
# A backup copies the rows; copies them again, without what was open then; reads that; and writes it, sealed. None of
# these may take longer than one copy by SQLite.
PASSES = 4
MONTH = timedelta(days=30)
STEPS = ("LFR generated", "LFR accepted", "OLF issued", "OLF installed")


def rows(folder: Path, world: Any) -> Iterator[Row]:
    """`world`: CALM on a database in `folder`."""
    sizes, taken = _thirty_years(world)
    for name, each in zip(("LFR", "OLF"), zip(*sizes, strict=True), strict=True):
        yield _late(f"{name} of a site of thirty years, against its second year", each, "bytes")
    for name, each in zip(STEPS, zip(*taken, strict=True), strict=True):
        yield _late(f"{name} after thirty years in processor time, against the second year", each, "ms")
    yield from _backup(folder)


def _late(name: str, each: tuple[float, ...], unit: str) -> Row:
    """The first year is left out: only later there is something to settle in each cycle."""
    first, last = (statistics.median(part) for part in (each[YEAR : 2 * YEAR], each[-YEAR:]))
    return ratio_at_most(name, last, unit, first, 1.5)


def _thirty_years(world: Any) -> tuple[list[tuple[int, int]], list[tuple[float, ...]]]:
    """Of each cycle: the sizes of its two files, and the milliseconds of its four steps."""
    from tests.support.room import Room

    from carnet.calm.use_cases.key_sets import export_trust
    from carnet.control_room.rules.granting.units import ConsumeUnits
    from carnet.exchange.key_set import read_trust

    world.add_guid("decades")
    room: Any = Room(read_trust(export_trust("Vendor")), "decades", world.now)  # type: ignore[arg-type]
    room.enable(world.token())
    sizes, taken = [], []
    for _ in range(CYCLES):
        dates = {"valid_from": world.now, "valid_until": world.now + MONTH}
        lines = {world.buy(sku, 100, **dates): 100 for sku in PACKS}
        lfr, generating = _timed(room.request)
        accepted, accepting = _timed(lambda lfr=lfr: world.accept(lfr, "decades"))
        issued, issuing = _timed(lambda request=accepted.lfr, lines=lines: world.issue(request, lines=lines))
        _, installing = _timed(lambda raw=issued.raw: room.install(raw))
        sizes.append((len(lfr), len(issued.raw)))
        taken.append((generating, accepting, issuing, installing))
        for sku in PACKS:
            room.do(ConsumeUnits(sku, 30))
        world.now += MONTH + timedelta(minutes=1)
        room.wait(days=30, minutes=1)
    return sizes, taken


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    done = work()
    return done, (time.process_time() - start) * 1000


def _backup(folder: Path) -> Iterator[Row]:
    """The same rows, in a CALM with keys of its own. The stretching of the passphrase (A2) takes as long as it must,
    whatever there is to copy: it is timed apart."""
    from carnet.calm.database_url import FILE
    from carnet.calm.wiring import Vendor
    from carnet.vault import Vault

    other, number = folder / "other", iter(range(1000))
    command = [str(Path(sys.executable).with_name("calm")), "init", "--data", str(other)]
    subprocess.run(command, check=True, capture_output=True)
    _copy(folder / FILE, other / FILE)
    lock, passphrase = (other / "keys" / "lock").read_bytes(), (other / "passphrase").read_bytes().strip()
    own, stretched, copied = in_turn(
        [
            lambda: Vendor(other).backup(folder / f"{next(number)}.backup"),
            lambda: Vault.open(lock, passphrase),
            lambda: _copy(other / FILE, folder / f"{next(number)}.copy"),
        ],
        5,
    )
    yield figure("rows of CALM that are backed up", (other / FILE).stat().st_size / 1e6, "MB")
    yield figure("backup of CALM: the stretching of the passphrase", stretched * 1000, "ms")
    rest, peer = (own - stretched) * 1000, copied * 1000
    yield ratio_at_most("backup of CALM: all else, against SQLite's own copy", rest, "ms", peer, PASSES)


def _copy(one: Path, other: Path) -> None:
    with closing(sqlite3.connect(one)) as source, closing(sqlite3.connect(other)) as target:
        source.backup(target)
