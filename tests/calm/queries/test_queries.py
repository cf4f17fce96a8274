"""However many rows there are, a page asks the database as often as for a few."""

from collections.abc import Callable

import pytest

from carnet.calm.queries import lists
from carnet.calm.queries.approvals import waiting_approvals
from carnet.calm.queries.attention import attention, vendor_counts
from carnet.calm.queries.customer import customer_overview
from carnet.calm.queries.evidence import evidence
from carnet.calm.queries.expiring import expiring
from carnet.calm.queries.preflight import preflight
from carnet.calm.queries.room import room_page
from carnet.calm.queries.sites import awaited, site_row
from carnet.calm.queries.states import standing_of
from carnet.calm.queries.timeline import Whose, events
from carnet.calm.use_cases import receipts
from carnet.calm.use_cases.accounts import find_account
from carnet.calm.use_cases.guids import find_guid
from carnet.calm.use_cases.proposals import list_proposals
from carnet.calm.use_cases.selection import Selection
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import DAY, END, HOUR, World, ok
from tests.calm.queries.statements import counted
from tests.support.site_simulator import Site

SKUS = ("bot-creator", "attended-bot-runner", "unattended-bot-runner", "document-pages")


def grow(world: World, sites: list[Site], count: int) -> None:
    """More of everything: sites, cycles, purchases, refused files, proposals, accounts."""
    world.add_account(f"Account {len(sites)}", approved=False)
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
    page = room_page(guid, world.now)
    assert page.lfr is not None
    assert page.refused is not None
    request, refused = page.lfr, page.refused.refused
    asked = Selection(dict.fromkeys(SKUS, 2))
    return {
        "customer": lambda: customer_overview(account, world.now),
        "room": lambda: room_page(guid, world.now),
        "preflight": lambda: preflight(request.id, asked, world.now),
        "attention": lambda: attention(world.now, size=50),
        "counts": lambda: vendor_counts(world.now),
        "evidence": lambda: evidence(refused),
        "expiring": lambda: expiring(END),
        "timeline": lambda: events(Whose(account=account)),
        "accounts": lambda: list(lists.accounts()[:50]),
        "rooms": lambda: [
            site_row(row.guid, row, world.now, refused=False, lost=False) for row in lists.rooms(world.now)[:50]
        ],
        "purchases": lambda: lists.with_balances(lists.purchases(world.now)[:50], world.now),
        "files": lambda: list(lists.license_files(account=account)[:50]),
        "requests": lambda: list(lists.lfrs(account=account)[:50]),
        "refused": lambda: list(lists.refused_files(account=account)[:50]),
        "approvals": lambda: waiting_approvals(),
        "proposals": lambda: list_proposals(),
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


def test_the_number_of_queries_is_constant(world: World) -> None:
    sites = list[Site]()
    grow(world, sites, 2)
    few = measure(world)
    grow(world, sites, 6)
    many = measure(world)
    assert few == many
    assert max(few.values()) <= 30, few


@pytest.mark.both_databases
def test_lists_say_the_same_state_as_pages(world: World) -> None:
    sites = list[Site]()
    grow(world, sites, 3)
    world.accept(world.site("fresh").request(world.now), "fresh")
    world.accept(sites[2].request(world.now, "release"), "site2")
    ok(receipts.accept_receipt(world.calm, raw=world.license(sites[0], "site0", products={SKUS[0]: 1}), **world.act))
    for now in (world.now, world.now + 7 * DAY, END - 9 * DAY, END, END + 40 * DAY):
        rows = list(lists.rooms(now))
        shown = [standing_of(row, now, answered=awaited(row) > 0) for row in rows]
        assert [row.shown_state for row in rows] == [one.state for one in shown]
        for state in {one.state for one in shown}:
            assert list(lists.rooms(now, state=state)) == [row for row in rows if row.shown_state == state]


@pytest.mark.both_databases
def test_lists_are_filtered(world: World) -> None:
    world.add_account("Contoso", approved=False)
    world.buy("bot-creator", 5)
    world.buy("document-pages", 5, valid_from=END, valid_until=END + DAY)
    assert [row.name for row in lists.accounts(state="approved")] == ["Northwind"]
    assert [row.name for row in lists.accounts(text="cont")] == ["Contoso"]
    assert [(row.purchases, row.guids) for row in lists.accounts(text="north")] == [(2, 0)]
    assert [row.product_id for row in lists.purchases(world.now, state="later")] == ["document-pages"]
    assert [row.sku for row in lists.with_balances(lists.purchases(world.now, text="creator"), world.now)] == [
        "bot-creator"
    ]
