"""E2, E11, H4: a released site that goes to another account, and what nobody there is told of the other."""

from collections.abc import Callable

import pytest

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.customers.models import Account
from carnet.calm.purchases.models import Guid
from carnet.calm.queries import lists
from carnet.calm.queries.control_rooms import show_room
from carnet.calm.queries.room import room_page
from carnet.calm.queries.timeline import Whose, events
from carnet.calm.queries.usage import usage
from tests.calm.conftest import World, code
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases

Unmoved = Callable[[], None]
PAGES = "document-pages"


@pytest.fixture
def plant(world: World) -> Site:
    """Licensed at Northwind, with 50 pages used; Newco has purchases and a free GUID."""
    world.buy(PAGES, 1000)
    site = world.site()
    world.license(site, products={PAGES: 600})
    site.use(PAGES, consume=50, now=world.now)
    world.add_account("Newco")
    world.buy(PAGES, 400, account="Newco")
    world.add_guid("newco-1", "Newco")
    return site


def come_over(world: World, site: Site) -> None:
    world.accept(site.request(world.now, "release"))
    site.install_token(world.token("Newco"))
    world.accept(site.request(world.now), "newco-1")


def id_of(name: str) -> str:
    return Account.objects.get(name=name).id


@pytest.mark.rule("E2", "E11", "H1", "H4", "H5")
def test_a_released_site_goes_to_another_account_and_both_books_are_right(world: World, plant: Site) -> None:
    come_over(world, plant)
    assert world.spent() == {PAGES: 50}
    assert world.available() == {PAGES: 950}
    world.license(plant, "newco-1", products={PAGES: 400})
    plant.use(PAGES, consume=30, now=world.now)
    world.accept(plant.request(world.now), "newco-1")
    assert world.held("newco-1") == {PAGES: 400}
    assert world.spent() == {PAGES: 50}
    assert world.available("newco-1") == {}
    shown = show_room(plant.id, now=world.now)
    assert shown.room.account_name == "Newco"
    (moved,) = shown.account_changes
    assert (moved.was, moved.left, moved.now, moved.came_to) == ("Northwind", "north", "Newco", "newco-1")


@pytest.mark.rule("E11", "A1")
def test_each_account_sees_its_own_time_and_that_the_site_left_or_came(world: World, plant: Site) -> None:
    come_over(world, plant)
    world.license(plant, "newco-1", products={PAGES: 400})
    old = {event.kind.value: event for event in events(Whose(id_of("Northwind"))).items}
    new = [event.kind.value for event in events(Whose(id_of("Newco"))).items]
    assert old["left_account"].guid == Guid.objects.get(label="north").id
    assert {"request_accepted", "file_issued", "released"} <= set(old)
    assert new.count("came_to_account") == 1
    assert new.count("file_issued") == 1
    assert "released" not in new
    assert len(lists.lfrs(account=id_of("Northwind"))) == 2
    assert len(lists.lfrs(account=id_of("Newco"))) == 2
    assert len(lists.license_files(account=id_of("Newco"))) == 1
    page = room_page(Guid.objects.get(label="newco-1").id, world.now)
    assert {event.kind.value for event in page.events} == set(new)
    points = [point for product in usage(ControlRoom.objects.get(id=plant.id)) for point in product.points]
    assert all(point.used == 0 for point in points)
    left = room_page(Guid.objects.get(label="north").id, world.now)
    assert left.room is None
    assert "came_to_account" not in {event.kind.value for event in left.events}


@pytest.mark.security
@pytest.mark.rule("E11", "wrong_account")
def test_a_site_that_was_not_released_stays_with_its_account(world: World, plant: Site, unmoved: Unmoved) -> None:
    plant.install_token(world.token("Newco"))  # which an honest site refuses
    unmoved()
    refused = world.upload(plant.request(world.now), "newco-1")
    assert code(refused) == "wrong_account"
    assert "not released there" in refused.message  # type: ignore[union-attr]


@pytest.mark.rule("E11", "wrong_account")
def test_a_site_whose_release_was_lost_releases_again_and_goes_over(world: World, plant: Site) -> None:
    plant.request(world.now, "release")  # and the file is lost
    plant.install_token(world.token("Newco"))
    assert code(world.upload(plant.request(world.now), "newco-1")) == "wrong_account"
    assert world.accept(plant.request(world.now, "release")).verdict == "released"
    assert world.spent() == {PAGES: 50}
    plant.install_token(world.token("Newco"))
    assert world.accept(plant.request(world.now), "newco-1").verdict == "accepted"
    assert world.spent() == {PAGES: 50}


@pytest.mark.security
@pytest.mark.rule("E11", "wrong_account")
def test_without_a_token_of_that_account_nobody_gets_a_released_site(
    world: World, plant: Site, unmoved: Unmoved
) -> None:
    release = plant.request(world.now, "release")
    world.accept(release)
    plant.install_token(world.token())
    unmoved()
    assert code(world.upload(plant.request(world.now), "newco-1")) == "wrong_account"
    unmoved()
    assert code(world.upload(release, "newco-1")) == "wrong_account"


@pytest.mark.security
@pytest.mark.rule("E11", "L2", "wrong_account")
def test_another_history_does_not_come_over_and_nothing_of_the_old_one_is_told(
    world: World, plant: Site, unmoved: Unmoved
) -> None:
    backup = plant.fork()
    plant.note(30)
    world.accept(plant.request(world.now, "release"))
    backup.install_token(world.token("Newco"))
    backup.note(60)
    unmoved()
    refused = world.upload(backup.request(world.now), "newco-1")
    assert code(refused) == "wrong_account"
    assert refused.evidence == ()  # type: ignore[union-attr]
    assert "Northwind" not in repr(refused)


@pytest.mark.rule("E6", "E11")
def test_files_of_before_are_answered_as_what_they_were_and_only_at_home(world: World, plant: Site) -> None:
    world.license(plant, products={PAGES: 600})
    receipt_of = plant.request(world.now, "release")
    world.accept(receipt_of)
    plant.install_token(world.token("Newco"))
    world.accept(plant.request(world.now), "newco-1")
    assert code(world.upload(receipt_of)) == "superseded"
    assert code(world.upload(receipt_of, "newco-1")) in ("wrong_account", "superseded")
