"""A3: what two people do together: a proposal, and another person who confirms it, or takes it back."""

from collections.abc import Callable

import pytest

from carnet.calm.queries.control_rooms import show_room
from carnet.calm.queries.log_queries import show_log
from carnet.calm.use_cases import proposals
from carnet.errors import UsageError
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import OLGA, OMAR, World, code, ok
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases

Unmoved = Callable[[], None]
PAGES = {"document-pages": 600}


@pytest.fixture
def plant(world: World) -> Site:
    world.buy("document-pages", 1000)
    site = world.site()
    world.license(site, products=PAGES)
    world.accept(site.request(world.now))
    return site


def propose_write_off(world: World, site: Site) -> proposals.Proposed:
    return ok(proposals.propose_write_off(world.calm, control_room=site.id, reason="lost", **world.act))


def propose_history(world: World, site: Site) -> proposals.Proposed | Refusal:
    return proposals.propose_accept_history(world.calm, control_room=site.id, reason="a copy", **world.act)


def confirm(world: World, proposed: proposals.Proposed, by: str = OMAR) -> proposals.Confirmed | Refusal:
    return proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=by)


def enrol_again(world: World, site: Site, pages: int) -> None:
    world.accept(site.request(world.now, "release"))
    site.install_token(world.token())
    world.license(site, products={"document-pages": pages})
    world.accept(site.request(world.now))


@pytest.mark.rule("A3", "needs_second_person")
@pytest.mark.parametrize("name", ["OLGA", "Olga", "oLgA"])
def test_a_name_written_otherwise_is_the_same_person(world: World, plant: Site, unmoved: Unmoved, name: str) -> None:
    proposed = propose_write_off(world, plant)
    unmoved()
    assert code(confirm(world, proposed, by=name)) == "needs_second_person"


@pytest.mark.rule("A3")
@pytest.mark.parametrize("name", ["olga ", " olga", "olga\u00a0", "\u2003Omar"])
def test_the_name_of_an_operator_has_no_space_around_it(world: World, plant: Site, unmoved: Unmoved, name: str) -> None:
    proposed = propose_write_off(world, plant)
    unmoved()
    with pytest.raises(UsageError):
        confirm(world, proposed, by=name)


@pytest.mark.rule("A3", "E12", "nothing_to_accept")
def test_a_write_off_does_not_outlive_the_enrolment_that_it_was_about(
    world: World, plant: Site, unmoved: Unmoved
) -> None:
    proposed = propose_write_off(world, plant)
    enrol_again(world, plant, 900)
    unmoved()
    refused = confirm(world, proposed)
    assert code(refused) == "nothing_to_accept"
    assert refused.run == f"calm confirm {proposed.proposal} --withdraw"  # type: ignore[union-attr]


@pytest.mark.rule("A3", "L2", "nothing_to_accept")
def test_an_acceptance_does_not_outlive_the_enrolment_that_it_was_about(
    world: World, plant: Site, unmoved: Unmoved
) -> None:
    copy = plant.fork()
    world.accept(plant.request(world.now))
    assert code(world.upload(copy.request(world.now))) == "history_mismatch"
    proposed = ok(propose_history(world, plant))
    enrol_again(world, plant, 900)
    unmoved()
    assert code(confirm(world, proposed)) == "nothing_to_accept"


@pytest.mark.rule("A3", "V1")
@pytest.mark.parametrize("by", [OLGA, OMAR])
def test_a_proposal_can_be_withdrawn_by_anybody_once_and_is_recorded(world: World, plant: Site, by: str) -> None:
    proposed = propose_write_off(world, plant)
    held = world.held()
    done = proposals.withdraw(world.calm, proposal=proposed.proposal, now=world.now, by=by)
    assert (done.kind, done.proposed_by, done.withdrawn_by) == ("write_off", OLGA, by)
    assert show_room(plant.id, now=world.now).proposals == ()
    last = show_log(last=1)[0]
    assert (last.who, last.kind, last.subject) == (by, "write_off.withdrawn", proposed.proposal)
    with pytest.raises(UsageError):
        proposals.withdraw(world.calm, proposal=proposed.proposal, now=world.now, by=OMAR)
    assert code(confirm(world, proposed)) == "nothing_to_accept"
    assert world.held() == held


@pytest.mark.rule("E11", "L2", "nothing_to_accept")
@pytest.mark.parametrize("kind", ["change", "release"])
def test_a_copy_of_an_enrolment_that_ended_is_led_to_a_new_token(
    world: World, plant: Site, unmoved: Unmoved, kind: str
) -> None:
    copy = plant.fork()
    enrol_again(world, plant, 200)
    copy.note()
    unmoved()
    refused = world.upload(copy.request(world.now, kind, since=plant.ledger.size))
    assert code(refused) == "history_mismatch"
    assert "new token" in refused.next  # type: ignore[union-attr]
    refused = propose_history(world, plant)  # type: ignore[assignment]
    assert code(refused) == "nothing_to_accept"
    assert "an enrolment that has ended" in refused.message  # type: ignore[union-attr]
    assert "new token" in refused.next  # type: ignore[union-attr]


@pytest.mark.rule("E11", "L2", "H4")
def test_accepting_a_copy_under_a_new_token_says_what_becomes_spent_of_the_enrolment_in_force(
    world: World, plant: Site
) -> None:
    copy = plant.fork()
    enrol_again(world, plant, 200)
    plant.use("document-pages", consume=50, now=world.now)
    world.accept(plant.request(world.now))
    copy.note()
    copy.install_token(world.token())
    assert code(world.upload(copy.request(world.now, "initial", since=plant.ledger.size))) == "history_mismatch"
    proposed = ok(propose_history(world, plant))
    words = "it ends the enrolment in force: document-pages: 200 held, 200 become spent"
    assert proposed.would[-1] == words
    assert ok(confirm(world, proposed)).did == proposed.would
    assert (world.held(), world.spent()) == ({}, {"document-pages": 200})


@pytest.mark.rule("E16", "A3")
def test_a_new_key_set_is_published_whoever_confirms_and_only_then(world: World) -> None:
    """By the use case: no door has to think of it."""
    published: list[str] = []
    world.calm.publish = lambda: published.append("key set")
    proposed = ok(proposals.propose_rotation(world.calm, reason="yearly", **world.act))
    assert code(proposals.confirm(world.calm, proposal=proposed.proposal, **world.act)) == "needs_second_person"
    assert published == []
    ok(proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OMAR))
    assert published == ["key set"]
