"""The customer's overview: what waits, what is left to give, and where things are."""

from datetime import timedelta

import pytest

from carnet.calm.queries.customer import CustomerOverview, WaitingKind, customer_overview
from carnet.calm.queries.entitlements import Entitlement
from carnet.calm.queries.states import RoomState
from carnet.calm.use_cases import accounts, receipts
from carnet.errors import UsageError
from tests.calm.conftest import DAY, END, HOUR, World, ok

pytestmark = pytest.mark.both_databases
USERS, PAGES, PLATFORM = "attended-bot-runner", "document-pages", "enterprise-platform"


def overview(world: World, account: str | None = None) -> CustomerOverview:
    found = accounts.find_account(account or world.account)
    return customer_overview(found.id, world.now)


def product(found: CustomerOverview, sku: str) -> Entitlement:
    return next(row for group in found.groups for row in group.products if row.sku == sku)


def test_a_new_customer_has_nothing_yet(world: World) -> None:
    world.add_account("Contoso", approved=False)
    found = overview(world, "Contoso")
    assert (found.approval.state, found.guids, found.waiting, found.groups, found.sites) == ("none", 0, (), (), ())
    with pytest.raises(UsageError):
        customer_overview("nobody", world.now)


@pytest.mark.rule("H1", "H2", "H3")
def test_what_is_held_used_left_and_on_its_way_back(world: World) -> None:
    for sku, quantity in ((USERS, 250), (PAGES, 5000), (PLATFORM, 3)):
        world.buy(sku, quantity)
    north, south = world.site(), world.site("south")
    world.add_guid("spare")
    world.license(north, products={USERS: 120, PAGES: 2000, PLATFORM: 1})
    world.license(south, "south", products={USERS: 100, PLATFORM: 1})
    north.use(USERS, in_use=86)
    north.use(PAGES, consume=412, now=world.now)
    south.use(USERS, in_use=99)
    world.now += DAY
    world.accept(south.request(world.now), "south")
    raw = world.answer(north, products={USERS: 116, PAGES: 2000, PLATFORM: 1})
    found = overview(world)
    users, pages, platform = (product(found, sku) for sku in (USERS, PAGES, PLATFORM))
    assert (users.bought, users.held, users.used, users.left, users.until) == (250, 220, 185, 30, END)
    assert users.note == "4 come back when Plant North confirms"
    assert (pages.bought, pages.held, pages.used, pages.left) == (5000, 2000, 412, 3000)
    assert (platform.bought, platform.sites, platform.left) == (3, 2, 1)
    assert (found.guids, found.guids_in_use) == (3, 2)
    assert {row.label: (row.standing.state, row.newest_lfr, row.answered) for row in found.sites} == {
        "north": (RoomState.ACTIVE, 2, 2),
        "south": (RoomState.ACTIVE, 2, 0),
        "spare": (RoomState.FREE, 0, 0),
    }
    ok(receipts.accept_receipt(world.calm, raw=north.install(raw, world.now), **world.act))
    users = product(overview(world), USERS)
    assert (users.held, users.left, users.note) == (216, 34, "")


@pytest.mark.rule("H4")
def test_what_former_sites_consumed_is_spent(world: World) -> None:
    world.buy(PAGES, 5000)
    site = world.site()
    world.license(site, products={PAGES: 2000})
    site.use(PAGES, consume=412, now=world.now)
    world.accept(site.request(world.now, "release"))
    pages = product(overview(world), PAGES)
    assert (pages.held, pages.spent, pages.used, pages.left) == (0, 412, 0, 4588)


def test_what_waits_is_in_order_of_its_deadline(world: World) -> None:
    world.buy(USERS, 250)
    sites = {label: world.site(label) for label in ("north", "south", "west", "east")}
    for label, site in sites.items():
        receipt = world.license(site, label, products={USERS: 50})
        ok(receipts.accept_receipt(world.calm, raw=receipt, **world.act))
    world.now = END - 24 * DAY
    fork = sites["west"].fork()
    world.accept(sites["west"].request(world.now), "west")
    world.answer(sites["north"], products={USERS: 46})
    world.now += 12 * HOUR
    world.accept(sites["south"].request(world.now, "renewal"), "south")
    fork.note(9)
    world.upload(fork.request(world.now), "west")
    found = overview(world)
    assert [(one.kind, one.site) for one in found.waiting] == [
        (WaitingKind.CONFIRM, "Plant North"),
        (WaitingKind.CONFIGURE, "Plant West"),
        (WaitingKind.CONFIGURE, "Plant South"),
        (WaitingKind.EXPIRING, "Plant East"),
        (WaitingKind.REFUSED, "Plant West"),
    ]
    assert found.waiting[0].title == "Plant North: license file #2 is not installed yet"
    assert "4 Attended Bot Runner stay held" in found.waiting[0].sentence
    assert found.waiting[0].deadline == world.now - 12 * HOUR + timedelta(hours=48)
    world.now += timedelta(hours=36)
    assert overview(world).waiting[0].kind is WaitingKind.LAPSED


@pytest.mark.rule("E1")
def test_the_approval_in_force_is_shown(world: World) -> None:
    assert overview(world).approval.state == "granted"
    accounts.withdraw_approval(world.calm, approval="Northwind", reason="connected now", **world.act)
    approval = overview(world).approval
    assert (approval.state, approval.reason) == ("withdrawn", "connected now")
