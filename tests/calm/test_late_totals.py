"""H2: a total that rises after it was final. An honest site states none; CALM counts it, and lists it until it ends."""

from datetime import timedelta

import pytest

from carnet.calm.queries.attention import Attention, AttentionKind, attention, vendor_counts
from carnet.calm.use_cases import purchases
from tests.calm.conftest import World, code, ok
from tests.support.site_simulator import Site

pytestmark = pytest.mark.security
USERS, PAGES = "bot-creator", "document-pages"


@pytest.fixture
def north(world: World) -> Site:
    """Its pages were left out, and their total was stated after that: 0."""
    world.buy(USERS, 5)
    world.buy(PAGES, 12)
    site = world.site("north")
    world.license(site, products={USERS: 1, PAGES: 12})
    world.license(site, products={USERS: 1})
    world.accept(site.request(world.now))
    assert balance(world) == (0, 0, 0)
    return site


def balance(world: World) -> tuple[int, int, int]:
    """Held, spent and excess of the pages."""
    (row,) = [row for row in purchases.list_purchases(now=world.now) if row.sku == PAGES]
    return row.held, row.spent, row.excess


def consume_late(site: Site, units: int) -> None:
    (pages,) = [line for line in site.lines.values() if line.sku == PAGES]
    site.consumed[pages.line_id, None] = units
    site.note()


def listed(world: World) -> list[Attention]:
    items = attention(world.now).items
    assert len(items) == vendor_counts(world.now).attention
    return [one for one in items if one.kind in (AttentionKind.LATE, AttentionKind.EXCESS)]


@pytest.mark.rule("H1", "H2", "Q3")
def test_units_that_were_returned_and_used_all_the_same_are_an_excess_that_is_listed(world: World, north: Site) -> None:
    south = world.site("south")
    world.license(south, "south", products={PAGES: 12})
    consume_late(north, 12)
    world.accept(north.request(world.now))
    assert balance(world) == (24, 0, 12)
    late, excess = sorted(listed(world), key=lambda one: one.kind is AttentionKind.EXCESS)
    assert (late.title, late.room_name) == ("A final total rose", "Plant North")
    assert late.sentence == "12 pages of Document Automation were stated after the total was final. They are counted."
    assert excess.sentence.startswith("12 pages more of Document Automation are out than were bought")
    assert code(world.issue(world.accept(south.request(world.now), "south").lfr, products={PAGES: 13})) == (
        "over_entitlement"
    )
    world.accept(north.request(world.now))
    assert balance(world) == (24, 0, 12), "stated again, it is not counted again"


@pytest.mark.rule("H2", "H4", "E11")
def test_what_was_late_is_spent_by_the_release_and_stays_listed_until_the_purchase_ends(
    world: World, north: Site
) -> None:
    consume_late(north, 7)
    world.accept(north.request(world.now))
    world.accept(north.request(world.now, "release"))
    assert balance(world) == (0, 7, 0)
    consume_late(north, 40)  # and once more, after the release: as much as its line may have had
    north.install_token(world.token())
    world.accept(north.request(world.now))
    assert balance(world) == (0, 12, 0)
    (late,) = listed(world)
    assert late.sentence.startswith("12 pages of Document Automation")
    world.now += timedelta(days=800)
    assert listed(world) == []


@pytest.mark.rule("H2", "E11")
def test_a_second_release_that_states_more_is_late_too(world: World, north: Site) -> None:
    world.accept(north.request(world.now, "release"))
    assert (balance(world), listed(world)) == ((0, 0, 0), [])
    consume_late(north, 9)
    world.accept(north.request(world.now, "release"))
    assert balance(world) == (0, 9, 0)
    assert [one.kind for one in listed(world)] == [AttentionKind.LATE]


@pytest.mark.rule("E12", "H4")
def test_what_a_written_off_site_consumed_is_a_correction_and_not_late(world: World) -> None:
    from carnet.calm.use_cases import proposals

    world.buy(PAGES, 12)
    site = world.site("north")
    world.license(site, products={PAGES: 12})
    world.accept(site.request(world.now))
    proposed = ok(
        proposals.propose_write_off(
            world.calm, control_room=site.id, reason="lost", return_unconsumed=True, **world.act
        )
    )
    ok(proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by="omar"))
    site.use(PAGES, consume=4, now=world.now)
    world.accept(site.request(world.now, "release"))
    assert balance(world) == (0, 4, 0)
    assert [one.kind for one in listed(world)] == []
