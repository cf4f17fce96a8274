"""L6: CALM is put back to an older state, and every honest site is licensed on."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction

from carnet.calm.control_rooms.models import ControlRoom, LicenseFile
from carnet.calm.queries.log_queries import verify_log
from carnet.calm.use_cases import proposals
from carnet.calm.use_cases.accept_lfr import LfrAccepted
from carnet.errors import TamperedError, UsageError
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import DAY, HOUR, OMAR, World, code, ok
from tests.support.memory import MemoryHead
from tests.support.site_simulator import Site

pytestmark = [pytest.mark.both_databases, pytest.mark.rule("L6", "H1", "V2", "not_remembered")]


@dataclass
class Backup:
    """The database as it is now. `head`: the log's head is put back with it, as by a snapshot of the whole machine."""

    world: World

    def __post_init__(self) -> None:
        self.point = transaction.savepoint()
        assert isinstance(self.world.calm.head, MemoryHead)
        self.head = deepcopy(self.world.calm.head.head)

    def put_back(self, *, head: bool = False) -> None:
        transaction.savepoint_rollback(self.point)
        self.world.calm._head_checked = False
        if head:
            assert isinstance(self.world.calm.head, MemoryHead)
            self.world.calm.head.head = self.head


def resume(world: World, **options: Any) -> proposals.Confirmed:
    asked = proposals.propose_resume(world.calm, reason="the disk of the portal was lost", **options, **world.act)
    return ok(proposals.confirm(world.calm, proposal=asked.proposal, now=world.now, by=OMAR))


def take_back(world: World, site: Site) -> proposals.Confirmed | Refusal:
    asked = proposals.propose_take_back(world.calm, control_room=site.id, reason="it was restored", **world.act)
    if isinstance(asked, Refusal):
        return asked
    return proposals.confirm(world.calm, proposal=asked.proposal, now=world.now, by=OMAR)


def bring_back(world: World, site: Site, guid: str = "north") -> LfrAccepted | proposals.Confirmed:
    """Whatever CALM asks for, done by people who are not surprised."""
    world.now += HOUR
    answer = world.upload(site.request(world.now), guid)
    if not isinstance(answer, Refusal):
        return answer
    assert answer.code == "not_remembered", answer
    assert "vendor's name" not in answer.message + answer.next, "nobody is accused"
    prove(world, site, answer, guid)
    return ok(take_back(world, site))


def prove(world: World, site: Site, refused: Refusal, guid: str = "north") -> None:
    """The LFR with the license, as the refusal asks for it."""
    asked = refused.run.split()
    since = int(asked[asked.index("--since") + 1]) if "--since" in asked else None
    assert "--with-license" in asked
    answer = world.upload(site.request(world.now, since=since, with_license=True), guid)
    assert code(answer) == "not_remembered"
    assert isinstance(answer, Refusal)
    assert answer.run.startswith(f"calm control-room take-back {site.id}")


def go_on(world: World, site: Site, guid: str = "north", **asked: Any) -> None:
    """A whole cycle: the site checks V2 itself."""
    back = bring_back(world, site, guid)
    lfr = back.lfr
    assert lfr is not None
    raw = ok(world.issue(lfr, **asked)).raw
    assert raw is not None
    ok_receipt = site.install(raw, world.now)
    from carnet.calm.use_cases.receipts import accept_receipt

    ok(accept_receipt(world.calm, raw=ok_receipt, **world.act))


@pytest.fixture
def plant(world: World) -> Site:
    world.buy("bot-creator", 50)
    world.buy("document-pages", 100)
    site = world.site()
    world.license(site, products={"bot-creator": 10, "document-pages": 50})
    return site


def test_no_act_is_done_on_an_older_database_but_stating_that_it_is_one(world: World, plant: Site) -> None:
    backup = Backup(world)
    world.license(plant, products={"bot-creator": 30})
    backup.put_back()
    with pytest.raises(TamperedError):
        world.buy("bot-creator", 1)
    resume(world)
    world.buy("bot-creator", 1)
    assert verify_log(world.calm).holds


def test_a_site_that_was_licensed_since_goes_on(world: World, plant: Site) -> None:
    """The newest OLF is forgotten: its lines come back from the file itself, and the site takes the next one."""
    backup = Backup(world)
    world.now += HOUR
    world.license(plant, products={"bot-creator": 30, "document-pages": 60})
    plant.use("document-pages", consume=7, now=world.now)
    backup.put_back()
    resume(world)
    go_on(world, plant, products={"bot-creator": 31, "document-pages": 60})
    assert world.held() == {"bot-creator": 31, "document-pages": 60}
    assert plant.key_set is not None
    assert [each.why for each in plant.key_set.log_breaks] == ["the disk of the portal was lost"]
    assert verify_log(world.calm).holds


def test_a_snapshot_of_the_whole_machine_is_found_out_by_a_site(world: World, plant: Site) -> None:
    """The head went back, too: CALM acts on, until a site names a file that it never issued."""
    backup, then = Backup(world), world.now
    world.now += HOUR
    world.license(plant, products={"bot-creator": 30})
    backup.put_back(head=True)
    world.now += HOUR
    world.buy("bot-creator", 1)
    assert code(world.upload(plant.request(world.now))) == "history_not_shown"
    room = ControlRoom.objects.get(id=plant.id)
    refused = world.upload(plant.request(world.now, since=room.seen_size))
    assert code(refused) == "unknown_license_file"
    with pytest.raises(UsageError):
        resume(world)
    resume(world, as_of=then)
    go_on(world, plant, products={"bot-creator": 30})


def test_a_site_that_enrolled_since_comes_back_with_its_identity(world: World, plant: Site) -> None:
    backup = Backup(world)
    world.now += HOUR
    world.add_guid("south")
    south = world.site("south-too")
    world.license(south, "south-too", products={"bot-creator": 5})
    backup.put_back()
    resume(world)
    world.add_guid("south-too")
    go_on(world, south, "south-too", products={"bot-creator": 6})
    assert world.held("south-too") == {"bot-creator": 6}
    go_on(world, plant, products={"bot-creator": 10})


def test_a_purchase_is_entered_again_and_its_line_keeps_its_id(world: World, plant: Site) -> None:
    backup = Backup(world)
    world.now += HOUR
    world.buy("citizen-developer", 8)
    world.license(plant, products={"bot-creator": 10, "citizen-developer": 8})
    had = set(plant.granted)
    backup.put_back()
    resume(world)
    refused = world.upload(plant.request(world.now))
    assert isinstance(refused, Refusal)
    prove(world, plant, refused)
    missing = take_back(world, plant)
    assert isinstance(missing, Refusal)
    assert any("--product citizen-developer --quantity 8" in line for line in missing.evidence)
    world.buy("citizen-developer", 8)
    go_on(world, plant, products={"bot-creator": 10, "citizen-developer": 8})
    assert set(plant.granted) == had


def test_an_excess_is_listed_and_not_hidden(world: World, plant: Site) -> None:
    """H1: what was bought less of is judged afterwards."""
    backup = Backup(world)
    world.now += HOUR
    world.license(plant, products={"bot-creator": 50})
    backup.put_back()
    resume(world)
    south = world.site("south")
    world.license(south, "south", products={"bot-creator": 20})
    bring_back(world, plant)
    assert world.held() | {} == {"bot-creator": 50, **{k: v for k, v in world.held().items() if k != "bot-creator"}}
    from carnet.calm.use_cases.purchases import list_purchases

    (bots,) = [p for p in list_purchases(account=world.account, now=world.now) if p.sku == "bot-creator"]
    assert bots.excess == 20


def test_twice_to_the_same_state(world: World, plant: Site) -> None:
    backup = Backup(world)
    world.license(plant, products={"bot-creator": 9, "document-pages": 50})
    for times in (1, 2):
        world.now += DAY
        backup.put_back()
        resume(world)
        go_on(world, plant, products={"bot-creator": 10 + times, "document-pages": 50})
    assert plant.key_set is not None


def test_a_license_of_another_time_is_not_taken_back(world: World, plant: Site) -> None:
    """Somebody who has the issuing keys cannot have any file taken back: only one of the time that was lost."""
    backup = Backup(world)
    world.buy("bot-creator", 1)
    backup.put_back()
    resume(world)
    world.now += 30 * DAY
    point = Backup(world)
    room = ControlRoom.objects.get(id=plant.id)
    world.license(plant, products={"bot-creator": 50})
    point.put_back(head=True)
    refused = world.upload(plant.request(world.now, with_license=True, since=room.seen_size))
    assert code(refused) == "unknown_license_file"
    assert not LicenseFile.objects.filter(taken_back=True).exists()
