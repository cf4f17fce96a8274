"""Manage offline licenses, over a real server: the whole exchange by pages, and what each step refuses."""

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape

import httpx
import pytest

from carnet.control_room.queries.questions import Records, Status
from carnet.control_room.rules.activation.generate_request import GenerateRequest
from carnet.control_room.rules.granting.reservations import ReserveUnits
from carnet.control_room.rules.granting.seats import AcquireSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser
from carnet.exchange.license_file_request import read_lfr
from carnet.exchange.receipt import read_receipt
from tests.room.rooms import Past
from tests.room.site import QUANTITIES, Browser, Pages
from tests.support.vendor_simulator import Vendor, line

Make = Callable[..., Pages]
DAY = timedelta(days=1)


def send(browser: Browser, path: str, raw: bytes, name: str = "oslo-0001.olf") -> httpx.Response:
    return browser.send_form(path, files={"file": (name, raw, "application/octet-stream")})


def page(browser: Browser) -> str:
    return unescape(browser.get("/exchange/").text)


def kept(pages: Pages) -> bool:
    """Whether a license file is under preview."""
    return "opened by" in page(pages.client("viewer"))


def fingerprint(browser: Browser) -> str:
    _, _, rest = page(browser).partition('name="fingerprint" value="')
    return rest.partition('"')[0]


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@pytest.mark.rule("E2", "E3", "E7")
def test_the_whole_cycle_by_pages(serve_past: Make) -> None:
    pages = serve_past()
    lena, vendor = pages.client("license_manager"), pages.vendor
    assert "Comes after the token." in page(lena)
    assert send(lena, "/exchange/token/", vendor.token(now()), "northwind.token").status_code == 302
    assert "once, on" in page(lena)

    assert lena.send_form("/exchange/request/", {"kind": "initial"}).status_code == 302
    shown = page(lena)
    assert "oslo-0001.lfr" in shown
    assert "This is all that leaves" in shown
    assert "asks for" in shown
    assert "This one counts." in shown
    saved, again = lena.get("/exchange/request/file/"), lena.get("/exchange/request/file/")
    assert saved.content == again.content == pages.lfr()
    assert saved.headers["content-disposition"] == 'attachment; filename="oslo-0001.lfr"'
    assert read_lfr(saved.content).lfr.sequence == 1  # type: ignore[union-attr]
    printed = unescape(lena.get("/exchange/request/print/").text)
    for leaves in (shown, printed):
        assert "this text that people or programs chose: name of the site: Oslo; version: " in leaves

    size = pages.size
    assert send(lena, "/exchange/preview/", pages.olf(QUANTITIES)).headers["location"] == "/exchange/#preview"
    assert "The vendor's signatures hold." in page(lena)
    assert pages.size == size, "a preview changes nothing"
    assert pages.ask(Status()).installed is None
    shown = page(pages.client("viewer"))
    assert "If one group differs, do not install." in shown
    assert 'name="fingerprint"' not in shown, "a viewer sees no act"

    done = lena.send_form("/exchange/install/", {"fingerprint": fingerprint(lena)})
    assert done.headers["location"] == "/exchange/#receipt"
    assert pages.ask(Status()).state == "active"
    assert not kept(pages)
    receipt = lena.get("/exchange/receipt/")
    assert receipt.headers["content-disposition"] == 'attachment; filename="oslo-0001.receipt"'
    assert read_receipt(receipt.content).receipt.sequence == 1  # type: ignore[union-attr]
    assert [each.actor for each in pages.ask(Records(1, "license.installed")).records] == ["lena"]


# --- files that are no answer ------------------------------------------------------------------------------------


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("oslo-0001.olf", b"{}")
    return out.getvalue()


WRONG = {
    "ten-megabytes": (b"x" * 10_000_000, "too_large"),
    "empty": (b"", "malformed"),
    "text": (b"The license is in the mail.", "malformed"),
    "zip": (zipped(), "wrong_type"),
    "html": (b"<!doctype html><script>alert(1)</script>", "wrong_type"),
    "nested": (b"[" * 200_000, "malformed"),
}


@pytest.mark.rule("E13", "malformed", "too_large")
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_gets_a_verdict_at_once_and_is_not_kept(site: Pages, name: str) -> None:
    raw, code = WRONG[name]
    lena = site.client("license_manager")
    size = site.size
    answers = [send(lena, "/exchange/preview/", raw, f"{name}.olf") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {422}
    assert f'<span class="code">{code}</span>' in answers[0].text
    assert "What to do" in answers[0].text
    assert min(answer.elapsed.total_seconds() for answer in answers) < 1
    assert site.size == size
    assert not kept(site)


@pytest.mark.rule("wrong_type", "wrong_control_room", "already_used")
def test_another_sites_file_a_token_and_what_was_installed_before_are_not_kept(site: Pages, new_site: Make) -> None:
    lena, other = site.client("license_manager"), new_site()
    other.do(GenerateRequest())
    foreign = site.vendor.olf(other.lfr(), [line("bot-creator", 5, now(), now() + DAY)], now())
    installed = None
    with site.own.store() as store:
        installed = store.document("license")
    assert installed
    for raw, code in (
        (foreign, "wrong_control_room"),
        (site.vendor.token(now()), "wrong_type"),
        (installed, "already_used"),
    ):
        size = site.size
        answer = send(lena, "/exchange/preview/", raw)
        assert (answer.status_code, site.size) == (422, size)
        assert f'<span class="code">{code}</span>' in answer.text
        assert not kept(site)


@pytest.mark.rule("E2", "bad_signature", "already_enabled")
def test_a_wrong_token_or_key_set_leaves_its_refusal_and_nothing_else(site: Pages) -> None:
    lena, stranger = site.client("license_manager"), Vendor("stranger")
    before = site.ask(Status())
    for path, raw in (
        ("/exchange/token/", stranger.token(now())),
        ("/exchange/token/", site.vendor.token(now())),
        ("/exchange/key-set/", stranger.rotate(now())),
        ("/exchange/key-set/", b"no file"),
    ):
        size = site.size
        answer = send(lena, path, raw)
        assert answer.status_code == 422
        assert "Refused:" in answer.text
        assert site.size <= size + 1
    after = site.ask(Status())
    assert (after.state, after.installed, after.products) == (before.state, before.installed, before.products)


def test_no_file_at_all_is_told(site: Pages) -> None:
    lena = site.client("license_manager")
    for path in ("token", "preview", "key-set"):
        size = site.size
        answer = lena.send_form(f"/exchange/{path}/")
        assert (answer.status_code, site.size) == (302, size)
        assert "No file was sent." in page(lena)


# --- preview, free, install --------------------------------------------------------------------------------------


@pytest.mark.rule("E10", "G2", "does_not_fit")
def test_a_line_that_is_left_out_while_units_of_it_are_reserved_names_the_reservation_and_the_way_out(
    new_site: Make,
) -> None:
    pages = new_site({"bot-creator": 5, "document-pages": 100})
    held = pages.do(ReserveUnits("document-pages", 60, 86_400)).reservation_id
    pages.do(GenerateRequest())
    lena = pages.client("license_manager")
    send(lena, "/exchange/preview/", pages.olf({"bot-creator": 5}))
    shown = page(lena)
    assert "Does not fit yet: settle or cancel what is reserved of Document Pages" in shown
    assert "Document Pages: the file leaves out a line of which 60 units" in shown
    assert f"<code>control-room units cancel {held}</code>" in shown
    assert "Install license file" not in shown
    assert pages.command("units", "cancel", held).returncode == 0
    assert "Does not fit" not in page(lena)
    lena.send_form("/exchange/install/", {"fingerprint": fingerprint(lena)})
    assert pages.ask(Status()).installed.sequence == 2


@pytest.mark.rule("E10", "does_not_fit")
def test_what_does_not_fit_names_whom_to_free_and_then_installs(new_site: Make) -> None:
    pages = new_site({"bot-creator": 5, "unattended-bot-runner": 3})
    for user in ("anna", "bo", "cleo"):
        pages.do(AssignUser("bot-creator", user))
    leases = [pages.do(AcquireSeat("unattended-bot-runner", f"bot-{n}", 86_400)).lease_id for n in (1, 2)]
    pages.do(GenerateRequest())
    lena, sara = pages.client("license_manager"), pages.client("seat_manager")
    send(lena, "/exchange/preview/", pages.olf({"bot-creator": 1, "unattended-bot-runner": 1}))
    shown = page(sara)
    assert "Does not fit yet: free 2 Bot Creator and 1 Unattended Bot Runner" in shown
    assert "Free 3 chosen and check again" in shown
    for user, chosen in (("cleo", True), ("bo", True), ("anna", False)):
        assert (f'value="{user}" checked' in shown) is chosen, user
    assert f'value="{leases[1]}" checked' in shown
    assert "Install license file" not in page(lena)
    assert lena.send_form("/exchange/install/", {"fingerprint": "0" * 64}).status_code == 302
    assert pages.ask(Status()).installed.sequence == 1, "not this file: nothing is installed"

    chosen = {"free-bot-creator": ["cleo", "bo"], "free-unattended-bot-runner": [leases[1]]}
    assert sara.send_form("/exchange/preview/free/", chosen).headers["location"] == "/exchange/#preview"
    assert [each.in_use for each in pages.ask(Status()).products] == [1, 1]
    assert "Freed: 2 Bot Creator, 1 Unattended Bot Runner." in page(sara)
    assert sara.send_form("/exchange/install/").status_code == 403
    lena.send_form("/exchange/install/", {"fingerprint": fingerprint(lena)})
    assert pages.ask(Status()).installed.sequence == 2
    assert {each.actor for each in pages.ask(Records(3, "seat.unassigned")).records} == {"sara"}


@pytest.mark.rule("E10", "does_not_fit")
def test_units_that_were_used_need_a_new_request(new_site: Make) -> None:
    pages = new_site({"document-pages": 1000})
    lena = pages.client("license_manager")
    pages.do(ConsumeUnits("document-pages", 400))
    pages.do(GenerateRequest())
    (mine,) = pages.ask(Status()).lines
    lines = [line("document-pages", 100, mine.valid_from, mine.valid_until, line_id=mine.line_id)]
    send(lena, "/exchange/preview/", pages.vendor.olf(pages.lfr(), lines, now()))
    shown = page(lena)
    assert "Does not fit: a new request is needed" in shown
    assert "fewer than were used" in shown
    assert "400 were used" in shown
    assert "chosen and check again" not in shown
    assert lena.send_form("/exchange/preview/leave/").status_code == 302
    assert not kept(pages)


@pytest.mark.rule("E4", "superseded")
def test_a_newer_request_voids_the_older_and_drops_what_answered_it(new_site: Make) -> None:
    pages = new_site()
    lena = pages.client("license_manager")
    pages.do(GenerateRequest())
    old = pages.olf(QUANTITIES)
    send(lena, "/exchange/preview/", old)
    assert "#2 void" in page(lena)
    assert lena.send_form("/exchange/request/", {"kind": "renewal"}).status_code == 302
    assert not kept(pages)
    send(lena, "/exchange/preview/", old, "<b>old.olf")
    shown = lena.get("/exchange/").text
    assert "Refused: superseded" in shown
    assert "&lt;b&gt;old.olf" in shown
    assert "Install license file" not in shown
    size = pages.size
    _, _, rest = shown.partition("The file cannot be installed.")
    assert rest
    assert lena.send_form("/exchange/install/").status_code == 302, "only what the page showed"
    assert pages.size == size


def test_only_the_file_that_was_shown_is_installed(new_site: Make) -> None:
    pages = new_site()
    lena = pages.client("license_manager")
    pages.do(GenerateRequest())
    send(lena, "/exchange/preview/", pages.olf(QUANTITIES))
    seen = fingerprint(lena)
    send(pages.client("administrator"), "/exchange/preview/", pages.olf({"bot-creator": 1}))
    size = pages.size
    lena.send_form("/exchange/install/", {"fingerprint": seen})
    assert "ada put another license file under preview at" in page(lena)
    assert (pages.size, pages.ask(Status()).installed.sequence) == (size, 1)


# --- the request, and ways to end it -----------------------------------------------------------------------------


@pytest.mark.rule("L2", "E15")
def test_more_history_and_new_keys_on_request(new_site: Make) -> None:
    pages = new_site()
    lena = pages.client("license_manager")
    for wrong in ({"kind": "release"}, {"kind": "change", "since": "many"}, {}):
        size = pages.size
        answer = lena.send_form("/exchange/request/", wrong)
        assert (answer.status_code, pages.size) == (422, size)
    assert lena.send_form("/exchange/request/", {"kind": "change", "since": "1,2", "new_keys": "on"}).status_code == 302
    request = read_lfr(pages.lfr()).lfr  # type: ignore[union-attr]
    assert request.new_keys is not None
    assert "since" in {each.of for each in request.ledger.extends}


@pytest.mark.rule("E14")
def test_withdraw(new_site: Make) -> None:
    pages = new_site()
    lena = pages.client("license_manager")
    lena.send_form("/exchange/request/", {"kind": "change"})
    assert "Withdraw the cycle?" in page(lena)
    assert lena.send_form("/exchange/withdraw/").status_code == 302
    status = pages.ask(Status())
    assert (status.cycle, status.state) == (None, "active")
    assert lena.get("/exchange/request/file/").status_code == 404
    size = pages.size
    assert lena.send_form("/exchange/withdraw/").status_code == 400, "there is none to withdraw"
    assert pages.size == size


@pytest.mark.rule("E11", "released")
def test_release_and_the_way_back(new_site: Make) -> None:
    pages = new_site({"bot-creator": 5})
    pages.do(AssignUser("bot-creator", "anna"))
    lena = pages.client("license_manager")
    shown = page(lena)
    assert "Returns to Northwind" in shown
    assert "1 person may not use Bot Creator any more" in shown
    size = pages.size
    refused = lena.send_form("/exchange/release/", {"name": "Bergen"})
    assert (refused.status_code, pages.size) == (422, size)
    assert "This Control Room is called Oslo." in refused.text
    assert lena.send_form("/exchange/release/again/").status_code == 302
    assert pages.size == size, "the first release needs the name"

    assert lena.send_form("/exchange/release/", {"name": "Oslo"}).status_code == 302
    assert pages.ask(Status()).state == "released"
    assert "The release request" in page(lena)
    assert lena.get("/exchange/request/file/").content == pages.lfr()
    assert lena.send_form("/exchange/release/again/", {"since": "3"}).status_code == 302
    request = read_lfr(pages.lfr()).lfr  # type: ignore[union-attr]
    assert (request.kind, request.sequence) == ("release", 3)
    assert send(lena, "/exchange/token/", pages.vendor.token(now())).status_code == 302
    assert pages.ask(Status()).state == "enabled"


@pytest.mark.rule("E8", "locked")
def test_a_missed_cycle_says_so_with_the_way_out(serve_past: Make) -> None:
    def missed(room: Past) -> None:
        room.enable()
        room.license({"bot-creator": 5}, room.at + 365 * DAY)
        room.at += 2 * DAY
        room.request()

    pages = serve_past(missed, ago=10 * DAY)
    lena = pages.client("license_manager")
    shown = page(lena)
    assert "The Control Room is locked" in shown
    assert "To the request" in shown
    assert lena.send_form("/exchange/request/", {"kind": "change"}).status_code == 302
    send(lena, "/exchange/preview/", pages.olf({"bot-creator": 5}))
    lena.send_form("/exchange/install/", {"fingerprint": fingerprint(lena)})
    assert pages.ask(Status()).state == "active"


@pytest.mark.rule("E5", "window_closed")
def test_after_48_hours_a_newer_request_goes_on_with_the_cycle(serve_past: Make) -> None:
    def late(room: Past) -> None:
        room.enable()
        room.license({"bot-creator": 5}, room.at + 365 * DAY)
        room.at += DAY
        room.request()

    pages = serve_past(late, ago=4 * DAY)
    lena = pages.client("license_manager")
    send(lena, "/exchange/preview/", pages.olf({"bot-creator": 5}))
    shown = page(lena)
    assert "Request #2 can no longer be answered" in shown
    assert "Refused: window closed" in shown
    opened = pages.ask(Status()).cycle.opened_at
    assert lena.send_form("/exchange/request/", {"kind": "change"}).status_code == 302
    assert pages.ask(Status()).cycle.opened_at == opened


@pytest.mark.rule("E16")
def test_a_key_set_of_its_own(new_site: Make) -> None:
    pages = new_site()
    lena = pages.client("license_manager")
    assert send(lena, "/exchange/key-set/", pages.vendor.rotate(now(), issuers=True), "2.keyset").status_code == 302
    assert "Key set 2 is installed." in page(lena)


# --- who may -----------------------------------------------------------------------------------------------------

ACTS = (
    ("token/", ()),
    ("request/", ()),
    ("withdraw/", ()),
    ("release/", ()),
    ("release/again/", ()),
    ("preview/", ()),
    ("preview/leave/", ()),
    ("preview/free/", ("seat_manager",)),
    ("install/", ()),
    ("key-set/", ()),
)


@pytest.mark.rule("A1")
@pytest.mark.parametrize("role", ["viewer", "auditor", "seat_manager"])
def test_whoever_may_not_sees_no_act_and_changes_nothing(new_site: Make, role: str) -> None:
    pages = new_site()
    pages.do(GenerateRequest())
    send(pages.client("license_manager"), "/exchange/preview/", pages.olf(QUANTITIES))
    browser, size = pages.client(role), pages.size
    shown = page(browser)
    for path, also in ACTS:
        assert f'action="/exchange/{path}"' not in shown, path
        if role not in also:
            assert browser.send_form(f"/exchange/{path}", {"name": "Oslo"}).status_code == 403, path
    for path in ("request/file/", "receipt/"):
        assert browser.get(f"/exchange/{path}").status_code == 403
    assert browser.get("/exchange/request/print/").status_code == 200
    assert pages.size == size
    assert kept(pages)


def test_every_act_wants_a_post_of_a_form_of_ours(site: Pages) -> None:
    lena, size = site.client("license_manager"), site.size
    for path, _ in ACTS:
        if path != "request/":
            assert lena.get(f"/exchange/{path}").status_code == 405, path
        assert lena.post(f"/exchange/{path}").status_code == 403, path
    assert site.size == size
