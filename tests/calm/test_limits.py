"""E19: CALM issues nothing that a site could not read, or with which it could not live on."""

from collections.abc import Callable

import pytest

from carnet.calm.purchases.models import Product
from carnet.calm.use_cases import license_files, proposals
from carnet.calm.use_cases.selection import Selection
from carnet.exchange.envelope import MAX_CARRYING, MAX_FILE
from carnet.exchange.license_file_request import MAX_TOTALS, read_lfr
from carnet.exchange.offline_license_file import MAX_ADDED, MAX_LINES
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import DAY, HOUR, NOW, OMAR, World, code, ok
from tests.calm.test_restored import Backup, resume, take_back

Unmoved = Callable[[], None]
USERS, PAGES = "bot-creator", "document-pages"
MONTH = 30 * DAY


def buy(world: World, sku: str, count: int, **options: object) -> dict[str, int]:
    """So many purchases of one each, as lines."""
    return {world.buy(sku, 1, **options): 1 for _ in range(count)}


def refused(world: World, lfr: str, lines: dict[str, int]) -> Refusal:
    """What issuing and its preview say, which is the same."""
    answer = world.issue(lfr, lines=lines)
    shown = license_files.preview_license_file(world.calm, lfr_id=lfr, asked=Selection({}, lines), **world.act)
    assert answer == shown
    assert code(answer) == "cannot_be_installed"
    assert isinstance(answer, Refusal)
    return answer


@pytest.mark.security
@pytest.mark.rule("E19", "cannot_be_installed")
def test_more_lines_than_a_site_reads_are_refused_with_their_number(world: World, unmoved: Unmoved) -> None:
    lines = buy(world, USERS, MAX_LINES + 1)
    site = world.site()
    lfr = world.accept(site.request(world.now)).lfr
    unmoved()
    assert "257 lines; a site reads at most 256" in refused(world, lfr, lines).message


@pytest.mark.rule("E19")
def test_as_many_lines_as_a_site_reads_are_issued_and_installed(world: World) -> None:
    site, lines = world.site(), buy(world, USERS, MAX_LINES)
    site.install(world.answer(site, lines=lines), world.now)
    assert len(site.granted) == MAX_LINES
    assert len(world.answer(site, lines=lines)) < MAX_FILE / 3


@pytest.mark.security
@pytest.mark.rule("E19", "cannot_be_installed")
@pytest.mark.parametrize(("field", "says"), [("name", "The name of bot-creator"), ("unit", "The unit of bot-creator")])
def test_a_text_that_a_site_would_not_read_is_refused_and_named(
    world: World, unmoved: Unmoved, field: str, says: str
) -> None:
    lines, site = buy(world, USERS, 1), world.site()
    lfr = world.accept(site.request(world.now)).lfr
    Product.objects.filter(sku=USERS).update(**{field: "x" * 201})
    unmoved()
    assert says in refused(world, lfr, lines).message


@pytest.mark.security
@pytest.mark.rule("E19", "cannot_be_installed")
def test_a_file_that_would_be_too_large_is_refused(world: World, unmoved: Unmoved) -> None:
    lines, site = buy(world, USERS, MAX_LINES), world.site()
    lfr = world.accept(site.request(world.now)).lfr
    Product.objects.filter(sku=USERS).update(name="\U00020000" * 200, unit="\U00020001" * 200)
    unmoved()
    assert "a site reads at most 262,144" in refused(world, lfr, lines).message


@pytest.mark.security
@pytest.mark.rule("E19", "Q3", "cannot_be_installed")
def test_a_file_after_which_the_site_could_state_its_totals_no_more_is_refused_until_lines_are_settled(
    world: World,
) -> None:
    site = world.site()
    for _ in range(2):
        month = buy(world, PAGES, 200, valid_until=world.now + MONTH)
        site.install(world.answer(site, lines=month), world.now)
    lfr = world.accept(site.request(world.now)).lfr
    more = buy(world, PAGES, 200, valid_until=NOW + 3 * MONTH)
    answer = refused(world, lfr, more)
    assert "600 lines" in answer.message
    assert "settled" in answer.next
    world.now += MONTH + DAY
    site.install(world.answer(site, lines=more), world.now)  # what ended is settled by it
    totals = read_lfr(site.request(world.now)).lfr.totals.record.body  # type: ignore[union-attr]
    assert len(totals.lines) == 200 <= MAX_TOTALS


@pytest.mark.rule("E19", "L2")
def test_more_units_to_add_than_one_file_holds_come_in_several(world: World) -> None:
    site = world.site()
    month = {world.buy(PAGES, 1000, valid_until=NOW + 900 * DAY, period="month"): 1000 for _ in range(60)}
    site.install(world.answer(site, lines=month), world.now)
    backup = site.fork()
    for _ in range(10):
        for line in site.lines.values():
            site.consumed[line.line_id, line.period_start(world.now)] = 7
        world.accept(site.request(world.now))
        world.now += 31 * DAY
    assert code(world.upload(backup.request(world.now, since=site.ledger.size))) == "history_mismatch"
    asked = proposals.propose_accept_history(world.calm, control_room=site.id, reason="a backup", **world.act)
    lfr = str(ok(proposals.confirm(world.calm, proposal=ok(asked).proposal, now=world.now, by=OMAR)).lfr)
    added = []
    for number in (1, 2):
        raw = ok(world.issue(lfr, lines=month)).raw
        carried = backup.open(raw)[0].accepts_history  # type: ignore[arg-type]
        assert carried is not None
        assert (carried.number, len(carried.add) <= MAX_ADDED) == (number, True)
        added += carried.add
        backup.install(raw, world.now)  # type: ignore[arg-type]
        lfr = world.accept(backup.request(world.now)).lfr
    assert len(added) == 600
    assert sum(each.units for each in added) == sum(site.consumed.values())
    assert backup.open(ok(world.issue(lfr, lines=month)).raw)[0].accepts_history is None  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.rule("E19", "L6")
def test_the_largest_license_with_as_many_totals_as_an_lfr_states_is_taken_back(world: World) -> None:
    """256 lines of long names of products, after as many other lines of units, which the site states on."""
    texts = world.random(MAX_LINES * 200).hex()
    Product.objects.bulk_create(
        Product(
            sku=f"{number:04}-pack",
            name=texts[number * 200 :][:190],
            unit=texts[-1 - number * 200 :][:190],
            metric=Product.objects.get(sku=PAGES).metric,
        )
        for number in range(2 * MAX_LINES)
    )
    site = world.site()
    many = {"valid_until": NOW + 400 * DAY}
    first = {world.buy(f"{number:04}-pack", 10**9, **many): 10**9 for number in range(MAX_LINES)}
    site.install(world.answer(site, lines=first), world.now)
    second = {world.buy(f"{MAX_LINES + number:04}-pack", 10**9, **many): 10**9 for number in range(MAX_LINES)}
    backup = Backup(world)
    world.now += HOUR
    site.install(world.answer(site, lines=second), world.now)
    backup.put_back()
    resume(world)
    world.now += HOUR
    raw = site.request(world.now, with_license=True)
    assert MAX_FILE < len(raw) < MAX_CARRYING
    assert len(read_lfr(raw).lfr.totals.record.body.lines) == MAX_TOTALS  # type: ignore[union-attr]
    assert code(world.upload(raw)) == "not_remembered"
    taken = ok(take_back(world, site))
    site.install(answered(world, taken.lfr, second), world.now)
    assert len(site.granted) == MAX_LINES


def answered(world: World, lfr: str | None, lines: dict[str, int]) -> bytes:
    raw = ok(world.issue(lfr or "", lines=lines)).raw
    assert raw is not None
    return raw
