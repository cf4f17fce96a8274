"""Several sites in one trip: each file on its own, and the same again for those that only go on."""

import pytest

from carnet.calm.control_rooms.models import RefusedFile
from carnet.calm.use_cases import batches, receipts
from carnet.calm.use_cases.batches import Sent, accept_many, issue_same
from carnet.calm.use_cases.guids import find_guid
from carnet.errors import UsageError
from tests.calm.conftest import DAY, END, World, code, ok
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases

USERS, PAGES = "bot-creator", "document-pages"
NEXT = END + 365 * DAY


@pytest.fixture
def sites(world: World) -> dict[str, Site]:
    """Two licensed sites, one that is new."""
    world.buy(USERS, 20)
    world.buy(PAGES, 5000)
    found = {label: world.site(label) for label in ("north", "south", "west")}
    for label in ("north", "south"):
        receipt = world.license(found[label], label, products={USERS: 8, PAGES: 1000})
        ok(receipts.accept_receipt(world.calm, raw=receipt, **world.act))
    return found


def take(world: World, *files: Sent, account: str = "Northwind") -> tuple[batches.Taken, ...]:
    return accept_many(world.calm, account=account, files=files, **world.act)


def renew(world: World, *requests: str, **options: object) -> tuple[batches.IssuedSame, ...]:
    asked = {"account": "Northwind", "lfrs": requests} | options
    return issue_same(world.calm, **asked, **world.act)  # type: ignore[arg-type]


@pytest.mark.rule("E3", "E13")
def test_each_file_is_accepted_or_refused_on_its_own(world: World, sites: dict[str, Site]) -> None:
    north, south, west = (sites[label].request(world.now) for label in sites)
    taken = take(world, Sent("a.lfr", north), Sent("b.lfr", b"no LFR"), Sent("c.lfr", west), Sent("d.lfr", south))
    assert [one.can_issue for one in taken] == [True, False, False, True]
    assert [one.guid for one in taken] == [find_guid("north").id, "", "", find_guid("south").id]
    assert (code(taken[1].answer), code(taken[2].answer)) == ("malformed", "unknown_signer")
    assert set(RefusedFile.objects.values_list("account", flat=True)) == {find_guid("north").account_id}
    chosen = take(world, Sent("c.lfr", west, find_guid("west").id))
    assert chosen[0].can_issue


@pytest.mark.rule("A1")
def test_another_account_learns_nothing_of_a_site(world: World, sites: dict[str, Site]) -> None:
    world.add_account("Contoso")
    known, unknown = sites["north"].request(world.now), sites["west"].request(world.now)
    of_others, of_nobody = (take(world, Sent("a.lfr", raw), account="Contoso")[0].answer for raw in (known, unknown))
    assert code(of_others) == code(of_nobody) == "unknown_signer"
    with pytest.raises(UsageError):
        take(world, Sent("a.lfr", known, find_guid("north").id), account="Contoso")


@pytest.mark.rule("H1", "E9")
def test_the_same_again_for_those_that_go_on(world: World, sites: dict[str, Site]) -> None:
    world.now += 30 * DAY
    files = [Sent(f"{label}.lfr", sites[label].request(world.now)) for label in ("north", "south")]
    files.append(Sent("west.lfr", sites["west"].request(world.now), find_guid("west").id))
    requests = [ok(one.answer).lfr for one in take(world, *files)]
    north, south, west = renew(world, *requests)
    for one in (north, south):
        assert {line.sku: line.quantity for line in ok(one.answer).lines} == {USERS: 8, PAGES: 1000}
    assert code(west.answer) == "cannot_be_installed"
    assert code(renew(world, requests[0])[0].answer) == "already_used"
    world.add_account("Contoso")
    with pytest.raises(UsageError):
        renew(world, requests[0], account="Contoso")
    assert world.held() == {USERS: 8, PAGES: 1000}


@pytest.mark.rule("Q1")
def test_a_renewal_takes_the_next_purchase_where_the_old_one_ended(world: World, sites: dict[str, Site]) -> None:
    world.now = END
    for sku, quantity in ((USERS, 20), (PAGES, 1500)):
        world.buy(sku, quantity, valid_from=END, valid_until=NEXT)
    files = [Sent(f"{label}.lfr", sites[label].request(world.now, "renewal")) for label in ("north", "south")]
    north, south = renew(world, *(ok(one.answer).lfr for one in take(world, *files)))
    assert {line.valid_until for line in ok(north.answer).lines} == {NEXT}
    assert code(south.answer) == "over_entitlement"  # 1,000 of 1,500 pages went north


@pytest.mark.rule("H1", "outside_purchase")
def test_a_date_given_holds_for_all_of_it(world: World, sites: dict[str, Site]) -> None:
    (taken,) = take(world, Sent("north.lfr", sites["north"].request(world.now)))
    request = ok(taken.answer).lfr
    assert code(renew(world, request, until=NEXT)[0].answer) == "outside_purchase"
    (issued,) = renew(world, request, until=END - DAY)
    assert {line.valid_until for line in ok(issued.answer).lines} == {END - DAY}


def test_too_many_files(world: World, sites: dict[str, Site]) -> None:
    with pytest.raises(UsageError, match="at once"):
        take(world, *[Sent("a.lfr", b"")] * 101)
