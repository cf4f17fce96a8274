"""CALM: what accepting an LFR and issuing an OLF cost. A person does both, a few times a day."""

import gc
import os
import statistics
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import years
from bench.measure import Row, at_most, figure

FILES = 300
ACCEPTED, ISSUED = 50, 20  # ms of processor time that 19 of 20 may take at the most
SKUS = {"bot-creator": 500, "unattended-bot-runner": 50, "document-pages": 1_000_000, "automator-ai": 10}


def rows(folder: Path) -> Iterator[Row]:
    world = _calm(folder)
    site = world.site()
    lines = {world.buy(sku, quantity): 5 for sku, quantity in SKUS.items()}
    accepting, issuing, signing = [], [], []
    for _ in range(FILES):
        lfr = site.request(world.now, "change")
        accepted, took = _timed(lambda lfr=lfr: world.accept(lfr))
        accepting.append(took)
        shown, took = _timed(lambda request=accepted.lfr: world.issue(request, lines=lines))
        issuing.append(took)
        payload = shown.raw[:6000]
        _, took = _timed(lambda payload=payload: [signer.sign(payload) for signer in _issuers(world)])
        signing.append(took)
        site.install(shown.raw, world.now)
    yield figure("LFR accepted, p50", _quantile(accepting, 50).wall, "ms")
    yield figure("OLF issued, p50", _quantile(issuing, 50).wall, "ms")
    yield figure("one fdatasync of this disk, p50", _fdatasync(folder) * 1000, "ms")
    yield figure("the two signatures of an OLF in processor time, p50", _quantile(signing, 50).cpu, "ms")
    yield at_most("LFR accepted in processor time, p95", _quantile(accepting, 95).cpu, "ms", ACCEPTED)
    yield at_most("OLF issued in processor time, p95", _quantile(issuing, 95).cpu, "ms", ISSUED)
    yield from years.rows(folder, world)


@dataclass(frozen=True)
class Took:
    wall: float  # milliseconds
    cpu: float


def _quantile(taken: list[Took], percent: int) -> Took:
    def of(values: Iterable[float]) -> float:
        return statistics.quantiles(values, n=100)[percent - 1]

    return Took(of(each.wall for each in taken), of(each.cpu for each in taken))


def _timed(work: Any) -> tuple[Any, Took]:
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    return done, Took((time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000)


def _fdatasync(folder: Path) -> float:
    taken = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(30):
            file.write(b"x" * 4096)
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _calm(folder: Path) -> Any:
    """CALM on a database on the disk, and with the garbage collector's threshold, as the command has them."""
    gc.set_threshold(50_000)
    os.environ |= {"CARNET_CALM_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "carnet.calm.settings"}
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from tests.calm.conftest import World

    from carnet.calm.issuing_log.head import FileHead

    class OnDisk(World):
        def open(self) -> tuple[Any, Any]:
            keys, _ = super().open()
            return keys, FileHead(folder / "issuing-log.head")

    return OnDisk()


def _issuers(world: Any) -> list[Any]:
    from carnet.calm.use_cases.key_sets import issuers_of, newest_row

    if not hasattr(world, "signers"):
        world.signers = issuers_of(world.calm, newest_row())
    return world.signers
