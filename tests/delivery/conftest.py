"""Whole archives, built once however many workers there are."""

import importlib.util
import os
from collections.abc import Iterator
from types import ModuleType

import pytest

from bundle.place import CONTENTS
from tests.delivery.bundles import Built, built_once


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with built_once(shared / "bundles") as built:
        yield built


@pytest.fixture(scope="module")
def installer() -> ModuleType:
    """`install.py`, which is no module of a package."""
    spec = importlib.util.spec_from_file_location("install", CONTENTS / "install.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
