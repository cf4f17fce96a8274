"""Q3, H2, L2: a line of units that is over is settled: the site states it no more, and CALM keeps what it counted."""

from collections.abc import Callable
from datetime import datetime

import pytest

from carnet.calm.control_rooms.models import Counted
from carnet.calm.use_cases import proposals
from carnet.exchange.license_file_request import LineTotals, read_lfr
from tests.calm.conftest import DAY, HOUR, NOW, OMAR, World, code, ok
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases

Unmoved = Callable[[], None]
PAGES, USERS = "document-pages", "bot-creator"
MONTH = 30 * DAY


@pytest.fixture
def plant(world: World) -> Site:
    world.buy(USERS, 5, valid_until=NOW + 4000 * DAY)
    return world.site()


def month(world: World, site: Site, consume: int = 0) -> str:
    """Pages for 30 days from now, beside a user for long; the line's id."""
    bought = world.buy(PAGES, 100, valid_from=world.now, valid_until=world.now + MONTH)
    before = set(site.lines)
    site.install(world.answer(site, lines={bought: 100}, products={USERS: 1}), world.now)
    if consume:
        line = next(each for each in set(site.lines) - before if site.lines[each].sku == PAGES)
        site.consumed[line, None] = consume
        site.note()
    return next(each for each in set(site.lines) - before if site.lines[each].sku == PAGES)


def stated(raw: bytes) -> dict[str, LineTotals]:
    return {each.line_id: each for each in read_lfr(raw).lfr.totals.record.body.lines}  # type: ignore[union-attr]


def counted(line: str) -> tuple[int, bool]:
    row = Counted.objects.get(line_id=line)
    return row.units, row.settled


def later(world: World, by: object = MONTH + HOUR) -> None:
    world.now += by  # type: ignore[operator]


@pytest.mark.rule("Q3", "H2", "H4")
def test_a_line_that_is_over_is_stated_once_more_and_then_settled_and_forgotten(world: World, plant: Site) -> None:
    old = month(world, plant, 40)
    later(world)
    raw = plant.request(world.now)
    assert stated(raw)[old].consumed == 40
    answer = ok(world.issue(world.accept(raw).lfr, products={USERS: 1}))
    assert plant.open(answer.raw)[1].settled == [old]  # type: ignore[arg-type]
    assert any("purchase is over (1)" in note for note in answer.notes)
    plant.install(answer.raw, world.now)  # type: ignore[arg-type]
    raw = plant.request(world.now)
    assert old not in stated(raw)
    world.accept(raw)
    assert counted(old) == (40, True)
    world.accept(plant.request(world.now, "release"))
    assert counted(old) == (40, True)
    assert world.spent() == {PAGES: 40}


@pytest.mark.rule("Q3", "H2")
def test_a_site_that_did_not_install_the_file_states_the_line_still_and_is_not_accused(
    world: World, plant: Site
) -> None:
    old = month(world, plant, 40)
    later(world)
    lost = world.answer(plant, products={USERS: 1})
    assert plant.open(lost)[1].settled == [old]
    later(world, 8 * DAY)
    again = world.answer(plant, products={USERS: 1})
    assert plant.open(again)[1].settled == [old]
    plant.install(again, world.now)
    assert old not in stated(plant.request(world.now))


@pytest.mark.rule("Q3", "Q1")
@pytest.mark.parametrize("why", ["left out", "ended early", "in grace", "reserved", "a clock ahead"])
def test_a_line_that_may_come_back_or_is_not_final_is_not_settled(world: World, plant: Site, why: str) -> None:
    from carnet.entitlements import Policy

    policy = Policy(grace_days=5) if why == "in grace" else Policy()
    bought = world.buy(PAGES, 100, valid_until=world.now + MONTH, policy=policy)
    until = world.now + DAY if why == "ended early" else None
    plant.install(world.answer(plant, lines={bought: 100}, until=until), world.now)
    old = next(line for line in plant.lines.values() if line.sku == PAGES).line_id
    if why == "reserved":
        plant.reserved[old] = 5
    world.now += {"in grace": MONTH + DAY, "reserved": MONTH + DAY}.get(why, 2 * DAY)
    at = world.now + (MONTH if why == "a clock ahead" else HOUR - HOUR)
    raw = ok(world.issue(world.accept(plant.request(at)).lfr, products={USERS: 1}, site_clock_is_off=True)).raw
    assert plant.open(raw)[1].settled == []  # type: ignore[arg-type]


@pytest.mark.security
@pytest.mark.rule("Q3", "totals_fell")
def test_before_it_is_settled_a_line_that_is_left_out_of_the_totals_is_a_fall(
    world: World, plant: Site, unmoved: Unmoved
) -> None:
    old = month(world, plant, 40)
    world.accept(plant.request(world.now))
    later(world)
    unmoved()
    lines = [each for each in plant.totals(world.now) if each.line_id != old]
    assert code(world.upload(plant.request(world.now, changed_totals=lines))) == "totals_fell"


@pytest.mark.security
@pytest.mark.rule("Q3", "H2")
def test_a_settled_count_never_falls_and_a_rise_is_counted(world: World, plant: Site) -> None:
    old = month(world, plant, 40)
    later(world)
    plant.install(world.answer(plant, products={USERS: 1}), world.now)
    line = read_lfr(plant.request(world.now)).lfr.totals.record.body.lines[0]  # type: ignore[union-attr]
    total = {"line_id": old, "sku": PAGES, "metric": "consumable", "in_use": 0, "peak_in_use": 0}
    for says, counts in ((10, 40), (55, 55), (0, 55)):
        wrong = LineTotals(**(_fields(line) | total | {"consumed": says, "granted": 0, "period_start": None}))
        world.accept(plant.request(world.now, changed_totals=[*plant.totals(world.now), wrong]))
        assert counted(old) == (counts, True)


def _fields(line: LineTotals) -> dict[str, object]:
    return {name: getattr(line, name) for name in line.__struct_fields__}


def accept_history(world: World, site: Site) -> str:
    proposed = ok(proposals.propose_accept_history(world.calm, control_room=site.id, reason="a backup", **world.act))
    return str(ok(proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OMAR)).lfr)


@pytest.mark.security
@pytest.mark.rule("L2", "Q3")
def test_a_backup_from_before_the_settling_is_added_to_as_ever_and_settled_again(world: World, plant: Site) -> None:
    old = month(world, plant)
    backup = plant.fork()
    plant.consumed[old, None] = 40
    world.accept(plant.request(world.now))
    later(world)
    plant.install(world.answer(plant, products={USERS: 1}), world.now)
    world.accept(plant.request(world.now))
    backup.consumed[old, None] = 7
    assert code(world.upload(backup.request(world.now, since=plant.ledger.size))) == "history_mismatch"
    lfr = accept_history(world, plant)
    assert counted(old) == (47, False)
    raw = ok(world.issue(lfr, products={USERS: 1})).raw
    assert [(each.line_id, each.units) for each in backup.open(raw)[0].accepts_history.add] == [(old, 40)]  # type: ignore
    assert backup.open(raw)[1].settled == []  # type: ignore[arg-type]
    backup.install(raw, world.now)  # type: ignore[arg-type]
    raw = world.answer(backup, products={USERS: 1})
    assert counted(old) == (47, True)
    assert backup.open(raw)[1].settled == [old]
    backup.install(raw, world.now)
    world.accept(backup.request(world.now))
    assert counted(old) == (47, True)


@pytest.mark.rule("L2", "Q3")
def test_a_backup_that_does_not_know_a_settled_line_is_told_nothing_of_it_and_calm_counts_it(
    world: World, plant: Site
) -> None:
    first = month(world, plant, 3)
    backup = plant.fork()
    world.accept(plant.request(world.now))
    later(world)
    unknown = month(world, plant, 40)
    later(world)
    plant.install(world.answer(plant, products={USERS: 1}), world.now)
    world.accept(plant.request(world.now))
    assert code(world.upload(backup.request(world.now, since=plant.ledger.size))) == "history_mismatch"
    lfr = accept_history(world, plant)
    raw = ok(world.issue(lfr, products={USERS: 1})).raw
    assert {each.line_id for each in backup.open(raw)[0].accepts_history.add} <= {first}  # type: ignore
    backup.install(raw, world.now)  # type: ignore[arg-type]
    assert counted(unknown) == (40, True)
    raw = world.answer(backup, products={USERS: 1})
    backup.install(raw, world.now)
    assert not {first, unknown} & set(stated(backup.request(world.now)))
    assert counted(unknown) == (40, True)


@pytest.mark.security
@pytest.mark.rule("Q3", "cannot_be_installed")
def test_nothing_is_granted_on_a_settled_line_again_also_where_calms_clock_went_back(
    world: World, plant: Site, unmoved: Unmoved
) -> None:
    started: datetime = world.now
    bought = world.buy(PAGES, 100, valid_from=world.now, valid_until=world.now + MONTH)
    plant.install(world.answer(plant, lines={bought: 100}), world.now)
    later(world)
    plant.install(world.answer(plant, products={USERS: 1}), world.now)
    accepted = world.accept(plant.request(world.now)).lfr
    world.now = started + 2 * DAY
    unmoved()
    refused = world.issue(accepted, lines={bought: 100}, site_clock_is_off=True)
    assert code(refused) == "cannot_be_installed"
