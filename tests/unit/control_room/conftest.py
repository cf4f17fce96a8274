"""A vendor, and a Control Room in each stage of its life."""

from datetime import timedelta
from pathlib import Path

import pytest

from carnet.exchange.verdicts import Code, Refusal
from tests.support.cast import MONDAY
from tests.support.place import Place
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor, line

YEAR = MONDAY + timedelta(days=365)


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def new_room(vendor: Vendor) -> Room:
    return Room(vendor.trust)


@pytest.fixture
def enabled(vendor: Vendor, new_room: Room) -> Room:
    new_room.enable(vendor.token(MONDAY))
    return new_room


@pytest.fixture
def licensed(vendor: Vendor, enabled: Room) -> Room:
    """3 Bot Creator, 2 Unattended Bot Runner, 100 pages and a feature, for a year."""
    enabled.install(vendor.olf(enabled.request(), standard_lines(), MONDAY))
    assert enabled.state_name == "active"
    return enabled


@pytest.fixture
def place(licensed: Room, tmp_path: Path) -> Place:
    """The same, in a folder."""
    return Place(licensed, tmp_path / "site")


def standard_lines(**quantities: int) -> list:
    wanted = {"bot-creator": 3, "unattended-bot-runner": 2, "document-pages": 100, "automator-ai": 1} | {
        sku.replace("_", "-"): quantity for sku, quantity in quantities.items()
    }
    return [line(sku, quantity, MONDAY, YEAR) for sku, quantity in wanted.items() if quantity]


def refused(answer: object, code: Code) -> Refusal:
    assert isinstance(answer, Refusal), answer
    assert answer.code is code, answer
    assert answer.message
    assert answer.next
    return answer


def granted(answer: object) -> object:
    assert not isinstance(answer, Refusal), answer
    return answer
