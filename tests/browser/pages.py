"""Every page that people see, by the name of its address, as somebody who may: and pages that are more than one, in
each of their states."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.clerk import OLGA, OTTO, PASSWORD
from tests.browser.northwind import CLARA, TONE, Bank

Act = Callable[[Page, Bank], None]


@dataclass(frozen=True)
class Shot:
    """`url`: the name of an address; `things`: what is in it, where not the usual; `act`: what to do there first."""

    name: str
    url: str
    who: str | None = OLGA
    things: dict[str, str] = field(default_factory=dict)
    act: Act | None = None
    status: int = 200

    def path(self, bank: Bank) -> str:
        usual = bank.things | {word: bank.things[other] for word, other in self.things.items()}
        found: dict[str, Any] = bank.office.do("paths", things=usual)
        return str(found[self.url])


def over_the_entitlement(page: Page, bank: Bank) -> None:
    """Too many of one product, and fewer of another than are in use there."""
    page.get_by_label("Bot Creator").fill("90")
    page.get_by_label("Unattended Bot Runner").fill("20")
    expect(page.get_by_text("2 quantities to correct:")).to_be_visible()
    page.get_by_label("Unattended Bot Runner").blur()


def refused_upload(page: Page, bank: Bank) -> None:
    with page.expect_navigation():
        page.locator("#lfr-box").set_input_files({"name": "notes.lfr", "mimeType": "text/plain", "buffer": b"hello"})


def many_uploaded(page: Page, bank: Bank) -> None:
    files = [{"name": name, "mimeType": "text/plain", "buffer": b"hello"} for name in ("oslo.lfr", "notes.lfr")]
    with page.expect_navigation():
        page.locator("#lfrs-box").set_input_files(files)  # type: ignore[arg-type]


def half_signed_in(page: Page, bank: Bank) -> None:
    page.locator("[name=login]").fill(TONE)
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/second-factor/")


def wrong_password(page: Page, bank: Bank) -> None:
    page.locator("[name=login]").fill("nobody@northwind.example")
    page.locator("[name=password]").fill("nobody knows it")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()


def sent_empty(page: Page, bank: Bank) -> None:
    page.get_by_role("main").get_by_role("button").last.click()
    expect(page.get_by_text("This field is required.").first).to_be_visible()


def menu_open(page: Page, bank: Bank) -> None:
    page.get_by_role("button", name="Signed in as").click()


def come_to(page: Page, bank: Bank, shot: Shot) -> None:
    """Go there, as far as it takes: second factors are changed only where the password was given again."""
    answer = page.goto(shot.path(bank))
    assert answer
    assert answer.status == shot.status, (shot.name, answer.status)
    if "/sign-in/again/" in page.url and shot.url not in AGAIN:
        page.locator("[name=password]").fill(PASSWORD)
        page.get_by_role("button", name="Confirm", exact=True).click()
        page.wait_for_url(f"**{shot.path(bank)}")
    if shot.act:
        shot.act(page, bank)


AGAIN = ("account_reauthenticate", "mfa_reauthenticate")
BEFORE = tuple(
    Shot(name, url, None, {}, act)
    for name, url, act in (
        ("sign-in", "account_login", None),
        ("sign-in-refused", "account_login", wrong_password),
        ("sign-in-second-factor", "account_login", half_signed_in),
        ("password-forgotten", "account_reset_password", None),
        ("password-forgotten-sent", "account_reset_password_done", None),
        ("password-link-used-up", "account_reset_password_from_key", None),
        ("entry-code", "entry-code", None),
        ("password-chosen", "account_reset_password_from_key_done", None),
    )
)
OWN = tuple(
    Shot(name, url, TONE)
    for name, url in (
        ("my-password", "account_change_password"),
        ("my-password-again", "account_reauthenticate"),
        ("my-second-factors", "mfa_index"),
        ("my-one-time-password-remove", "mfa_deactivate_totp"),
        ("my-code-again", "mfa_reauthenticate"),
        ("my-recovery-codes", "mfa_view_recovery_codes"),
        ("my-recovery-codes-new", "mfa_generate_recovery_codes"),
        ("my-passkeys", "mfa_list_webauthn"),
        ("my-passkey-add", "mfa_add_webauthn"),
        ("my-passkey-remove", "mfa_remove_webauthn"),
        ("my-passkey-rename", "mfa_edit_webauthn"),
        ("my-sessions", "usersessions_list"),
        ("my-api-tokens", "api-tokens"),
        ("sign-out", "account_logout"),
    )
)
CUSTOMER = (
    Shot("customer", "customer", CLARA),
    Shot("customer-menu", "customer", CLARA, act=menu_open),
    Shot("customer-control-rooms", "customer-rooms", CLARA),
    Shot("customer-purchases", "customer-purchases", CLARA),
    Shot("customer-files", "customer-files", CLARA),
    Shot("customer-timeline", "customer-timeline", CLARA),
    Shot("customer-approval", "customer-approval", CLARA),
    Shot("customer-people", "customer-people", CLARA),
    Shot("customer-notices", "customer-notices", CLARA),
    Shot("requests-upload", "requests-upload", CLARA),
    Shot("requests-refused", "requests-upload", CLARA, act=many_uploaded),
    Shot("token", "token", CLARA),
    Shot("my-one-time-password", "mfa_activate_totp", CLARA),
    Shot("room-configure", "room", CLARA),
    Shot("room-pre-flight", "room", CLARA, act=over_the_entitlement),
    Shot("room-refused", "room", CLARA, act=refused_upload),
    Shot("room-issued", "room", CLARA, {"guid": "bergen"}),
    Shot("room-history", "room", CLARA, {"guid": "tromso"}),
    Shot("room-free", "room", CLARA, {"guid": "spare"}),
    Shot("room-timeline", "room-timeline", CLARA),
    Shot("room-usage", "room-usage", CLARA),
    Shot("certificate", "certificate", CLARA, {"guid": "bergen"}),
    Shot("report-lost", "report-lost", CLARA),
    Shot("refused", "refused", CLARA),
    Shot("not-allowed", "inbox", CLARA, status=403),
)
VENDOR = (
    Shot("inbox", "inbox", OTTO),
    Shot("approval", "approval", OTTO),
    *(
        Shot(name, name)
        for name in ("accounts", "account-add", "rooms", "write-off", "purchases", "purchase-lower", "windows")
    ),
    *(
        Shot(name, name)
        for name in ("expiring", "search", "confirmations", "issuing-log", "audit-log", "keys", "catalogue")
    ),
    *(
        Shot(name, name)
        for name in ("account-rename", "account-archive", "account-merge", "guid-rename", "guid-archive")
    ),
    *(
        Shot(name, name)
        for name in ("staff", "settings", "purchase-add", "guid-add", "purchases-upload", "purchases-upload-of-all")
    ),
    Shot("staff-person", "staff-person"),
    Shot("purchase-add-refused", "purchase-add", act=sent_empty),
    Shot("vendor-customer", "customer"),
    Shot("vendor-room", "room"),
    Shot("vendor-refused", "refused"),
)
SHOTS = (*BEFORE, *OWN, *CUSTOMER, *VENDOR)

# Addresses that show no page of their own: they do something, send a file, or lead to another.
NO_PAGE = frozenset(
    {
        "typed-again",  # shown once, after a session ended in mid-form
        "home",
        "customer-trust",
        "renew",
        "api-token-rename",  # a form page like others, of a token
        "api-token-revoke",
        "confirmation",
        "refused-file",
        "accept-history",
        "key-set",
        "rotate",
        "trust",
        "person",
        "order-template",
        "purchases-store",
        "purchases-refused",
        "purchases-store-of-all",
        "purchases-refused-of-all",
        "import-take-back",
        "request-upload",
        "configure",
        "requests-issue",
        "issue",
        "receipt-upload",
        "report-withdraw",
        "olf-download",
        "mfa_authenticate",  # reached by half signing in
        "mfa_login_webauthn",
        "mfa_download_recovery_codes",
        "mfa_reauthenticate_webauthn",
    }
)
