"""The whole exchange in two browsers: CALM's portal and a Control Room's pages, each the real server in a process of
its own, and between them nothing but files in a folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visit, sign_in
from tests.browser.office import Customer, Office
from tests.browser.test_the_exchange import approval
from tests.browser.walking import choose, downloaded
from tests.room.site import ADMINISTRATOR, PASSWORD, free_port
from tests.support.own_site import COMMAND, PHRASE, ServeProcess

NAME = "Frankfurt Vault"


@dataclass
class Vault:
    """A Control Room that was set up by its own command, and serves."""

    folder: Path
    address: str
    process: ServeProcess

    def command(self, *words: str) -> str:
        line = [sys.executable, "-c", COMMAND, *words, "--data", str(self.folder)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@dataclass
class Gap:
    """What is carried: a file at a time, there and back."""

    folder: Path

    def put(self, name: str, raw: bytes) -> None:
        (self.folder / name).write_bytes(raw)

    def get(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


@pytest.fixture
def gap(tmp_path: Path) -> Gap:
    folder = tmp_path / "gap"
    folder.mkdir()
    return Gap(folder)


@pytest.fixture
def vault(office: Office, gap: Gap, tmp_path: Path) -> Iterator[Vault]:
    folder = tmp_path / "site"
    folder.mkdir(mode=0o700)
    (folder / "passphrase").write_bytes(PHRASE)
    (folder / "passphrase").chmod(0o600)
    gap.put("trust.json", (office.folder / "trust.json").read_bytes())
    line = ["init", "--trust", str(gap.folder / "trust.json"), "--name", NAME, "--administrator", ADMINISTRATOR]
    line += ["--passphrase-file", str(folder / "passphrase"), "--data", str(folder)]
    subprocess.run([sys.executable, "-c", COMMAND, *line], check=True, capture_output=True, timeout=60)
    bind = f"127.0.0.1:{free_port()}"
    process = ServeProcess(folder, options=("--pages", bind))
    try:
        process.wait()
        process.wait_for("The pages answer at ")
        yield Vault(folder, f"http://{bind}", process)
    finally:
        process.end()


@pytest.mark.rule("E1", "E2", "E3", "E5", "E7", "E10", "E11", "H3", "A1", "does_not_fit")
def test_token_request_license_reduction_and_release_across_the_gap(
    office: Office, vault: Vault, gap: Gap, visit: Visit, chromium: Browser
) -> None:
    customer = office.customer(approved=False, bot_creator=10, document_pages=1000)
    clara = visit(customer.clara)
    approval(customer, clara, visit)
    ada = first_administrator(vault, chromium)
    enabled(customer, clara, ada, gap)
    licensed(customer, clara, ada, gap)
    in_use(ada)
    reduced(customer, clara, ada, gap)
    released(customer, clara, ada, gap)
    assert sorted(file.name for file in gap.folder.iterdir()) == [
        "1.lfr",
        "1.olf",
        "1.receipt",
        "2.lfr",
        "2.olf",
        "2.receipt",
        "3.lfr",
        "the.token",
        "trust.json",
    ]
    assert "holds" in vault.command("ledger", "verify")
    ada.context.close()


def first_administrator(vault: Vault, chromium: Browser) -> Page:
    """Who chooses a password by the link that only the machine itself tells."""
    link = vault.command("person", "link", ADMINISTRATOR, "--address", vault.address).strip()
    page = chromium.new_context(base_url=vault.address, locale="en-GB", timezone_id="UTC").new_page()
    page.goto(link)
    page.locator("[name=password1]").fill(PASSWORD)
    page.locator("[name=password2]").fill(PASSWORD)
    page.get_by_role("button", name="Save the password").click()
    page.goto("/account/")
    sign_in(page, ADMINISTRATOR, PASSWORD)
    expect(page.get_by_role("heading", name="License Management")).to_be_visible()
    return page


def enabled(customer: Customer, clara: Page, ada: Page, gap: Gap) -> None:
    clara.goto(f"{customer.page}token/")
    gap.put("the.token", downloaded(clara, clara.get_by_role("button", name="Download a new token")))
    ada.goto("/exchange/")
    choose(ada, "token-file-box", gap.get("the.token"), "the.token")
    expect(ada.get_by_role("button", name="Generate the request")).to_be_visible()


def asked(ada: Page, gap: Gap, name: str) -> None:
    """Read whole before it leaves, then saved; saved again, it is the same (E3)."""
    ada.goto("/exchange/")
    ada.get_by_role("button", name="Generate the request").click()
    expect(ada.get_by_text("This is all that leaves", exact=True)).to_be_visible()
    expect(ada.locator("#request-text")).to_contain_text(NAME)
    raw = downloaded(ada, ada.get_by_role("link", name="Save", exact=True))
    assert downloaded(ada, ada.get_by_role("link", name="Save", exact=True)) == raw
    gap.put(name, raw)


def licensed(customer: Customer, clara: Page, ada: Page, gap: Gap) -> None:
    asked(ada, gap, "1.lfr")
    clara.goto(customer.room)
    choose(clara, "lfr-box", gap.get("1.lfr"), "1.lfr")
    clara.get_by_label("Bot Creator").fill("3")
    clara.get_by_label("Document Automation", exact=True).fill("400")
    issued(clara, gap, "1.olf")
    previewed(ada, gap, "1.olf")
    installed(customer, clara, ada, gap, 1)
    ada.goto("/")
    expect(ada.get_by_role("row").filter(has_text="Bot Creator")).to_contain_text("3")


def issued(clara: Page, gap: Gap, name: str) -> None:
    clara.get_by_role("button", name="Issue the license file").click()
    expect(clara.get_by_text("is issued.")).to_be_visible()
    gap.put(name, downloaded(clara, clara.get_by_role("link", name="Download OLF")))


def previewed(ada: Page, gap: Gap, name: str) -> None:
    ada.goto("/exchange/")
    choose(ada, "olf-box", gap.get(name), name)
    expect(ada.get_by_text("Same four lines as on the certificate?")).to_be_visible()


def installed(customer: Customer, clara: Page, ada: Page, gap: Gap, number: int) -> None:
    """Installed there; the receipt confirms it here (H3)."""
    ada.get_by_role("button", name=f"Install license file #{number}").click()
    expect(ada.get_by_text(f"License file #{number} is installed.")).to_be_visible()
    receipt = downloaded(ada, ada.locator("#receipt").get_by_role("link", name="Download"))
    gap.put(f"{number}.receipt", receipt)
    clara.goto(customer.room)
    choose(clara, "receipt-box", gap.get(f"{number}.receipt"), f"{number}.receipt")
    expect(clara.get_by_text("Installed: the site confirmed it.")).to_be_visible()


def in_use(ada: Page) -> None:
    for user in ("anna", "bo", "cleo"):
        ada.goto("/users/")
        ada.get_by_label("User").fill(user)
        ada.get_by_label("Product").select_option(
            label=ada.get_by_label("Product").locator("option").all_inner_texts()[-1]
        )
        ada.get_by_role("button", name="Assign", exact=True).click()
        expect(ada.get_by_text(user).first).to_be_visible()


def reduced(customer: Customer, clara: Page, ada: Page, gap: Gap) -> None:
    """The request was made while one person held it; two more do when its answer comes (E10)."""
    ada.goto("/users/person/?name=bo")
    ada.get_by_role("button", name="Unassign").first.click()
    ada.goto("/users/person/?name=cleo")
    ada.get_by_role("button", name="Unassign").first.click()
    asked(ada, gap, "2.lfr")
    clara.goto(customer.room)
    choose(clara, "lfr-box", gap.get("2.lfr"), "2.lfr")
    clara.get_by_label("Bot Creator").fill("2")
    issued(clara, gap, "2.olf")
    in_use(ada)
    previewed(ada, gap, "2.olf")
    expect(ada.get_by_role("heading", name="Does not fit yet: free 1 Bot Creator")).to_be_visible()
    expect(ada.get_by_role("button", name="Install license file #2")).to_have_count(0)
    ada.get_by_role("button", name="Free 1 chosen and check again").click()
    installed(customer, clara, ada, gap, 2)


def released(customer: Customer, clara: Page, ada: Page, gap: Gap) -> None:
    ada.goto("/exchange/")
    ada.get_by_role("link", name="Release…").click()
    ada.get_by_label("Type the name of the Control Room").fill(NAME)
    ada.get_by_role("button", name="Release it").click()
    expect(ada.locator("#request-text")).to_be_visible()
    gap.put("3.lfr", downloaded(ada, ada.get_by_role("link", name="Save", exact=True)))
    clara.goto(customer.room)
    choose(clara, "lfr-box", gap.get("3.lfr"), "3.lfr")
    expect(clara.get_by_text(f"{NAME} is released.")).to_be_visible()
    ada.goto("/")
    expect(ada.get_by_text("Released").first).to_be_visible()
