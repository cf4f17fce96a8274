"""Everything works without scripts too: forms are sent, and whole pages come back."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.office import Office, now
from tests.browser.walking import downloaded


@pytest.mark.rule("H1", "over_entitlement")
def test_upload_configure_and_issue(office: Office, visit: Visit) -> None:
    customer = office.customer(bot_creator=10)
    site = customer.site()
    page = visit(customer.clara, customer.room, java_script_enabled=False)
    sent(page, "lfr-box", site.request(now()), "plant-north-0001.lfr")
    expect(page.get_by_text(f"Request #1 of {site.name} is accepted.")).to_be_visible()
    page.get_by_label("Bot Creator").fill("12")
    page.get_by_role("button", name="Check again").click()
    expect(page.get_by_text("1 quantity to correct:")).to_be_visible()
    expect(page.get_by_role("button", name="Issue the license file")).to_have_count(0)
    page.get_by_label("Bot Creator").fill("8")
    page.get_by_role("button", name="Check again").click()
    page.get_by_role("button", name="Issue the license file").click()
    expect(page.get_by_text("License file #1 is issued.")).to_be_visible()
    receipt = site.install(downloaded(page, page.get_by_role("link", name="Download OLF")), now())
    assert sum(site.granted.values()) == 8
    sent(page, "receipt-box", receipt, "plant-north.receipt")
    expect(page.get_by_text("Installed: the site confirmed it.")).to_be_visible()


def sent(page: Page, box: str, raw: bytes, name: str) -> None:
    field = page.locator(f"#{box}")
    field.set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": raw})
    page.locator("form").filter(has=field).get_by_role("button", name="Upload", exact=True).click()
