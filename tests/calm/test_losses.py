"""E12: reporting a Control Room as lost changes nothing but the report, and each way out settles it."""

import pytest

from carnet.calm.queries.attention import AttentionKind, attention
from carnet.calm.queries.customer import WaitingKind, customer_overview
from carnet.calm.queries.log_queries import show_log
from carnet.calm.queries.room import room_page
from carnet.calm.use_cases import losses, proposals
from carnet.calm.use_cases.guids import find_guid
from carnet.errors import UsageError
from tests.calm.conftest import OLGA, OMAR, World, ok
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases


@pytest.fixture
def site(world: World) -> Site:
    world.buy("bot-creator", 10)
    site = world.site()
    world.license(site, products={"bot-creator": 5})
    return site


def report(world: World) -> losses.LossShown:
    return losses.report_lost(world.calm, guid="north", reason="the ship sank", **world.act)


@pytest.mark.rule("E12", "V1")
def test_a_report_is_recorded_shown_to_both_and_changes_nothing_held(world: World, site: Site) -> None:
    held = world.held()
    shown = report(world)
    assert world.held() == held
    last = show_log()[-1]
    assert (last.kind, last.who, last.why) == ("control_room.reported_lost", OLGA, "the ship sank")
    guid = find_guid("north")
    page = room_page(guid.id, world.now)
    assert page.lost is not None
    assert (page.lost.report, page.lost.by) == (shown.report, OLGA)
    assert [one.kind for one in customer_overview(guid.account_id, world.now).waiting] == [WaitingKind.LOST]
    assert [one.kind for one in attention(world.now).items] == [AttentionKind.LOST]


@pytest.mark.rule("E12", "A3")
def test_a_write_off_settles_it(world: World, site: Site) -> None:
    report(world)
    asked = {"control_room": site.id, "reason": "it sank"}
    proposed = ok(proposals.propose_write_off(world.calm, **asked, **world.act))
    ok(proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OMAR))
    assert attention(world.now, kinds={AttentionKind.LOST}).items == ()


@pytest.mark.rule("E11")
def test_a_last_word_settles_it(world: World, site: Site) -> None:
    report(world)
    world.accept(site.request(world.now, "release"))
    assert attention(world.now, kinds={AttentionKind.LOST}).items == ()


@pytest.mark.rule("E11")
def test_the_first_request_under_a_new_token_settles_it(world: World, site: Site) -> None:
    report(world)
    site.install_token(world.token())
    world.accept(site.request(world.now))
    assert attention(world.now, kinds={AttentionKind.LOST}).items == ()


def test_it_is_found_again(world: World, site: Site) -> None:
    shown = report(world)
    done = losses.withdraw_report(world.calm, report=shown.report, reason="it surfaced", **world.act)
    assert (done.state, done.settled_by) == ("withdrawn", OLGA)
    with pytest.raises(UsageError):
        losses.withdraw_report(world.calm, report=shown.report, reason="again", **world.act)
    report(world)


def test_what_cannot_be_reported(world: World, site: Site) -> None:
    world.add_guid("spare")
    with pytest.raises(UsageError, match="nothing to lose"):
        losses.report_lost(world.calm, guid="spare", reason="gone", **world.act)
    report(world)
    with pytest.raises(UsageError, match="already"):
        report(world)
