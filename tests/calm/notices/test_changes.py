"""S, E18: what the confirmed license file makes less of a product is told by CALM as the site tells it: mails, the list
*Expiring soon*, and the customer's overview."""

import pytest

from carnet.calm.control_rooms.models import ComingChange, LicenseLine
from carnet.calm.notices.reading import coming_notices
from carnet.calm.queries.customer import WaitingKind, customer_overview
from carnet.calm.queries.expiring import count_expiring, expiring
from carnet.calm.use_cases import receipts
from carnet.calm.use_cases.guids import find_guid
from tests.calm.conftest import DAY, END, NOW, World, ok
from tests.calm.notices.test_sending import Postbox, send
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases

SOON = NOW.replace(hour=0) + 20 * DAY
WORDS = "Bot Creator: 20 until the end of 2026-12-13 (UTC), then 5."


@pytest.fixture
def post() -> Postbox:
    return Postbox()


def shrinking(world: World) -> Site:
    """Twenty Bot Creator until soon, then five; the license goes on for a year."""
    bought = {
        world.buy("bot-creator", 20, valid_until=SOON): 20,
        world.buy("bot-creator", 5, valid_from=SOON): 5,
        world.buy("document-pages", 100): 100,
    }
    site = world.site()
    ok(receipts.accept_receipt(world.calm, raw=world.license(site, lines=bought), **world.act))
    return site


@pytest.fixture
def site(world: World) -> Site:
    return shrinking(world)


@pytest.mark.rule("S", "E18")
def test_a_product_that_shrinks_is_told_at_each_step_once(world: World, site: Site, post: Postbox) -> None:
    steps = []
    for days in range(30):
        world.now = NOW + days * DAY
        steps += [(one.kind, one.step) for one in send(world, post).sent]
    assert steps == [("change", step) for step in (30, 15, 7, 3, 2, 1, 0)]
    subjects = [subject for _, subject, _ in post.mails]
    assert subjects[0] == "Plant North: Bot Creator shrinks in 19 d 16 h"
    assert subjects[-1] == "Plant North: Bot Creator has shrunk"
    assert all(WORDS in body for _, _, body in post.mails)
    assert "renewal request at Plant North" in post.mails[0][2]


@pytest.mark.rule("S")
def test_the_list_and_the_customer_see_it_before_the_license_ends(world: World, site: Site) -> None:
    (one,) = expiring(world.now).items
    assert ([change.sentence for change in one.changes], one.soonest, one.ends) == ([WORDS], SOON, False)
    assert count_expiring(world.now) == 1
    account = find_guid("north").account_id
    (waiting,) = customer_overview(account, world.now).waiting
    assert (waiting.kind, waiting.deadline, WORDS in waiting.sentence) == (WaitingKind.EXPIRING, SOON, True)
    assert next((each.kind.value, each.step) for each in coming_notices(account, world.now)) == ("change", 15)
    assert expiring(SOON).items == ()
    (one,) = expiring(END - DAY).items
    assert (one.changes, one.soonest, one.ends) == ((), END, True)


@pytest.mark.rule("S")
def test_what_is_only_issued_is_not_told(world: World, post: Postbox) -> None:
    bought = {world.buy("bot-creator", 20, valid_until=SOON): 20, world.buy("document-pages", 100): 100}
    site = world.site()
    receipt = world.license(site, lines=bought)
    assert (ComingChange.objects.count(), count_expiring(world.now)) == (0, 0)
    ok(receipts.accept_receipt(world.calm, raw=receipt, **world.act))
    assert count_expiring(world.now) == 1


@pytest.mark.rule("S")
def test_a_full_renewal_ends_it(world: World, site: Site, post: Postbox) -> None:
    kept = dict(LicenseLine.objects.values_list("purchase_id", "quantity"))
    more = {world.buy("bot-creator", 15, valid_from=SOON): 15}
    ok(receipts.accept_receipt(world.calm, raw=world.license(site, lines=kept | more), **world.act))
    assert (ComingChange.objects.count(), count_expiring(world.now)) == (0, 0)
    assert [one.kind for one in send(world, post).sent] == []


@pytest.mark.rule("S", "E11")
def test_a_released_site_is_told_of_no_more(world: World, site: Site, post: Postbox) -> None:
    world.accept(site.request(world.now, "release"))
    assert (ComingChange.objects.count(), count_expiring(world.now)) == (0, 0)
    assert send(world, post).sent == ()
