"""E11, E12, H4, H5: last words, lost ones, and Control Rooms that are gone."""

from collections.abc import Callable

import pytest

from carnet.calm.queries.control_rooms import list_rooms
from carnet.calm.use_cases import proposals, purchases, receipts
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import DAY, OLGA, OMAR, World, code, ok
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases

Unmoved = Callable[[], None]
BOTH = {"bot-creator": 4, "document-pages": 600}


@pytest.fixture
def plant(world: World) -> Site:
    world.buy("bot-creator", 10)
    world.buy("document-pages", 1000)
    site = world.site()
    world.license(site, products=BOTH)
    site.use("document-pages", consume=50, now=world.now)
    return site


def write_off(world: World, site: Site, *, second: str = OMAR, **options: bool) -> proposals.Confirmed | Refusal:
    proposed = proposals.propose_write_off(
        world.calm, control_room=site.id, reason="the machine burnt", **options, **world.act
    )
    if isinstance(proposed, Refusal):
        return proposed
    return proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=second)


@pytest.mark.rule("E11", "H4", "H5")
def test_a_release_frees_the_guid_and_returns_what_was_not_consumed(world: World, plant: Site) -> None:
    world.accept(plant.request(world.now, "release"))
    assert world.held() == {}
    assert world.spent() == {"document-pages": 50}
    assert world.available() == {"bot-creator": 10, "document-pages": 950}
    other = world.site("south")
    world.accept(other.request(world.now), "north")  # the GUID is free


@pytest.mark.rule("E11")
def test_a_release_may_be_generated_again_and_counts_once(world: World, plant: Site) -> None:
    raw = plant.request(world.now, "release")
    world.accept(raw)
    assert world.accept(raw).verdict == "accepted_again"
    world.accept(plant.request(world.now, "release"))
    assert world.spent() == {"document-pages": 50}


@pytest.mark.rule("E11", "superseded")
def test_a_released_control_room_is_not_answered_under_its_old_token(
    world: World, plant: Site, unmoved: Unmoved
) -> None:
    world.accept(plant.request(world.now, "release"))
    unmoved()
    assert code(world.upload(plant.request(world.now))) == "superseded"


@pytest.mark.rule("E11", "E2", "Q1")
def test_a_released_control_room_comes_back_with_a_new_token_and_new_line_ids(world: World, plant: Site) -> None:
    old = set(plant.lines)
    world.accept(plant.request(world.now, "release"))
    plant.install_token(world.token())
    world.license(plant, products=BOTH)
    assert old.isdisjoint(plant.granted)
    assert plant.installed is not None
    assert plant.installed.sequence == 2  # E7: it counts on
    assert world.spent() == {"document-pages": 50}
    assert world.held() == BOTH


@pytest.mark.rule("E11", "H4")
def test_the_first_request_under_a_new_token_stands_for_a_release_that_was_lost(world: World, plant: Site) -> None:
    plant.request(world.now, "release")  # lost on the way
    plant.install_token(world.token())
    request = world.accept(plant.request(world.now)).lfr
    assert world.held() == {}
    assert world.spent() == {"document-pages": 50}
    assert ok(world.issue(request, products={"document-pages": 950}))
    assert world.available() == {"bot-creator": 10}


@pytest.mark.rule("E11", "Q3")
def test_the_lines_before_are_stated_until_the_first_file_of_a_new_enrolment_and_then_no_more(
    world: World, plant: Site
) -> None:
    world.accept(plant.request(world.now, "release"))
    plant.install_token(world.token())
    for _ in range(2):
        assert [total.consumed for total in world.accept(plant.request(world.now)).in_use] == [50]
    world.license(plant, products=BOTH)
    assert world.accept(plant.request(world.now)).verdict == "accepted"
    assert world.spent() == {"document-pages": 50}


@pytest.mark.rule("E11", "H2")
def test_a_lost_release_whose_totals_are_not_stated_spends_all_that_the_line_may_have_had(
    world: World, plant: Site
) -> None:
    world.accept(plant.request(world.now, changed_totals=[]))  # the file is proven to be installed
    plant.install_token(world.token())
    world.accept(plant.request(world.now, changed_totals=[]))
    assert world.spent() == {"document-pages": 600}


@pytest.mark.rule("E11", "H2", "E4")
@pytest.mark.parametrize("way", ["release", "token"])
def test_units_that_were_never_installed_return_whole_when_their_enrolment_ends(world: World, way: str) -> None:
    world.buy("document-pages", 1000)
    site = world.site()
    world.answer(site, products={"document-pages": 600})  # it never arrived
    if way == "token":
        site.install_token(world.token())
    world.accept(site.request(world.now, "release" if way == "release" else "initial"))
    assert (world.held(), world.spent()) == ({}, {})
    assert world.available() == {"document-pages": 1000}


@pytest.mark.rule("E11", "H2", "H4")
def test_a_line_that_is_stated_was_installed_whatever_is_named(world: World, plant: Site) -> None:
    plant.install_token(world.token())  # CALM has no proof of the file yet, but its line is stated
    world.accept(plant.request(world.now))
    assert world.spent() == {"document-pages": 50}


@pytest.mark.rule("E11", "E2")
def test_a_better_token_replaces_a_dead_one_before_the_first_license(world: World) -> None:
    world.buy("bot-creator", 10)
    site = world.site()
    world.answer(site, products={"bot-creator": 4})
    site.install_token(world.token())
    world.license(site, products={"bot-creator": 10})
    assert world.held() == {"bot-creator": 10}


@pytest.mark.rule("E11", "superseded")
def test_of_an_older_enrolment_nothing_is_taken(world: World, plant: Site, unmoved: Unmoved) -> None:
    old = plant.token
    world.accept(plant.request(world.now, "release"))
    plant.install_token(world.token())
    world.license(plant, products=BOTH)
    plant.token, plant.installed = old, None
    unmoved()
    assert code(world.upload(plant.request(world.now))) == "superseded"


@pytest.mark.rule("E11", "history_mismatch", "nothing_to_accept")
def test_a_backup_of_a_released_control_room_comes_back_by_release_and_new_token(world: World, plant: Site) -> None:
    backup = plant.fork()
    world.accept(plant.request(world.now, "release"))
    backup.use("document-pages", consume=20, now=world.now)
    since = plant.ledger.size
    assert code(world.upload(backup.request(world.now, since=since))) == "history_mismatch"
    propose = {"control_room": plant.id, "reason": "a backup", **world.act}
    assert code(proposals.propose_accept_history(world.calm, **propose)) == "nothing_to_accept"
    assert code(world.upload(backup.request(world.now, "release", since=since))) == "history_mismatch"
    proposed = ok(proposals.propose_accept_history(world.calm, **propose))
    ok(proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OMAR))
    # 50 of the first, 70 of the backup: the 50 that both remember lie after the newest file that CALM saw of them.
    assert world.spent() == {"document-pages": 120}
    backup.install_token(world.token())
    world.license(backup, products={"bot-creator": 1})


@pytest.mark.rule("E12", "A3", "H4")
@pytest.mark.parametrize(("returned", "spent"), [(False, 600), (True, 50)])
def test_a_write_off_returns_seats_and_as_much_as_staff_decide(
    world: World, plant: Site, returned: bool, spent: int
) -> None:
    world.accept(plant.request(world.now))
    ok(write_off(world, plant, return_unconsumed=returned))
    assert world.held() == {}
    assert world.spent() == {"document-pages": spent}
    assert world.available() == {"bot-creator": 10} | {"document-pages": 1000 - spent}


@pytest.mark.rule("E12", "A3", "needs_second_person")
def test_one_person_writes_nothing_off(world: World, plant: Site, unmoved: Unmoved) -> None:
    proposed = ok(proposals.propose_write_off(world.calm, control_room=plant.id, reason="lost", **world.act))
    unmoved()
    answer = proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OLGA)
    assert code(answer) == "needs_second_person"


@pytest.mark.rule("E12", "written_off")
def test_of_a_written_off_control_room_only_a_release_is_taken(world: World, plant: Site, unmoved: Unmoved) -> None:
    receipt, token = plant.receipt(world.now), world.token()
    ok(write_off(world, plant))
    unmoved()
    assert code(world.upload(plant.request(world.now))) == "written_off"
    assert code(receipts.accept_receipt(world.calm, raw=receipt, **world.act)) == "written_off"
    plant.install_token(token)
    assert code(world.upload(plant.request(world.now))) == "written_off"


@pytest.mark.rule("E12", "written_off")
def test_a_file_accepted_before_the_write_off_is_not_answered_after_it(world: World, plant: Site) -> None:
    request = world.accept(plant.request(world.now)).lfr
    ok(write_off(world, plant))
    assert code(world.issue(request, products=BOTH)) == "written_off"
    assert code(write_off(world, plant)) == "written_off"


@pytest.mark.rule("E12", "H1")
def test_a_written_off_control_room_that_turns_up_corrects_what_was_consumed_and_comes_back(
    world: World, plant: Site
) -> None:
    ok(write_off(world, plant))
    plant.use("document-pages", consume=100, now=world.now)
    world.accept(plant.request(world.now, "release"))
    assert world.spent() == {"document-pages": 150}
    plant.install_token(world.token())
    world.license(plant, products={"document-pages": 850})


@pytest.mark.rule("E12", "H1")
def test_a_write_off_that_returned_too_much_shows_as_an_excess(world: World, plant: Site) -> None:
    south = world.site("south")
    ok(write_off(world, plant, return_unconsumed=True))
    world.license(south, "south", products={"document-pages": 1000})
    plant.use("document-pages", consume=550, now=world.now)
    world.accept(plant.request(world.now, "release"))
    pages = next(p for p in purchases.list_purchases(now=world.now) if p.sku == "document-pages")
    assert (pages.spent, pages.held, pages.excess) == (600, 1000, 600)


@pytest.mark.rule("E12", "H1")
def test_what_a_lost_control_room_could_still_use_is_listed_until_it_ends(world: World, plant: Site) -> None:
    ok(write_off(world, plant))
    (room,) = list_rooms(now=world.now)
    assert {(one.sku, one.quantity) for one in room.exposed} == set(BOTH.items())
    (room,) = list_rooms(now=world.now + 400 * DAY)
    assert room.exposed == ()
