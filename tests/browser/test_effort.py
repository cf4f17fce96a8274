"""What a cycle costs the people of both sides together: clicks, files chosen among them, and fields that are typed.
Each walk begins and goes on where people are after they signed in, without an address typed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.office import Office
from tests.browser.test_both_companies import Gap, Vault, enabled, first_administrator, gap, in_use, vault  # noqa: F401

# Clicks and typed fields, both sides together. Less is better; more is a loss that somebody must want.
FIRST, REDUCTION, RENEWAL = (9, 2), (9, 1), (6, 0)


@dataclass
class Hand:
    """Counts what a person does."""

    clicks: int = 0
    fields: int = 0

    def click(self, what: Locator) -> None:
        self.clicks += 1
        what.click()

    def type(self, field: Locator, text: str) -> None:
        self.fields += 1
        field.fill(text)

    def save(self, page: Page, button: Locator) -> bytes:
        with page.expect_download() as download:
            self.click(button)
        return Path(download.value.path()).read_bytes()

    def choose(self, page: Page, box: str, raw: bytes, name: str) -> None:
        """The button of the box is a click; the file is chosen in the browser's own window."""
        self.clicks += 1
        with page.expect_navigation():
            page.locator(f"#{box}").set_input_files(
                {"name": name, "mimeType": "application/octet-stream", "buffer": raw}
            )

    @property
    def cost(self) -> tuple[int, int]:
        return self.clicks, self.fields


def request_of(hand: Hand, ada: Page) -> bytes:
    hand.click(ada.get_by_role("link", name="Manage offline licenses").first)
    hand.click(ada.get_by_role("button", name="Generate the request"))
    return hand.save(ada, ada.get_by_role("link", name="Save", exact=True))


def install(hand: Hand, ada: Page, olf: bytes, number: int) -> None:
    """Where the page was left when the request was saved."""
    hand.choose(ada, "olf-box", olf, f"{number}.olf")
    hand.click(ada.get_by_role("button", name=f"Install license file #{number}"))
    expect(ada.get_by_text(f"License file #{number} is installed.")).to_be_visible()


@pytest.mark.rule("E3", "E5", "E7", "E10")
def test_no_cycle_costs_more_clicks_than_it_did(
    office: Office,
    vault: Vault,  # noqa: F811
    gap: Gap,  # noqa: F811
    visit: Visit,
    chromium: Browser,
) -> None:
    customer = office.customer()
    office.do("buy", account=customer.account, sku="bot-creator", quantity=10, days=20)
    office.do("buy", account=customer.account, sku="document-pages", quantity=1000, days=20)
    for sku in ("bot-creator", "document-pages"):  # what renews them
        office.do("buy", account=customer.account, sku=sku, quantity=1000, begins=20)
    clara, ada = visit(customer.clara), first_administrator(vault, chromium)
    enabled(customer, clara, ada, gap)
    told = {}

    clara.goto("/")
    ada.goto("/")
    hand = Hand()
    lfr = request_of(hand, ada)
    hand.click(clara.get_by_role("link", name="Plant North").first)
    hand.choose(clara, "lfr-box", lfr, "1.lfr")
    hand.type(clara.locator("#p-bot-creator"), "3")
    hand.type(clara.locator("#p-document-pages"), "400")
    clara.wait_for_load_state("networkidle")  # what is typed was looked at
    hand.click(clara.get_by_role("button", name="Issue the license file"))
    install(hand, ada, hand.save(clara, clara.get_by_role("link", name="Download OLF")), 1)
    told["first"] = hand.cost

    clara.goto("/")
    ada.goto("/")
    hand = Hand()
    hand.click(ada.get_by_role("link", name="Manage offline licenses").first)
    hand.click(ada.get_by_role("button", name="Generate the request"))
    lfr = hand.save(ada, ada.get_by_role("link", name="Save", exact=True))
    hand.click(clara.get_by_role("link", name="Frankfurt Vault").first)
    hand.choose(clara, "lfr-box", lfr, "2.lfr")
    hand.type(clara.locator("#p-bot-creator"), "2")
    clara.wait_for_load_state("networkidle")
    hand.click(clara.get_by_role("button", name="Issue the license file"))
    install(hand, ada, hand.save(clara, clara.get_by_role("link", name="Download OLF")), 2)
    told["reduction"] = hand.cost

    clara.goto("/")
    ada.goto("/")
    hand = Hand()
    hand.click(ada.get_by_role("button", name="Make the renewal request"))
    lfr = hand.save(ada, ada.get_by_role("link", name="Save", exact=True))
    hand.choose(clara, "lfrs-box", lfr, "3.lfr")
    install(hand, ada, hand.save(clara, clara.get_by_role("button", name="Renew as now")), 3)
    told["renewal as now"] = hand.cost
    assert told == {"first": FIRST, "reduction": REDUCTION, "renewal as now": RENEWAL}
    ada.context.close()
