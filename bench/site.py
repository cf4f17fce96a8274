"""The site: an LFR must not grow slower with the ledger, nor its proofs; and the files must stay small."""

import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from tests.support.cast import MONDAY, seeded
from tests.support.vendor_simulator import METRICS, Vendor, line

from bench.measure import Row, at_most, figure, in_turn, ratio_at_most
from carnet.control_room.engine.engine import Engine, QueuedCommand
from carnet.control_room.engine.founding import found
from carnet.control_room.engine.sqlite import SqliteStore
from carnet.control_room.rules.activation.generate_request import REQUEST, GenerateRequest
from carnet.control_room.rules.activation.install_license import RECEIPT, InstallLicense
from carnet.control_room.rules.activation.install_token import InstallToken
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.state.trusted_time import Reading
from carnet.entitlements import Line, new_id
from carnet.exchange.history import SHOWN
from carnet.merkle import consistency_proof, inclusion_proof
from carnet.vault import Vault

SIZES = (10_000, 1_000_000, 10_000_000)  # records
PROOFS_AT = 1_000_000
BATCH = 5_000
PRODUCTS = 12
YEAR = MONDAY + timedelta(days=365)
READING = Reading(MONDAY, 1000, "bench")


def rows(folder: Path) -> Iterator[Row]:
    vendor = Vendor("bench")
    engines = {size: _licensed(folder / f"{size}.sqlite3", vendor) for size in SIZES}
    yield at_most("LFR, first cycle", len(_request(_enabled(folder / "new.sqlite3", vendor))), "bytes", 8 * 1024)
    yield from _sizes(vendor, engines[SIZES[0]])
    yield from _growing(engines)
    yield from _proofs(engines[PROOFS_AT])


def _enabled(path: Path, vendor: Vendor) -> Engine:
    random = seeded(path.name)
    store = SqliteStore.create(str(path), new_id(MONDAY, random))
    engine = found(store, Vault(random(64)), b"lock", vendor.trust, "Bench", "40.0.0", READING, random)
    engine.execute(InstallToken(vendor.token(MONDAY)), READING, "bench")
    return engine


def _licensed(path: Path, vendor: Vendor) -> Engine:
    """A site with 12 products."""
    engine = _enabled(path, vendor)
    engine.execute(InstallLicense(vendor.olf(_request(engine), _twelve(), MONDAY)), READING, "bench")
    return engine


def _twelve() -> list[Line]:
    skus = list(METRICS)
    return [line(skus[n % len(skus)], 2**40, MONDAY, YEAR - timedelta(days=n)) for n in range(PRODUCTS)]


def _request(engine: Engine) -> bytes:
    engine.execute(GenerateRequest(), READING, "bench")
    return engine.store.document(REQUEST) or b""


def _sizes(vendor: Vendor, engine: Engine) -> Iterator[Row]:
    """Against the limits of docs/formats."""
    yield at_most("token, with its hybrid key set", len(vendor.token(MONDAY)), "bytes", 6 * 1024)
    lfr = _request(engine)
    yield figure("LFR, second cycle, 12 products", len(lfr), "bytes")
    yield at_most("OLF, 12 products", len(vendor.olf(lfr, _twelve(), MONDAY)), "bytes", 12 * 1024)
    yield at_most("receipt", len(engine.store.document(RECEIPT) or b""), "bytes", 4 * 1024)


def _growing(engines: dict[int, Engine]) -> Iterator[Row]:
    """LFRs of three ledgers, generated in turn, each with 32 unanswered ones before it."""
    for size, engine in engines.items():
        _fill(engine, size)
        for _ in range(SHOWN):
            lfr = _request(engine)
    taken = in_turn([lambda engine=engine: _request(engine) for engine in engines.values()], 60)
    for size, each in zip(engines, taken, strict=True):
        yield figure(f"LFR generated at {size:,} records", each * 1000, "ms")
    yield ratio_at_most("LFR at 10,000,000 against 10,000 records", taken[-1] * 1000, "ms", taken[0] * 1000, 1.5)
    yield at_most("LFR with 32 unanswered before it", len(lfr), "bytes", 64 * 1024)


def _fill(engine: Engine, size: int) -> None:
    while (left := size - engine.checkpoint.size) > 0:
        engine.execute_all([QueuedCommand(ConsumeUnits("document-pages", 1), "bench")] * min(left, BATCH), READING)


def _proofs(engine: Engine) -> Iterator[Row]:
    size, node = engine.checkpoint.size, engine.reader.node
    places = [size * part // 101 + 1 for part in range(100)]
    for name, prove in (("inclusion", inclusion_proof), ("consistency", consistency_proof)):
        taken = []
        for place in places:
            start = time.perf_counter()
            prove(place, size, node)
            taken.append((time.perf_counter() - start) * 1000)
        yield at_most(f"{name} proof at {size:,} records, p50", statistics.median(taken), "ms", 0.5)
