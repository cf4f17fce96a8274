"""L2: what accepting a history may count twice, said in numbers, and the lower numbers that two people may enter."""

import pytest

from carnet.calm.queries.control_rooms import show_room
from carnet.calm.queries.room import room_page
from carnet.errors import UsageError
from tests.calm.conftest import World, code, ok
from tests.calm.test_histories import PAGES, Unmoved, accept_history, consume, propose
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases


@pytest.fixture
def plant(world: World) -> Site:
    """A licensed site that consumed 100 pages, which CALM knows."""
    world.buy("document-pages", 1000)
    site = world.site()
    world.license(site, products=PAGES)
    consume(world, site, 100)
    world.accept(site.request(world.now))
    return site


def backup_in_doubt(world: World, plant: Site) -> Site:
    """100 are shared; CALM saw 170; the backup states 130: between 170 and 200 were used."""
    backup = plant.fork()
    consume(world, plant, 70)
    world.accept(plant.request(world.now))
    consume(world, backup, 30)
    assert code(world.upload(backup.request(world.now, since=plant.ledger.size))) == "history_mismatch"
    return backup


COMPUTED = (
    "Document Automation: 70 are added; after this the site stands at 200 pages; between 0 and 30 of these may be "
    "counted twice"
)
LOWERED = (
    "Document Automation: 50 are added instead of 70, as two people decided; after this the site stands at 180 pages; "
    "between 0 and 10 of these may be counted twice, and between 0 and 20 that were used may not be counted"
)


@pytest.mark.rule("L2", "A3")
def test_two_people_and_the_customer_are_told_what_may_be_counted_twice(world: World, plant: Site) -> None:
    backup = backup_in_doubt(world, plant)
    assert f"accepting it: {COMPUTED}" in ok(propose(world, backup)).would
    confirmed = accept_history(world, backup)
    assert f"accepting it: {COMPUTED}" in confirmed.did
    assert [one.numbers for one in show_room(plant.id, now=world.now).acceptances] == [(COMPUTED,)]
    page = room_page(str(show_room(plant.id, now=world.now).room.guid), world.now)
    assert page.lfr is not None
    assert page.lfr.accepted_against == (COMPUTED,)
    assert [one.numbers for one in page.events if one.kind == "history_accepted"] == [(COMPUTED,)]


@pytest.mark.rule("L2", "Q3", "A3")
@pytest.mark.parametrize(("entered", "spent"), [(70, 200), (50, 180), (40, 170)])
def test_two_people_add_fewer_units_down_to_what_both_histories_prove(
    world: World, plant: Site, entered: int, spent: int
) -> None:
    backup = backup_in_doubt(world, plant)
    confirmed = accept_history(world, backup, entered={"document-pages": entered})
    if entered == 50:
        assert f"accepting it: {LOWERED}" in confirmed.did
    issued = ok(world.issue(str(confirmed.lfr), products=PAGES))
    backup.install(issued.raw, world.now)  # type: ignore[arg-type]
    assert sum(backup.consumed.values()) == spent
    assert world.accept(backup.request(world.now, "release")).verdict == "released"
    assert world.spent() == {"document-pages": spent}


@pytest.mark.rule("L2", "Q3")
@pytest.mark.parametrize("entered", [{"document-pages": 39}, {"document-pages": 71}, {"bot-runs": 50}])
def test_never_fewer_than_both_histories_prove_nor_more_than_computed(
    world: World, plant: Site, unmoved: Unmoved, entered: dict[str, int]
) -> None:
    backup = backup_in_doubt(world, plant)
    unmoved()
    with pytest.raises(UsageError):
        propose(world, backup, entered=entered)


@pytest.mark.rule("L2", "Q3")
def test_a_line_that_the_backup_never_knew_is_added_in_full_and_none_of_it_twice(world: World, plant: Site) -> None:
    backup = plant.fork()
    world.buy("bot-runs", 100)
    world.license(plant, products=PAGES | {"bot-runs": 50})
    plant.use("bot-runs", consume=20, now=world.now)
    world.accept(plant.request(world.now))
    assert code(world.upload(backup.request(world.now, since=plant.ledger.size))) == "history_mismatch"
    (said,) = (line for line in ok(propose(world, backup)).would if "20 are added" in line)
    assert said.endswith("none of these is counted twice")
    with pytest.raises(UsageError):
        propose(world, backup, entered={"bot-runs": 19})
