"""Renewal: what the form begins with, the same again out of the next purchases, and what people are told of it."""

from datetime import datetime, timedelta

import pytest

from carnet.calm.issuing_log.models import LogEntry
from carnet.calm.queries.difference import changes_of
from carnet.calm.queries.preflight import preflight
from carnet.calm.queries.room import Configure, room_page
from carnet.calm.use_cases import batches, license_files, receipts, renewals
from carnet.calm.use_cases.guids import find_guid
from carnet.calm.use_cases.selection import Selection
from carnet.entitlements import PurchaseKind
from tests.calm.conftest import DAY, END, START, World, code, ok

pytestmark = pytest.mark.both_databases
USERS, SEATS, PAGES = "bot-creator", "unattended-bot-runner", "document-pages"
NEXT = END + timedelta(days=366)
LATER = END + 30 * DAY


class Scene:
    """A site with users until END, seats until a month later, and pages by year; each line to its purchase's end."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.users = world.buy(USERS, 40)
        self.seats = world.buy(SEATS, 4, valid_until=LATER)
        self.pages = world.buy(PAGES, 5000)
        self.site = world.site()
        self.install(products={USERS: 30, SEATS: 4, PAGES: 1000})
        world.now = END - 60 * DAY

    def buy_next(self, users: int = 40) -> dict[str, str]:
        return {
            USERS: self.world.buy(USERS, users, valid_from=END, valid_until=NEXT),
            SEATS: self.world.buy(SEATS, 4, valid_from=LATER, valid_until=NEXT),
            PAGES: self.world.buy(PAGES, 9000, valid_from=END, valid_until=NEXT),
        }

    def install(self, **asked: object) -> None:
        receipt = self.world.license(self.site, **asked)
        ok(receipts.accept_receipt(self.world.calm, raw=receipt, **self.world.act))

    def carry(self, raw: bytes | None) -> None:
        assert raw
        receipt = self.site.install(raw, self.world.now)
        ok(receipts.accept_receipt(self.world.calm, raw=receipt, **self.world.act))

    def request(self, kind: str = "renewal") -> str:
        return self.world.accept(self.site.request(self.world.now, kind)).lfr

    def opens(self) -> Configure:
        configure = room_page(find_guid("north").id, self.world.now).configure
        assert configure is not None
        return configure

    def renew(self, request: str, *, preview: bool = False) -> license_files.LicenseFileShown:
        return ok(renewals.renew_as_now(self.world.calm, lfr_id=request, preview=preview, **self.world.act))

    def clean(self, request: str) -> None:
        """The form as it opens changes nothing, and nothing has to be corrected."""
        opened = self.opens()
        found = preflight(request, Selection(opened.products, opened.lines, opened.until), self.world.now)
        assert (found.changed, found.refusals, found.warnings, found.difference.rows) == (0, 0, 0, ()), found


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world)


def held(shown: license_files.LicenseFileShown) -> list[tuple[str, int, datetime]]:
    return [(line.sku, line.quantity, line.valid_until) for line in shown.lines]


@pytest.mark.rule("Q1", "E9")
def test_a_renewal_opens_with_each_line_to_its_own_end(scene: Scene) -> None:
    scene.buy_next()
    request = scene.request()
    opened = scene.opens()
    assert (opened.until, set(opened.lines.values())) == (None, {0})
    assert opened.products == {USERS: 30, SEATS: 4, PAGES: 1000}
    scene.clean(request)


@pytest.mark.rule("Q1", "E9")
def test_renew_as_now_keeps_the_quantities_to_the_new_end_and_later_requests_open_clean(scene: Scene) -> None:
    scene.buy_next()
    request = scene.request()
    told = scene.renew(request, preview=True).changes
    assert told == (
        "Bot Creator: until the end of 2028-10-31 (UTC) instead of until the end of 2027-10-31 (UTC)",
        "Unattended Bot Runner: until the end of 2028-10-31 (UTC) instead of until the end of 2027-11-30 (UTC)",
        "Document Automation: until the end of 2028-10-31 (UTC) instead of until the end of 2027-10-31 (UTC)",
    )
    issued = scene.renew(request)
    assert held(issued) == [
        (USERS, 30, END), (USERS, 30, NEXT), (PAGES, 1000, END), (PAGES, 1000, NEXT),
        (SEATS, 4, LATER), (SEATS, 4, NEXT),
    ]  # fmt: skip
    assert issued.changes == told
    scene.carry(issued.raw)
    for kind in ("change", "renewal", "change"):
        scene.world.now += DAY
        scene.clean(scene.request(kind))
    scene.world.now = END + DAY
    scene.clean(scene.request("change"))


@pytest.mark.rule("E9")
def test_fewer_from_the_next_purchase_on_is_said_as_fewer_in_every_place(scene: Scene) -> None:
    bought = scene.buy_next()
    request = scene.request()
    lines = {bought[USERS]: 5, bought[PAGES]: 1000, bought[SEATS]: 4}
    products = {USERS: 30, SEATS: 4, PAGES: 1000}
    rows = preflight(request, Selection(products, lines), scene.world.now).difference.rows
    (fewer,) = [row for row in rows if row.change]
    assert (fewer.now, fewer.new, fewer.change, fewer.starts) == (30, 5, -25, END)
    assert fewer.units == "people, from 2027-11-01"
    issued = ok(scene.world.issue(request, products=products, lines=lines))
    sentence = (
        "Bot Creator: 30 → 5 from 2027-11-01 (−25); until the end of 2028-10-31 (UTC) "
        "instead of until the end of 2027-10-31 (UTC)"
    )
    assert issued.changes[0] == sentence
    file = license_files.LicenseFile.objects.get(id=issued.license_file)
    assert changes_of(file) == issued.changes
    entry = LogEntry.objects.get(kind="license_file.issued", subject=file.id)
    assert sentence in bytes(entry.detail).decode()


@pytest.mark.rule("Q1", "over_entitlement")
def test_what_the_next_purchases_do_not_cover_is_named_and_nothing_is_issued(scene: Scene) -> None:
    request = scene.request()
    assert code(renewals.renew_as_now(scene.world.calm, lfr_id=request, **scene.world.act)) == "over_entitlement"
    scene.buy_next(users=20)
    short = renewals.renew_as_now(scene.world.calm, lfr_id=request, **scene.world.act)
    assert code(short) == "over_entitlement"
    assert "Bot Creator: 20 of 30 that run until the end of 2027-10-31 (UTC)." in short.message  # type: ignore[union-attr]
    assert scene.world.held() == {USERS: 30, SEATS: 4, PAGES: 1000}


@pytest.mark.rule("Q1")
def test_a_next_purchase_that_runs_already_takes_the_seats_over_and_adds_none(scene: Scene) -> None:
    scene.buy_next(users=1)
    scene.world.buy(USERS, 29, valid_from=START, valid_until=NEXT)
    issued = scene.renew(scene.request())
    assert [line[1:] for line in held(issued) if line[0] == USERS] == [(1, END), (29, NEXT), (1, NEXT)]
    assert not any("→" in change for change in issued.changes)


@pytest.mark.rule("Q1")
def test_a_trial_is_kept_and_not_renewed_and_what_ended_is_renewed_late(scene: Scene) -> None:
    scene.buy_next()
    scene.world.buy(USERS, 5, valid_until=END, kind=PurchaseKind.TRIAL)
    scene.install(products={USERS: 45, SEATS: 4, PAGES: 1000})
    scene.world.now = END + 2 * DAY
    issued = scene.renew(scene.request())
    assert [line[1:] for line in held(issued) if line[0] == USERS] == [(40, NEXT)]


@pytest.mark.rule("S", "E9")
def test_a_product_whose_every_purchase_is_over_is_shown_and_asked_for_by_no_fault(scene: Scene) -> None:
    """Its line is still installed: it counts for nothing, and the next file may leave it out."""
    scene.world.now = LATER + DAY
    scene.world.buy(USERS, 40, valid_from=END, valid_until=NEXT)
    request = scene.request("change")
    shown = preflight(request, Selection(products={USERS: 30}), scene.world.now)
    (ended,) = [row for row in shown.rows if row.sku == SEATS]
    assert (ended.name, ended.asked) == ("Unattended Bot Runner", 0)
    assert scene.opens()
    assert code(renewals.renew_as_now(scene.world.calm, lfr_id=request, **scene.world.act)) == "over_entitlement"
    scene.carry(ok(scene.world.issue(request, products={USERS: 30})).raw)


@pytest.mark.rule("Q1", "E9")
def test_no_proposal_is_contradicted_by_the_next(scene: Scene) -> None:
    """With an end typed that no line of the future reaches, the way out is proposed, and it is one."""
    bought = scene.buy_next()
    request = scene.request()
    for until in (END, NEXT):
        asked = Selection({USERS: 30, SEATS: 0, PAGES: 1000}, {bought[USERS]: 30}, until)
        notes = [row.note for row in preflight(request, asked, scene.world.now).rows if row.note and row.note.code]
        assert notes
        assert all(note.own_ends and note.until is None for note in notes), notes
    asked = Selection({USERS: 30, SEATS: 0, PAGES: 1000}, {bought[USERS]: 30})
    assert preflight(request, asked, scene.world.now).refusals == 0


@pytest.mark.rule("Q1", "cannot_be_installed")
def test_many_sites_are_renewed_at_once_each_on_its_own(scene: Scene) -> None:
    scene.buy_next()
    world = scene.world
    other = world.site("south")
    fresh = world.accept(other.request(world.now, "initial"), "south").lfr
    requests = [scene.request(), fresh]
    north, south = batches.issue_same(world.calm, account="Northwind", lfrs=requests, renews=True, **world.act)
    assert max(line.valid_until for line in ok(north.answer).lines) == NEXT
    assert code(south.answer) == "cannot_be_installed"
    again = renewals.renew_as_now(world.calm, lfr_id=requests[0], **world.act)
    assert code(again) == "already_used"
