"""The site: an LFR must not grow slower with the ledger, nor its proofs; and the files must stay small."""

import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from bench.measure import Row, at_most, figure, ratio_at_most, seconds
from carnet.control_room.activation.generate_request import REQUEST, GenerateRequest
from carnet.control_room.activation.install_license import InstallLicense
from carnet.control_room.activation.install_token import InstallToken
from carnet.control_room.activation.withdraw_cycle import WithdrawCycle
from carnet.control_room.authority.trusted_time import Reading
from carnet.control_room.engine.engine import Engine
from carnet.control_room.engine.founding import found
from carnet.control_room.granting.units import ConsumeUnits
from carnet.control_room.storage.sqlite import SqliteStore
from carnet.entitlements import new_id
from carnet.merkle import consistency_proof, inclusion_proof
from carnet.vault import Vault
from tests.support.cast import MONDAY, seeded
from tests.support.vendor_simulator import METRICS, Vendor, line

SIZES = (10_000, 100_000, 1_000_000)  # records
BATCH = 5_000
PRODUCTS = 12
YEAR = MONDAY + timedelta(days=365)
READING = Reading(MONDAY, 1000, "bench")


def rows(folder: Path) -> Iterator[Row]:
    vendor, random = Vendor("bench"), seeded("bench")
    token = vendor.token(MONDAY)
    yield at_most("token, hybrid roots", len(token), "bytes", 24 * 1024)
    engine = _site(folder, vendor, random)
    engine.execute(InstallToken(token), READING, "bench")
    first = _request(engine)
    yield at_most("LFR, first cycle", len(first), "bytes", 8 * 1024)
    olf = vendor.olf(first, _twelve(), MONDAY)
    yield at_most("OLF, 12 products", len(olf), "bytes", 11 * 1024)
    engine.execute(InstallLicense(olf), READING, "bench")
    yield from _growing(engine)


def _site(folder: Path, vendor: Vendor, random: object) -> Engine:
    store = SqliteStore.create(str(folder / "site.sqlite3"), new_id(MONDAY, random))
    return found(store, Vault(random(32)), b"lock", vendor.trust, "Bench", "40.0.0", READING, random)


def _twelve() -> list[object]:
    skus = list(METRICS)
    return [line(skus[n % len(skus)], 2**40, MONDAY, YEAR - timedelta(days=n)) for n in range(PRODUCTS)]


def _request(engine: Engine) -> bytes:
    engine.execute(GenerateRequest(), READING, "bench")
    return engine.store.document(REQUEST) or b""


def _growing(engine: Engine) -> Iterator[Row]:
    taken = {}
    for size in SIZES:
        _fill(engine, size)
        taken[size] = seconds(lambda: _request(engine), 30) * 1000
        yield figure(f"LFR generated at {size:,} records", taken[size], "ms")
    yield ratio_at_most("LFR at 1,000,000 against 10,000 records", taken[SIZES[-1]], "ms", taken[SIZES[0]], 1.5)
    yield at_most("LFR with 32 unanswered before it", len(_request(engine)), "bytes", 64 * 1024)
    engine.execute(WithdrawCycle(), READING, "bench")
    yield from _proofs(engine)


def _fill(engine: Engine, size: int) -> None:
    while (left := size - engine.checkpoint.size) > 0:
        engine.execute_all([ConsumeUnits("document-pages", 1)] * min(left, BATCH), READING, "bench")


def _proofs(engine: Engine) -> Iterator[Row]:
    size, node = engine.checkpoint.size, engine.book.node
    places = [size * part // 101 + 1 for part in range(100)]
    for name, prove in (("inclusion", inclusion_proof), ("consistency", consistency_proof)):
        taken = []
        for place in places:
            start = time.perf_counter()
            prove(place, size, node)
            taken.append((time.perf_counter() - start) * 1000)
        yield at_most(f"{name} proof at {size:,} records, p50", statistics.median(taken), "ms", 0.5)
