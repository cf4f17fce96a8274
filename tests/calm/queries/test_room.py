"""The Control Room page: steps, deadlines, figures, what happened."""

from datetime import timedelta

import pytest

from carnet.calm.queries.room import room_page
from carnet.calm.queries.states import RoomState
from carnet.calm.queries.timeline import EventKind
from carnet.calm.use_cases import receipts
from carnet.errors import UsageError
from tests.calm.conftest import DAY, END, HOUR, NOW, OLGA, World, ok
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases
PRODUCTS = {"bot-creator": 5, "document-pages": 1000}


@pytest.fixture
def site(world: World) -> Site:
    world.buy("bot-creator", 10)
    world.buy("unattended-bot-runner", 4)
    world.buy("document-pages", 5000)
    return world.site()


def guid(world: World, label: str = "north") -> str:
    from carnet.calm.use_cases.guids import find_guid

    return find_guid(label).id


def test_a_free_guid_waits_for_a_first_request(world: World, site: Site) -> None:
    page = room_page(guid(world), world.now)
    assert (page.room, page.step, page.lfr, page.configure, page.cycle) == (None, 1, None, None, None)
    assert (page.label, page.account_name, page.approved) == ("north", "Northwind", True)


def test_no_such_guid(world: World) -> None:
    with pytest.raises(UsageError):
        room_page("nowhere", world.now)


@pytest.mark.rule("E4", "E5")
def test_an_accepted_request_is_configured_next(world: World, site: Site) -> None:
    accepted = world.accept(site.request(world.now, "initial"))
    world.now += HOUR
    page = room_page(guid(world), world.now)
    assert page.room is not None
    assert page.lfr is not None
    assert page.cycle is not None
    assert page.configure is not None
    assert (page.step, page.room.standing.state) == (2, RoomState.REQUESTED)
    assert (page.lfr.id, page.lfr.sequence, page.lfr.opened_cycle) == (accepted.lfr, 1, True)
    assert (page.lfr.file_name, page.lfr.history_from) == ("plant-north-0001.lfr", 0)
    assert page.lfr.accepted_by == OLGA
    assert (page.cycle.deadline, page.cycle.counts) == (NOW + timedelta(hours=48), "newest")
    assert page.cycle.cycle_ends == NOW + 7 * DAY
    assert {row.sku: (row.bought, row.granted, row.proposed, row.most) for row in page.configure.figures} == {
        "bot-creator": (10, 0, 0, 10),
        "unattended-bot-runner": (4, 0, 0, 4),
        "document-pages": (5000, 0, 0, 5000),
    }
    assert page.configure.latest_until == END
    assert [event.kind for event in page.events] == [EventKind.REQUEST_ACCEPTED, EventKind.ENROLLED]
    assert page.cycles == 1


@pytest.mark.rule("E6", "E7")
def test_an_issued_file_is_downloaded_next_and_closes_the_cycle_when_confirmed(world: World, site: Site) -> None:
    raw = world.answer(site, kind="initial", products=PRODUCTS)
    page = room_page(guid(world), world.now)
    assert page.file is not None
    assert page.difference is not None
    assert (page.step, page.file.file_name, page.file.size) == (4, "plant-north-0001.olf", len(raw))
    assert [len(line) for line in page.file.fingerprint] == [19] * 4
    assert {row.sku: (row.now, row.new) for row in page.difference.rows if row.sku} == {
        "bot-creator": (0, 5),
        "document-pages": (0, 1000),
    }
    receipt = site.install(raw, world.now)
    world.now += HOUR
    ok(receipts.accept_receipt(world.calm, raw=receipt, guid="north", **world.act))
    page = room_page(guid(world), world.now)
    assert page.room is not None
    assert (page.step, page.cycle, page.difference) == (1, None, None)
    assert (page.room.standing.state, page.room.licensed_until, page.room.installed) == (RoomState.ACTIVE, END, 1)
    assert [event.kind for event in page.events] == [
        EventKind.FILE_CONFIRMED,
        EventKind.FILE_ISSUED,
        EventKind.REQUEST_ACCEPTED,
        EventKind.ENROLLED,
    ]
    assert page.events[0].what == "receipt"


def test_the_form_begins_with_what_is_installed_and_in_use(world: World, site: Site) -> None:
    world.license(site, products=PRODUCTS)
    site.use("bot-creator", in_use=3)
    site.use("document-pages", consume=412, now=world.now)
    world.now += DAY
    world.accept(site.request(world.now, "renewal"))
    page = room_page(guid(world), world.now)
    assert page.configure is not None
    assert page.configure.products == {"bot-creator": 5, "unattended-bot-runner": 0, "document-pages": 1000}
    rows = {row.sku: row for row in page.configure.figures}
    assert (rows["bot-creator"].granted, rows["bot-creator"].in_use) == (5, 3)
    assert rows["document-pages"].in_use == 412
    assert page.lfr is not None
    assert page.lfr.history_from < page.lfr.history_to


@pytest.mark.rule("E8")
def test_a_missed_cycle_locks_as_far_as_calm_can_conclude(world: World, site: Site) -> None:
    world.license(site, products=PRODUCTS)
    world.accept(site.request(world.now, "renewal"))
    world.now += 7 * DAY
    page = room_page(guid(world), world.now)
    assert page.room is not None
    assert page.room.standing.state is RoomState.LOCKED
    assert page.room.standing.beside is RoomState.ACTIVE
    assert page.room.standing.concluded
    assert page.lfr is not None
    assert page.lfr.too_late is not None


def test_a_refused_file_is_shown_with_its_verdict_until_a_newer_one_is_accepted(world: World, site: Site) -> None:
    world.accept(site.request(world.now))
    world.now += HOUR
    world.upload(b"<html>not an LFR</html>")
    page = room_page(guid(world), world.now)
    assert page.refused is not None
    assert (page.refused.code, page.refused.newer) == ("wrong_type", True)
    assert page.refused.refusal.next
    world.now += HOUR
    world.accept(site.request(world.now))
    page = room_page(guid(world), world.now)
    assert page.refused is not None
    assert not page.refused.newer
    assert [event.kind for event in page.events] == [
        EventKind.REQUEST_ACCEPTED,
        EventKind.REQUEST_SUPERSEDED,
        EventKind.REQUEST_REFUSED,
        EventKind.REQUEST_ACCEPTED,
        EventKind.ENROLLED,
    ]
    assert page.events[1].newer == 2
