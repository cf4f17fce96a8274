"""What needs the vendor: found, counted, newest first; and gone once it is settled."""

from datetime import timedelta

import pytest

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.queries.approvals import approval_case, decided_approvals, waiting_approvals
from carnet.calm.queries.attention import (
    Attention,
    AttentionKind,
    attention,
    vendor_counts,
)
from carnet.calm.queries.expiring import expiring
from carnet.calm.queries.states import RoomState
from carnet.calm.use_cases import accounts, proposals
from carnet.exchange.license_file_request import ClockFields, LineTotals
from tests.calm.conftest import DAY, END, HOUR, OLGA, OMAR, World, code, ok
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases
USERS, PAGES = "bot-creator", "document-pages"


@pytest.fixture
def site(world: World) -> Site:
    world.buy(USERS, 20)
    world.buy(PAGES, 5000)
    site = world.site()
    world.license(site, products={USERS: 12, PAGES: 2000})
    return site


def found(world: World, *kinds: AttentionKind) -> list[Attention]:
    items = attention(world.now).items
    assert len(items) == vendor_counts(world.now).attention
    return [one for one in items if not kinds or one.kind in kinds]


@pytest.mark.rule("E5", "H2")
def test_a_file_that_was_not_seen_installed_by_its_deadline(world: World, site: Site) -> None:
    assert found(world) == []
    world.now += timedelta(hours=48)
    (lapsed,) = found(world)
    assert (lapsed.kind, lapsed.room_name, lapsed.at) == (AttentionKind.LAPSED, "Plant North", world.now)
    assert lapsed.sentence == (
        "#1 was not seen installed by its deadline. 12 Bot Creator, 2,000 Document Automation stay held."
    )
    world.accept(site.request(world.now))
    assert found(world) == []


@pytest.mark.rule("T2")
def test_a_clock_set_back_since_the_last_install(world: World, site: Site) -> None:
    clock = ClockFields(trusted=world.now, system=world.now, set_back_count=3, largest_set_back_s=8040)
    accepted = world.accept(_with(site, world, clock=clock))
    (back,) = found(world)
    assert (back.title, back.sentence) == (
        "Clock set back 3 times",
        "By 2 h 14 min at most. Nothing was gained by it.",
    )
    olf = ok(world.issue(accepted.lfr, products={USERS: 12})).raw
    assert olf is not None
    site.install(olf, world.now)
    world.accept(_with(site, world, clock=clock))
    assert found(world) == []


@pytest.mark.rule("Q5")
def test_overage_is_listed_until_it_is_stated_no_more(world: World, site: Site) -> None:
    totals = [_owing(total, 7) for total in site.totals(world.now)]
    world.accept(site.request(world.now, changed_totals=totals))
    (owed,) = found(world)
    assert (owed.kind, owed.sentence) == (
        AttentionKind.OWED,
        "7 document-pages were used above what is granted: a purchase settles it.",
    )


@pytest.mark.rule("E2", "E16", "L2", "token_used", "unknown_license_file", "history_mismatch")
def test_refused_files_that_may_mean_a_copy_or_a_thief(world: World, site: Site) -> None:
    thief = world.site("west")
    thief.token = site.token
    assert code(world.upload(thief.request(world.now), "west")) == "token_used"
    fork = site.fork()
    world.accept(site.request(world.now))
    world.now += HOUR
    fork.note(5)
    for _ in range(3):  # the newest alone is shown
        assert code(world.upload(fork.request(world.now, since=_seen(site)))) == "history_mismatch"
    world.now += HOUR
    assert site.installed is not None
    forged = _with(site, world, installed={"olf_id": site.new_uuid(), "sequence": 9})
    assert code(world.upload(forged)) == "unknown_license_file"
    assert [one.kind for one in found(world)] == [
        AttentionKind.UNKNOWN_LICENSE_FILE,
        AttentionKind.HISTORY_MISMATCH,
        AttentionKind.TOKEN_USED,
    ]
    only = attention(world.now, kinds=[AttentionKind.TOKEN_USED])
    assert [one.room_name for one in only.items] == ["Plant West"]
    first = attention(world.now, size=2)
    second = attention(world.now, page=2, size=2)
    assert (len(first.items), first.has_more, len(second.items), second.has_more) == (2, True, 1, False)


@pytest.mark.rule("E12", "H1", "A3")
def test_a_room_that_is_written_off_stays_listed_until_its_file_ends(world: World, site: Site) -> None:
    proposed = ok(
        proposals.propose_write_off(world.calm, control_room=site.id, reason="destroyed by fire", **world.act)
    )
    (waiting,) = found(world)
    assert (waiting.kind, waiting.target) == (AttentionKind.PROPOSAL, proposed.proposal)
    assert waiting.sentence == f"{OLGA} asks to write it off: destroyed by fire"
    assert vendor_counts(world.now).proposals == 1
    ok(proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OMAR))
    (exposed,) = found(world)
    assert (exposed.kind, exposed.room_name) == (AttentionKind.EXPOSED, "Plant North")
    world.now += HOUR
    assert code(world.upload(site.request(world.now))) == "written_off"
    assert [one.kind for one in found(world)] == [AttentionKind.WRITTEN_OFF, AttentionKind.EXPOSED]
    world.now = END + DAY
    assert [one.kind for one in found(world)] == [AttentionKind.WRITTEN_OFF]


@pytest.mark.rule("H1")
def test_an_excess_is_listed_until_it_is_gone(world: World, site: Site) -> None:
    world.accept(site.request(world.now))
    world.now += HOUR
    fork = site.fork()
    raw = world.answer(site, products={USERS: 1, PAGES: 2000})
    site.install(raw, world.now)
    world.accept(site.request(world.now))  # 11 users come back
    other = world.site("south")
    world.license(other, "south", products={USERS: 19})
    fork.note(40)
    world.now += HOUR
    assert code(world.upload(fork.request(world.now, since=_seen(site)))) == "history_mismatch"
    asked = {"control_room": site.id, "reason": "restored", "site_confirms": True}
    proposed = ok(proposals.propose_accept_history(world.calm, **asked, **world.act))
    ok(proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OMAR))
    (excess,) = found(world, AttentionKind.EXCESS)
    assert (excess.account_name, excess.sentence[:9]) == ("Northwind", "11 people")
    assert excess.at == world.now


@pytest.mark.rule("E1")
def test_approvals_wait_the_oldest_first(world: World) -> None:
    asked = {"industry": "transport", "reason": "no route out", "version": "41.0"}
    for name in ("Contoso", "Harbour"):
        world.now += HOUR
        world.add_account(name, approved=False)
        ok(accounts.request_approval(world.calm, account=name, **asked, **world.act))
    waiting = waiting_approvals().items
    assert [(one.account_name, one.requested_by) for one in waiting] == [("Contoso", OLGA), ("Harbour", OLGA)]
    assert vendor_counts(world.now).approvals == 2
    case = approval_case(waiting[0].approval, world.now)
    assert (case.row.industry, case.products, case.earlier) == ("transport", 0, ())
    accounts.refuse_approval(world.calm, approval="Contoso", reason="a firewall change", **world.act)
    assert [one.state for one in decided_approvals().items] == ["refused", "granted"]


def test_rooms_whose_license_ends_soon(world: World, site: Site) -> None:
    world.accept(site.request(world.now))
    assert expiring(world.now).items == ()
    world.now = END - 20 * DAY
    (one,) = expiring(world.now).items
    assert (one.name, one.standing.beside, one.licensed_until) == ("Plant North", RoomState.EXPIRING, END)
    assert vendor_counts(world.now).expiring == 1
    assert expiring(world.now, days=10).items == ()


def _with(site: Site, world: World, **changed: object) -> bytes:
    return site.request(world.now, changed=changed)


def _owing(total: LineTotals, owed: int) -> LineTotals:
    fields = {name: getattr(total, name) for name in total.__struct_fields__}
    return LineTotals(**fields | ({"owed": owed} if total.sku == PAGES else {}))


def _seen(site: Site) -> int:
    return ControlRoom.objects.get(id=site.id).seen_size
