"""However many rows there are, a page asks the database as often as for a few."""

from collections.abc import Callable

import pytest

from carnet.calm.issuing.accounts import find_account
from carnet.calm.issuing.asking import Asked
from carnet.calm.issuing.guids import find_guid
from carnet.calm.overview.customer import customer_overview
from carnet.calm.overview.preflight import preflight
from carnet.calm.overview.room import room_page
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import HOUR, World
from tests.calm.overview.statements import counted
from tests.support.site_simulator import Site

SKUS = ("bot-creator", "attended-bot-runner", "unattended-bot-runner", "document-pages")


def grow(world: World, sites: list[Site], count: int) -> None:
    """More of everything: sites, cycles, purchases, refused files."""
    for sku in SKUS:
        world.buy(sku, 1000)
    for _ in range(count):
        label = f"site{len(sites)}"
        sites.append(world.site(label))
    for number, site in enumerate(sites):
        label = f"site{number}"
        for cycle in range(2):
            world.license(site, label, products=dict.fromkeys(SKUS, 3 + cycle))
            world.now += HOUR
        world.answer(site, label, products=dict.fromkeys(SKUS, 3))
        world.upload(b"no LFR", label)
        fork = site.fork()
        world.accept(site.request(world.now), label)
        world.upload(fork.request(world.now), label)


def reads(world: World) -> dict[str, Callable[[], object]]:
    account, guid = find_account("Northwind").id, find_guid("site0").id
    request = room_page(guid, world.now).request
    assert request is not None
    asked = Asked(dict.fromkeys(SKUS, 2))
    return {
        "customer": lambda: customer_overview(account, world.now),
        "room": lambda: room_page(guid, world.now),
        "preflight": lambda: preflight(request.request, asked, world.now),
    }


def measure(world: World) -> dict[str, int]:
    found = {}
    for name, read in reads(world).items():
        read()
        with counted() as sent:
            answer = read()
        assert not isinstance(answer, Refusal)
        found[name] = len(sent)
    return found


@pytest.mark.django_db
def test_the_number_of_queries_is_constant() -> None:
    world, sites = World(), list[Site]()
    grow(world, sites, 2)
    few = measure(world)
    grow(world, sites, 6)
    many = measure(world)
    assert few == many
    assert max(few.values()) <= 30, few
