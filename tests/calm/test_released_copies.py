"""E11, H1: a site is released, and a copy of it runs on: what that leaves is listed, and doing it again takes two."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from carnet.calm.queries.attention import AttentionKind, attention, vendor_counts
from carnet.calm.queries.control_rooms import list_rooms
from carnet.calm.queries.evidence import evidence
from carnet.calm.use_cases import proposals
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import DAY, OLGA, OMAR, World, code, ok
from tests.support.site_simulator import Site

pytestmark = [pytest.mark.both_databases, pytest.mark.security, pytest.mark.rule("E11", "H1")]
GRANTED = {"bot-creator": 40, "document-pages": 90}


@pytest.fixture
def plant(world: World) -> Site:
    world.buy("bot-creator", 40)
    world.buy("document-pages", 90)
    site = world.site()
    world.license(site, products=GRANTED)
    return site


def _release(world: World, site: Site) -> None:
    world.accept(site.request(world.now, "release"))


def _enrol(world: World, site: Site) -> object:
    site.install_token(world.token())
    return world.upload(site.request(world.now))


def _exposed(world: World) -> list[str]:
    return [one.sentence for one in attention(world.now, kinds=[AttentionKind.EXPOSED]).items]


def _readmit(world: World, site: Site, second: str = OMAR) -> proposals.Confirmed | Refusal:
    asked = proposals.propose_readmission(world.calm, control_room=site.id, reason="a new server", **world.act)
    if isinstance(asked, Refusal):
        return asked
    assert any("a copy of it could still use" in words for words in asked.would)
    return proposals.confirm(world.calm, proposal=asked.proposal, now=world.now, by=second)


def test_what_a_released_copy_could_use_is_listed_until_its_lines_end(world: World, plant: Site) -> None:
    """130 of 90: the copy goes on, and what was returned is given to another site."""
    assert _exposed(world) == []
    before = vendor_counts(world.now).attention
    _release(world, plant)
    south = world.site("south")
    world.license(south, "south", products={"document-pages": 90})
    (sentence,) = _exposed(world)
    assert "40 Bot Creator" in sentence
    assert "90 " in sentence
    assert "more may be usable than was bought" in sentence
    assert vendor_counts(world.now).attention == before + 1
    (listed,) = [room for room in list_rooms(now=world.now) if room.control_room == plant.id]
    assert {(one.sku, one.quantity, one.why) for one in listed.exposed} == {
        ("bot-creator", 40, "released"),
        ("document-pages", 90, "released"),
    }
    end = max(one.until for one in listed.exposed)
    world.now = end - timedelta(seconds=1)
    assert len(_exposed(world)) == 1
    world.now = end
    assert _exposed(world) == []


def test_it_stays_listed_when_the_site_enrols_again(world: World, plant: Site) -> None:
    _release(world, plant)
    plant.install_token(world.token())
    world.license(plant, products={"bot-creator": 1})
    assert len(_exposed(world)) == 1


def test_the_first_request_under_a_new_token_leaves_the_same(world: World, plant: Site) -> None:
    """The release was lost, or never sent."""
    ok(_enrol(world, plant))
    assert len(_exposed(world)) == 1


@pytest.mark.rule("A3", "released_again", "needs_second_person")
@pytest.mark.parametrize("lost", [True, False])
def test_the_second_time_within_a_year_takes_two_people(world: World, plant: Site, lost: bool) -> None:
    _release(world, plant)
    ok(_enrol(world, plant))
    world.now += 30 * DAY
    if not lost:
        _release(world, plant)
    plant.install_token(world.token())
    raw = plant.request(world.now)
    assert code(world.upload(raw)) == "released_again"
    (flagged,) = attention(world.now, kinds=[AttentionKind.RELEASED_AGAIN]).items
    assert flagged.room == plant.id
    asked = ok(proposals.propose_readmission(world.calm, control_room=plant.id, reason="moved again", **world.act))
    alone = proposals.confirm(world.calm, proposal=asked.proposal, **world.act)
    assert code(alone) == "needs_second_person"
    assert code(world.upload(raw)) == "released_again", "it waits"
    ok(proposals.confirm(world.calm, proposal=asked.proposal, now=world.now, by=OMAR))
    assert attention(world.now, kinds=[AttentionKind.RELEASED_AGAIN]).items == ()
    ok(world.upload(raw))
    assert code(_readmit(world, plant)) == "nothing_to_accept", "once"


@pytest.mark.rule("released_again")
def test_the_refusal_moves_nothing(world: World, plant: Site, unmoved: Callable[[], None]) -> None:
    _release(world, plant)
    ok(_enrol(world, plant))
    _release(world, plant)
    plant.install_token(world.token())
    raw = plant.request(world.now)
    unmoved()
    assert code(world.upload(raw)) == "released_again"


@pytest.mark.rule("released_again")
def test_each_further_time_takes_two_people_again(world: World, plant: Site) -> None:
    _release(world, plant)
    ok(_enrol(world, plant))
    for _ in range(3):
        world.now += DAY
        _release(world, plant)
        assert code(_enrol(world, plant)) == "released_again"
        ok(_readmit(world, plant))
        ok(world.upload(plant.request(world.now)))


def test_after_a_year_it_is_the_first_time_again(world: World, plant: Site) -> None:
    _release(world, plant)
    ok(_enrol(world, plant))
    world.now += 366 * DAY
    _release(world, plant)
    ok(_enrol(world, plant))


@pytest.mark.rule("A3", "released_again", "needs_second_person")
def test_a_new_control_room_each_time_is_no_way_around_the_second_person(world: World, plant: Site) -> None:
    """Each new one at the same License GUID has an identity that was never released; its copies run on all the same."""
    _release(world, plant)
    second = world.site("second")
    ok(_enrol(world, second))
    world.license(second, products=GRANTED)
    world.now += DAY
    _release(world, second)
    third = world.site("third")
    third.install_token(world.token())
    raw = third.request(world.now)
    refused = world.upload(raw)
    assert code(refused) == "released_again"
    assert third.id not in {room.control_room for room in list_rooms(now=world.now)}
    assert second.id in refused.run  # type: ignore[union-attr]
    assert code(_readmit(world, plant)) == "nothing_to_accept", "the last one stands for the site"
    (flagged,) = attention(world.now, kinds=[AttentionKind.RELEASED_AGAIN]).items
    found = evidence(int(flagged.target))
    assert (found.is_readmission, found.proposals) == (True, ())
    assert code(_readmit(world, second, OLGA)) == "needs_second_person"
    (row,) = proposals.list_proposals()
    (shown,) = evidence(int(flagged.target)).proposals
    assert shown.proposal == row.proposal
    ok(proposals.confirm(world.calm, proposal=row.proposal, now=world.now, by=OMAR))
    assert attention(world.now, kinds=[AttentionKind.RELEASED_AGAIN]).items == ()
    ok(world.upload(raw))
    _release(world, third)
    assert code(_enrol(world, world.site("fourth"))) == "released_again", "once"
    assert code(_enrol(world, second)) == "released_again", "for nobody else either"


@pytest.mark.rule("E12")
def test_one_that_was_written_off_and_came_back_is_listed_once(world: World, plant: Site) -> None:
    asked = ok(proposals.propose_write_off(world.calm, control_room=plant.id, reason="burnt", **world.act))
    ok(proposals.confirm(world.calm, proposal=asked.proposal, now=world.now, by=OMAR))
    assert [one.title for one in attention(world.now, kinds=[AttentionKind.EXPOSED]).items] == [
        "Written off, not yet ended"
    ]
    _release(world, plant)
    assert [one.title for one in attention(world.now, kinds=[AttentionKind.EXPOSED]).items] == [
        "Released, not yet ended"
    ]
