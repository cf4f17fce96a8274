"""The exchange in a real browser, without script."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from carnet.control_room.queries.questions import Status
from carnet.control_room.rules.granting.users import AssignUser
from tests.browser.conftest import chromium  # noqa: F401  a fixture
from tests.room.looking import context_of
from tests.room.test_exchange_pages import Make


def sent(page: Page, box: str, raw: bytes, name: str) -> None:
    """Without script there is a button."""
    field = page.locator(f"#{box}")
    field.set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": raw})
    page.locator("form").filter(has=field).get_by_role("button", name="Upload", exact=True).click()


@pytest.mark.rule("E7", "E10")
def test_request_preview_free_and_install_without_script(new_site: Make, chromium: Browser) -> None:  # noqa: F811
    pages = new_site({"bot-creator": 2})
    for user in ("anna", "bo"):
        pages.do(AssignUser("bot-creator", user))
    page = context_of(pages, chromium, "license_manager", java_script_enabled=False).new_page()
    page.goto("/exchange/")
    page.get_by_role("button", name="Generate the request").click()
    expect(page.get_by_text("asks for")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Save", exact=True).click()
    assert Path(download.value.path()).read_bytes() == pages.lfr()
    sent(page, "olf-box", pages.olf({"bot-creator": 1}), "oslo-0002.olf")
    expect(page.get_by_role("heading", name="Does not fit yet: free 1 Bot Creator")).to_be_visible()
    expect(page.get_by_role("checkbox", name="bo")).to_be_checked()
    page.get_by_role("button", name="Free 1 chosen and check again").click()
    page.get_by_role("button", name="Install license file #2").click()
    expect(page.get_by_text("License file #2 is installed.")).to_be_visible()
    page.get_by_role("link", name="Release…").click()
    expect(page.get_by_role("dialog", name="Release Oslo?")).to_be_visible()
    assert pages.ask(Status()).installed.sequence == 2
    page.context.close()
