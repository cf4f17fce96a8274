"""CALM: an OLF must cost little more than its two signatures."""

import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.measure import Row, figure, ratio_at_least

FILES = 120
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
        shown, took = _timed(lambda request=accepted.request: world.issue(request, lines=lines))
        issuing.append(took)
        payload = shown.raw[:6000]
        _, took = _timed(lambda payload=payload: [signer.sign(payload) for signer in _issuers(world)])
        signing.append(took)
        site.install(shown.raw, world.now)
    issued, signed = (1 / statistics.median(each) for each in (issuing, signing))
    yield figure("LFR accepted, p50", statistics.median(accepting) * 1000, "ms")
    yield ratio_at_least("OLFs issued a second against their two signatures", issued, "1/s", signed, 0.3)


def _calm(folder: Path) -> Any:
    """CALM on a database on the disk, as the command has it."""
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
    from carnet.calm.issuing.key_sets import issuers_of, newest_row

    if not hasattr(world, "signers"):
        world.signers = issuers_of(world.calm, newest_row())
    return world.signers


def _timed(work: Any) -> tuple[Any, float]:
    start = time.perf_counter()
    done = work()
    return done, time.perf_counter() - start
