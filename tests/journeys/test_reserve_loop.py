"""The attack: units for nothing. A site reserves all units of a line, has the line left out or lets it end, states its
total, and settles after that; a release then gives the account its units back. Real files between real sides."""

import pytest

from carnet.calm.use_cases import purchases
from carnet.control_room.rules.granting.reservations import CancelUnits, ReserveUnits, SettleUnits
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.verdicts import Code, Refusal
from tests.calm.conftest import World
from tests.journeys.both_sides import PAGES, USERS, Exchange, Machine

pytestmark = pytest.mark.security
BOUGHT = 100


@pytest.fixture
def exchange(db: None) -> Exchange:
    return Exchange(World())


def cycle(exchange: Exchange, machine: Machine, wanted: dict[str, int], **more: object) -> object:
    """From the LFR to the install; the answer of the last step."""
    exchange.generate(machine)
    assert not isinstance(exchange.upload(exchange.requests[-1]), Refusal)
    issued = exchange.issue(machine.guid, wanted, **more)  # type: ignore[arg-type]
    return exchange.install(machine, issued.raw)


def counted(exchange: Exchange) -> int:
    rows = purchases.list_purchases(now=exchange.world.now)
    (pages,) = [row for row in rows if row.purchase == exchange.sold[PAGES]]
    assert pages.held + pages.spent <= pages.quantity
    return pages.held + pages.spent


@pytest.mark.rule("H1", "H2", "H4", "E10", "G2", "does_not_fit")
def test_reserve_leave_out_settle_release_gains_nothing(exchange: Exchange) -> None:
    north, south = exchange.machines[:2]
    exchange.enable(north)
    cycle(exchange, north, {PAGES: BOUGHT, USERS: 1})
    held = exchange.do(north, ReserveUnits(PAGES, BOUGHT, 86_400)).reservation_id
    refusal = cycle(exchange, north, {USERS: 1})
    assert isinstance(refusal, Refusal)
    assert refusal.code is Code.DOES_NOT_FIT
    assert held in refusal.evidence[0]
    exchange.generate(north)
    exchange.upload(exchange.requests[-1])
    assert counted(exchange) == BOUGHT
    assert exchange.do(north, SettleUnits(held, BOUGHT)).units == BOUGHT
    exchange.generate(north, RequestKind.RELEASE)
    exchange.upload(exchange.requests[-1])
    assert counted(exchange) == BOUGHT
    exchange.enable(south)
    exchange.generate(south)
    exchange.upload(exchange.requests[-1])
    assert exchange.issue(south.guid, {PAGES: 1}).code is Code.OVER_ENTITLEMENT


@pytest.mark.rule("H1", "H2", "H4", "G2", "unknown_reservation")
def test_reserve_let_the_line_end_state_settle_gains_nothing(exchange: Exchange) -> None:
    north = exchange.machines[0]
    exchange.enable(north)
    exchange.generate(north)
    lfr = exchange.upload(exchange.requests[-1]).lfr
    until = exchange.world.now.replace(hour=0, minute=0, second=0, microsecond=0)
    until = until.replace(day=until.day + 1)
    issued = exchange.world.issue(lfr, lines={exchange.sold[PAGES]: 12}, until=until)
    assert not isinstance(issued, Refusal), issued
    assert issued.raw is not None
    exchange.install(north, issued.raw)
    held = exchange.do(north, ReserveUnits(PAGES, 12, 86_400)).reservation_id
    exchange.wait(20)
    assert isinstance(exchange.do(north, ConsumeUnits(PAGES, 1)), Refusal)
    exchange.generate(north)
    exchange.upload(exchange.requests[-1])
    assert counted(exchange) == 12
    for command in (SettleUnits(held, 12), CancelUnits(held)):
        assert exchange.do(north, command).code is Code.UNKNOWN_RESERVATION
    exchange.generate(north, RequestKind.RELEASE)
    exchange.upload(exchange.requests[-1])
    assert counted(exchange) == 12
