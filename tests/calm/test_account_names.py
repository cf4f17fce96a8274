"""Accounts and License GUIDs over the years: one name, however it is typed; renamed, merged by two people, archived."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.calm.control_rooms.models import AccountChange, ControlRoom
from carnet.calm.customers.models import Account
from carnet.calm.customers.names import fold
from carnet.calm.people import account_merging
from carnet.calm.purchases.models import Guid
from carnet.calm.queries import lists
from carnet.calm.queries.timeline import Whose, events
from carnet.calm.use_cases import account_acts, accounts, guids, proposals
from carnet.calm.use_cases.proposals import Confirmed
from carnet.errors import UsageError
from tests.calm.conftest import OMAR, World, code, ok
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases

Unmoved = Callable[[], None]
PAGES = "document-pages"
LOOK_ALIKES = ("northwind", "NORTHWIND", "  Northwind ", "Ｎorthwind", "NorthWıND".replace("ı", "i"))


@pytest.mark.rule("H7")
@given(st.text(max_size=50))
def test_folding_is_total_and_folds_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(text.strip()) == fold(text)


@pytest.mark.rule("H7")
@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_one_name_however_it_is_typed(world: World, unmoved: Unmoved, name: str) -> None:
    assert accounts.find_account(name).name == "Northwind"
    world.add_account("Newco")
    unmoved()
    with pytest.raises(UsageError):
        accounts.add_account(world.calm, name=name, **world.act)
    with pytest.raises(UsageError):
        account_acts.rename_account(world.calm, account="Newco", name=name, **world.act)


@pytest.mark.rule("H7")
def test_one_label_in_an_account_however_it_is_typed(world: World) -> None:
    world.add_guid("Plant  7")
    with pytest.raises(UsageError):
        world.add_guid("plant 7")
    world.add_account("Newco")
    world.add_guid("plant 7", "Newco")
    with pytest.raises(UsageError):
        guids.find_guid("PLANT 7")  # two accounts have it


@pytest.mark.rule("H7")
def test_a_name_that_grows_beyond_what_is_compared_is_refused(world: World, unmoved: Unmoved) -> None:
    unmoved()
    with pytest.raises(UsageError):
        accounts.add_account(world.calm, name="ﷺ" * 100, **world.act)


@pytest.mark.rule("H7")
def test_an_account_and_a_guid_are_renamed_and_the_next_file_says_so(world: World) -> None:
    world.buy(PAGES, 100)
    site = world.site()
    account_acts.rename_account(world.calm, account="Northwind", name="Newco Energy", **world.act)
    account_acts.rename_account(world.calm, account="newco energy", name="NEWCO Energy", **world.act)
    account_acts.rename_guid(world.calm, guid="north", label="hall 1", **world.act)
    _, body = site.open(world.answer(site, "hall 1", products={PAGES: 10}))
    assert body.account_name == "NEWCO Energy"
    with pytest.raises(UsageError):
        accounts.find_account("Northwind")


@pytest.mark.rule("H7")
def test_only_what_holds_nothing_is_archived_and_it_can_be_brought_back(world: World) -> None:
    world.buy(PAGES, 100)
    site = world.site()
    world.license(site, products={PAGES: 10})
    for refused in (
        lambda: account_acts.archive_account(world.calm, account="Northwind", **world.act),
        lambda: account_acts.archive_guid(world.calm, guid="north", **world.act),
    ):
        with pytest.raises(UsageError, match="is bound there"):
            refused()
    world.accept(site.request(world.now, "release"))
    account_acts.archive_guid(world.calm, guid="north", **world.act)
    assert guids.list_guids(account="Northwind") == []
    assert [one.label for one in guids.list_guids(account="Northwind", archived=True)] == ["north"]
    site.install_token(world.token())
    with pytest.raises(UsageError, match="is archived"):
        world.upload(site.request(world.now))
    account_acts.bring_guid_back(world.calm, guid="north", **world.act)
    account_acts.archive_account(world.calm, account="Northwind", **world.act)
    assert accounts.list_accounts() == []
    assert [one.name for one in accounts.list_accounts(archived=True)] == ["Northwind"]
    assert not lists.accounts().exists()
    assert lists.accounts(state="archived").count() == 1
    for act in (lambda: world.token(), lambda: world.add_guid("south"), lambda: world.buy(PAGES, 1)):
        with pytest.raises(UsageError, match="is archived"):
            act()
    with pytest.raises(UsageError):
        world.add_account("NORTHWIND")  # its name stays taken
    account_acts.bring_account_back(world.calm, account="Northwind", **world.act)
    assert world.accept(site.request(world.now)).verdict == "accepted"


@pytest.fixture
def two(world: World) -> Site:
    """Northwind with a licensed site; Newco, not approved, with purchases and a GUID."""
    world.buy(PAGES, 100)
    site = world.site()
    world.license(site, products={PAGES: 10})
    world.add_account("Newco", approved=False)
    world.buy(PAGES, 40, account="Newco")
    world.add_guid("south", "Newco")
    return site


def propose(world: World) -> proposals.Proposed:
    return account_merging.propose_merge(
        world.calm, account="northwind", into="Newco", reason="Newco bought Northwind", **world.act
    )


def merge(world: World) -> Confirmed:
    return ok(proposals.confirm(world.calm, proposal=propose(world).proposal, now=world.now, by=OMAR))


@pytest.mark.rule("A3", "E1", "H1", "H7")
def test_two_people_merge_an_account_and_all_it_has_goes_with_its_history(world: World, two: Site) -> None:
    before = [event.kind for event in events(Whose(accounts.find_account("Northwind").id)).items]
    confirmed = merge(world)
    assert confirmed.did[0] == (
        "1 purchase, 1 License GUID, 1 Control Room, 1 token, 1 request for approval of Northwind goes to Newco, "
        "with its history"
    )
    assert "the approval of Northwind is in force for the sites of Newco, too (E1)" in confirmed.did
    newco = accounts.find_account("Newco")
    assert ControlRoom.objects.get(id=two.id).account_id == newco.id
    assert [event.kind for event in events(Whose(newco.id)).items] == before
    assert not AccountChange.objects.exists()  # nothing was released
    two.use(PAGES, consume=5, now=world.now)
    world.license(two, products={PAGES: 50})  # out of both purchases
    world.accept(two.request(world.now, "release"))
    assert world.spent() == {PAGES: 5}
    with pytest.raises(UsageError, match="was merged into"):
        world.token("Northwind")
    with pytest.raises(UsageError, match="was merged into"):
        account_acts.bring_account_back(world.calm, account="Northwind", **world.act)


@pytest.mark.security
@pytest.mark.rule("A3", "needs_second_person")
def test_nobody_merges_alone_and_nothing_moves_before(world: World, two: Site, unmoved: Unmoved) -> None:
    proposed = propose(world)
    unmoved()
    alone = proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=proposed.by)
    assert code(alone) == "needs_second_person"
    assert Guid.objects.get(label="north").account.name == "Northwind"


@pytest.mark.rule("A3", "H7")
def test_a_merge_that_can_no_longer_be_done_is_refused_with_a_code(world: World, two: Site) -> None:
    proposed = propose(world)
    world.add_guid("NORTH", "Newco")
    answer = proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OMAR)
    assert code(answer) == "nothing_to_accept"
    assert Account.objects.get(name="Northwind").archived_at is None
    with pytest.raises(UsageError, match="labelled"):
        propose(world)
