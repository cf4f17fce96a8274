"""Every page of the Control Room that people see, by the name of its address, as somebody who may: and pages that are
more than one, in each of their states."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import urlencode

from msgspec import structs
from playwright.sync_api import Page, expect

from tests.room.addresses import WORDS, addresses
from tests.room.looking import TONE
from tests.room.site import PASSWORD, PEOPLE, Pages
from tests.room.vault import lines_until

Act = Callable[[Page, Pages], None]
ADA, LENA, SARA, AUDREY, VIC = PEOPLE
SMALL = {"bot-creator": 12, "unattended-bot-runner": 4}
PEOPLE_FILE = (
    "user,product,action\nops-teller-140,bot-creator,assign\n,bot-creator,assign\nops-teller-141,no-such,assign\n"
    "ops-teller-142,bot-creator,dance\nops-teller-100,bot-creator,unassign\n"
)


@dataclass(frozen=True)
class Shot:
    """`url`: the name of an address; `sku`: what is in it, where not the usual; `act`: what to do there first."""

    name: str
    url: str
    who: str | None = LENA
    state: str = "licensed"
    act: Act | None = None
    sku: str = ""
    query: tuple[tuple[str, str], ...] = ()
    status: int = 200

    def path(self) -> str:
        path = _paths()[self.url]
        path = path.replace(WORDS["sku"], self.sku) if self.sku else path
        return f"{path}?{urlencode(self.query)}" if self.query else path


@cache
def _paths() -> dict[str, str]:
    return dict(addresses())


def come_to(page: Page, pages: Pages, shot: Shot) -> None:
    """Go there, as far as it takes: second factors are changed only where the password was given again."""
    answer = page.goto(shot.path())
    assert answer
    assert answer.status == shot.status, (shot.name, answer.status)
    if "/again/" in page.url and shot.url not in AGAIN:
        page.locator("[name=password]").fill(PASSWORD)
        page.get_by_role("button", name="Confirm", exact=True).click()
        page.wait_for_url(f"**{shot.path()}")
    if shot.act:
        shot.act(page, pages)


# --- what is done first ------------------------------------------------------------------------------------------


def _send(page: Page, box: str, name: str, raw: bytes) -> None:
    with page.expect_navigation():
        page.locator(f"#{box}").set_input_files({"name": name, "mimeType": "text/plain", "buffer": raw})


def _press(page: Page, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("main").get_by_role("button", name=name, exact=True).first.click()


def no_preview(page: Page, pages: Pages) -> None:
    pages.client(LENA).send_form("/exchange/preview/leave/")
    page.reload()


def renewal(pages: Pages, changed: dict[str, int]) -> bytes:
    """A license file as the one that is installed and a year longer, with other quantities of these."""
    now = datetime.now(UTC).replace(microsecond=0)
    lines = lines_until(now, now + timedelta(days=365))
    fewer = [structs.replace(line, quantity=changed.get(line.sku, line.quantity)) for line in lines]
    return pages.vendor.olf(pages.lfr(), fewer, now)


def does_not_fit(page: Page, pages: Pages) -> None:
    no_preview(page, pages)
    _send(page, "olf-box", "frankfurt-vault-0002.olf", renewal(pages, SMALL))
    expect(page.get_by_role("heading", name="Does not fit yet")).to_be_visible()


def fits(page: Page, pages: Pages) -> None:
    no_preview(page, pages)
    _send(page, "olf-box", "frankfurt-vault-0002.olf", renewal(pages, {}))
    expect(page.get_by_role("button", name="Install license file #")).to_be_visible()


def refused_file(page: Page, pages: Pages) -> None:
    no_preview(page, pages)
    _send(page, "olf-box", "license.olf", b"The license is in the mail.")
    expect(page.get_by_role("alert")).to_be_visible()


def release_asked(page: Page, pages: Pages) -> None:
    no_preview(page, pages)
    page.get_by_role("link", name="Release…").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def rows_with_errors(page: Page, pages: Pages) -> None:
    _send(page, "assignments-box", "branch-office.csv", PEOPLE_FILE.encode())
    expect(page.get_by_text("is not an action")).to_be_visible()


def seat_taken_back(page: Page, pages: Pages) -> None:
    with page.expect_navigation():
        page.get_by_role("main").get_by_role("link", name="Take back").first.click()


def verified(page: Page, pages: Pages) -> None:
    _press(page, "Verify again" if page.get_by_role("button", name="Verify again").count() else "Verify")
    expect(page.locator("#verify").get_by_text("Holds", exact=True)).to_be_visible(timeout=60_000)


def key_made(page: Page, pages: Pages) -> None:
    page.get_by_label("Name").fill("invoice bots")
    _press(page, "Make a key")
    expect(page.locator("#key")).to_be_visible()


def link_made(page: Page, pages: Pages) -> None:
    _press(page, "New link")
    expect(page.locator("#link")).to_be_visible()


def wrong_settings(page: Page, pages: Pages) -> None:
    page.locator("[name=mail_to]").fill("nonsense")
    page.locator("[name=syslog]").fill("no address")
    _press(page, "Save")
    expect(page.locator(".error").first).to_be_visible()


def wrong_password(page: Page, pages: Pages) -> None:
    _sign_in(page, "nobody-here", "nobody knows it")
    expect(page.get_by_role("alert")).to_be_visible()


def half_signed_in(page: Page, pages: Pages) -> None:
    _sign_in(page, TONE, PASSWORD)
    page.wait_for_url("**/second-factor/")


def _sign_in(page: Page, name: str, password: str) -> None:
    page.locator("[name=login]").fill(name)
    page.locator("[name=password]").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def by_a_link(page: Page, pages: Pages) -> None:
    page.goto(pages.command("person", "link", PEOPLE[VIC], "--address", pages.address).stdout.strip())
    expect(page.locator("[name=password1]")).to_be_visible()


def menu_open(page: Page, pages: Pages) -> None:
    page.get_by_role("button", name="Signed in as").click()


# --- the pages ---------------------------------------------------------------------------------------------------

AGAIN = ("account_reauthenticate", "mfa_reauthenticate")
IN_SIXTY_DAYS = (("on", f"{datetime.now(UTC) + timedelta(days=60):%Y-%m-%d}"), ("then", "nothing"))
SHOTS = (
    *(Shot(f"{url}-{state}", url, state=state) for url in ("home", "exchange") for state in ("new", "enabled")),
    *(Shot(f"{url}-{state}", url, state=state) for url in ("home", "exchange") for state in ("locked", "released")),
    Shot("license-management", "home"),
    Shot("license-management-menu", "home", ADA, act=menu_open),
    Shot("product-users", "product"),
    Shot("product-seats", "product", sku="unattended-bot-runner"),
    Shot("product-units", "product", sku="document-automation"),
    Shot("product-period", "product", sku="extraction"),
    Shot("product-feature", "product", sku="automator-ai"),
    Shot("product-not-found", "product", sku="no-such-product", status=404),
    Shot("exchange-open", "exchange", act=no_preview),
    Shot("exchange-does-not-fit", "exchange", act=does_not_fit),
    Shot("exchange-fits", "exchange", act=fits),
    Shot("exchange-refused", "exchange", act=refused_file),
    Shot("exchange-release", "exchange", act=release_asked),
    Shot("exchange-looked-at", "exchange", VIC, act=no_preview),
    Shot("request-print", "request-print"),
    Shot("cycles", "cycles"),
    Shot("users", "users", SARA),
    Shot("users-searched", "users", SARA, query=(("search", "nobody"),)),
    Shot("users-person", "users-person", SARA, query=(("name", "ops-teller-100"),)),
    Shot("users-seats", "users-seats", SARA),
    Shot("take-back", "users-seats", SARA, act=seat_taken_back),
    Shot("users-file", "users-file", SARA),
    Shot("users-file-errors", "users-file", SARA, act=rows_with_errors),
    Shot("what-if-deadline-missed", "what-if", VIC),
    Shot("what-if-on-a-day", "what-if", VIC, query=IN_SIXTY_DAYS),
    Shot("ledger", "ledger", AUDREY),
    Shot("ledger-record", "ledger", AUDREY, query=(("record", "300"),)),
    Shot("ledger-verified", "ledger", AUDREY, act=verified),
    Shot("ledger-nothing-fits", "ledger", AUDREY, query=(("until", "2001-01-01"),)),
    Shot("checkpoint", "checkpoint", AUDREY),
    Shot("api-keys", "api-keys", ADA),
    Shot("api-keys-made", "api-keys", ADA, act=key_made),
    Shot("people", "people", ADA),
    Shot("people-link", "people", ADA, act=link_made),
    Shot("person-ask", "person-ask", ADA, query=(("name", "audrey"),)),
    Shot("settings", "settings", ADA),
    Shot("settings-wrong", "settings", ADA, act=wrong_settings),
    Shot("forbidden", "ledger", VIC, status=403),
    Shot("sign-in", "account_login", None),
    Shot("sign-in-wrong", "account_login", None, act=wrong_password),
    Shot("sign-in-second-factor", "account_login", None, act=half_signed_in),
    Shot("choose-password", "account_login", None, act=by_a_link),
    Shot("choose-password-used-up", "account_reset_password_from_key", None),
    Shot("entry-code", "entry-code", None),
    Shot("password-chosen", "account_reset_password_from_key_done", None),
    Shot("my-password", "account_change_password", TONE),
    Shot("my-password-again", "account_reauthenticate", TONE),
    Shot("my-second-factors", "mfa_index", TONE),
    Shot("my-second-factors-none", "mfa_index", VIC),
    Shot("my-one-time-password", "mfa_activate_totp", VIC),
    Shot("my-one-time-password-remove", "mfa_deactivate_totp", TONE),
    Shot("my-code-again", "mfa_reauthenticate", TONE),
    Shot("my-recovery-codes", "mfa_view_recovery_codes", TONE),
    Shot("my-recovery-codes-new", "mfa_generate_recovery_codes", TONE),
    Shot("my-passkeys", "mfa_list_webauthn", TONE),
    Shot("my-passkey-add", "mfa_add_webauthn", TONE),
    Shot("my-passkey-remove", "mfa_remove_webauthn", TONE),
    Shot("my-passkey-rename", "mfa_edit_webauthn", TONE),
    Shot("my-sessions", "usersessions_list", TONE),
    Shot("sign-out", "account_logout", TONE),
)

# Addresses that show no page of their own: they do something, send a file, or are reached by another.
NO_PAGE = frozenset(
    {
        *("dismiss-notice", "product-take-back", "product-days", "product-holders"),
        *("token", "request-generate", "request-save", "withdraw", "release", "release-again", "preview"),
        *("preview-leave", "preview-free", "install", "receipt", "key-set"),
        *("assign", "unassign", "users-file-carry-out", "users-file-refused"),
        *("users-file-template", "users-file-present"),
        "take-back",  # reached by a seat
        *("ledger-export", "record-proof", "ledger-verify", "ledger-verify-stop", "checkpoint-file"),
        *(
            "api-key-rename",  # a form page like others, of a key
            "api-key-revoke",
            "person-change",
            "person-link",
            "person-factors",
            "person-unlock",
            "person-settle",
            "settings-try",
            "backup",
        ),
        "typed-again",  # shown once, after a session ended in mid-form
        "mfa_authenticate",  # reached by half signing in
        *("mfa_login_webauthn", "mfa_download_recovery_codes", "mfa_reauthenticate_webauthn"),
    }
)
