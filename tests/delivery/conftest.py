"""Whole archives, built once however many workers there are."""

import os
from collections.abc import Iterator

import pytest

from tests.delivery.bundles import Built, built_once


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with built_once(shared / "bundles") as built:
        yield built
