"""The cast and the clock of the tests: seeded randomness, and one Monday morning on which everything begins."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256

MONDAY = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)


def seeded(seed: str) -> Callable[[int], bytes]:
    """Randomness that is the same in each run: SHA-256 of a seed and a counter."""
    count = 0

    def random(size: int) -> bytes:
        nonlocal count
        block = b""
        while len(block) < size:
            block += sha256(f"{seed}/{count}".encode()).digest()
            count += 1
        return block[:size]

    return random
