"""G4, G5, T2, L3: after hours of trouble everybody's books agree to the unit.

One round in each run; ten minutes in `make test-deep`, or CARNET_SOAK_SECONDS. CARNET_SEED says what happens.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.soak.bots import SEATS, USERS
from tests.soak.soak import Soak, Totals
from tests.support import depth

SECONDS = float(os.environ.get("CARNET_SOAK_SECONDS", depth.times(0, 600)))
SEED = depth.seed()


@pytest.mark.rule("G4", "G5", "G6", "L3", "T2")
def test_everybodys_books_agree_after_a_soak(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print(f"CARNET_SEED={SEED}")  # shown where it fails
    end = time.monotonic() + SECONDS
    soak = Soak(tmp_path, SEED)
    try:
        books = soak.run(lambda: time.monotonic() < end)
        told, usage = soak.by_the_server()
        held = {each.lease_id: each.holder for each in usage.holders if each.sku == SEATS}
        users = {each.holder for each in usage.holders if each.sku == USERS}
        assert (held, users) == (books.seats, books.users)
        assert told == Totals(books.consumed, len(books.seats), len(books.users))
        stated, by_calm, counted = soak.by_the_files()
        assert (stated, by_calm, counted) == (told, told, told.consumed)
        assert soak.server.stop() == 0
        size = soak.verified().size
    finally:
        soak.close()
    assert books.counts["no answer"] > 0
    assert books.counts["answered when asked again"] > 0
    with capsys.disabled():
        print(f"\nsoak, seed {SEED}: {dict(soak.counts)}; {dict(books.counts)}; {told}; {size} records")
