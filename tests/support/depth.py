"""How much is tried, and from which seed: few in each run, thousands in `make test-deep` (docs/adr/0024).

`tests/conftest.py` writes the tier and the seed into the environment before a test is read: so processes that tests
start know them too.
"""

from __future__ import annotations

import os

TIER, SEED = "CARNET_TIER", "CARNET_SEED"
USUAL_SEED = "1"  # what is not deep tries the same each time: two runs of one commit say the same


def is_deep() -> bool:
    return os.environ.get(TIER) == "deep"


def times(usual: int, deep: int) -> int:
    """How often something random is tried: `usual` in `make test`, `deep` in `make test-deep`."""
    return deep if is_deep() else usual


def seed() -> str:
    """What all random tries of this run are made from; the end of a run shows it, and CARNET_SEED sets it."""
    return os.environ.get(SEED, USUAL_SEED)


def seed_number() -> int:
    """The same as a number, for those who want one. A word is a number too: its bytes."""
    told = seed()
    return int(told) if told.isdigit() else int.from_bytes(told.encode(), "big") % 2**32
