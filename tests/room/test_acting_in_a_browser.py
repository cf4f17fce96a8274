"""The exchange and the users in a real browser: without script, and as axe-core sees them, in light and dark."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from carnet.control_room.activation.generate_request import GenerateRequest
from carnet.control_room.authority.questions import Status
from carnet.control_room.granting.seats import AcquireSeat
from carnet.control_room.granting.users import AssignUser
from tests.browser.conftest import chromium  # noqa: F401  a fixture
from tests.browser.test_accessibility import AXE, NARROWEST, OUTSIDE, RUN, SIDEWAYS, WIDTHS
from tests.room.site import Pages
from tests.room.test_exchange_pages import Make

PATHS = (
    "/exchange/",
    "/exchange/cycles/",
    "/exchange/request/print/",
    "/users/",
    "/users/person/?name=anna",
    "/users/seats/",
    "/users/file/",
)


def context_of(pages: Pages, browser: Browser, role: str, **options: bool) -> BrowserContext:
    context = browser.new_context(base_url=pages.address, locale="en-GB", **options)  # type: ignore[arg-type]
    cookies = pages.client(role).cookies.jar
    context.add_cookies([{"name": one.name, "value": one.value or "", "url": pages.address} for one in cookies])
    return context


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


def test_axe_finds_nothing_and_nothing_scrolls_sideways(new_site: Make, chromium: Browser) -> None:  # noqa: F811
    pages = new_site()
    for user in ("anna", "bo"):
        pages.do(AssignUser("bot-creator", user))
    pages.do(AcquireSeat("unattended-bot-runner", "bot-17", 86_400))
    pages.do(GenerateRequest())
    upload = {"file": ("oslo-0002.olf", pages.olf({"bot-creator": 1}), "application/octet-stream")}
    pages.client("license_manager").send_form("/exchange/preview/", files=upload)
    context = context_of(pages, chromium, "license_manager", bypass_csp=True)  # for axe alone: it writes styles
    page, found = context.new_page(), []
    for path in PATHS:
        page.goto(path)
        page.evaluate(AXE)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 1000})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                found += [f"{path} {width} {scheme}: {what}" for what in page.evaluate(RUN)]
        page.set_viewport_size({"width": NARROWEST, "height": 1000})
        whole, seen = page.evaluate(SIDEWAYS)
        if whole > seen:
            found += [f"{path} is {whole} wide", *page.evaluate(OUTSIDE)]
    context.close()
    assert not found, "\n".join(found)
