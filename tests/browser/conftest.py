"""A real server and a real browser. The server lives as long as the session, the browser as long as a module: while it
is driven, Django's rows cannot be touched in this process, and tests of other modules may want to."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.clerk import PASSWORD, SECRET
from tests.browser.northwind import Bank, furnish
from tests.browser.office import Office
from tests.browser.walking import one_time_password, this_step
from tests.support import browser as found

Visit = Callable[..., Page]
FRESH = 300.0  # seconds for which nobody signs in again: half of what the portal takes for a fresh sign-in (A5)


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    office = Office(tmp_path_factory.mktemp("office"))
    try:
        office.found()
        office.serve()
        yield office
    finally:
        office.close()


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """Another portal, with Northwind Bank's eight weeks in it. Tests look, and change nothing."""
    office = Office(tmp_path_factory.mktemp("bank"))
    try:
        found = furnish(office)
        office.serve()
        yield found
    finally:
        office.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found.browser(), args=found.arguments())
        yield browser
        browser.close()


@pytest.fixture
def visit(request: pytest.FixtureRequest, office: Office, chromium: Browser) -> Iterator[Visit]:
    """visit(e-mail, path, …) → the page, signed in. What a page says on the console that a script failed, or that the
    policy of its contents stopped something, fails the test."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def open_page(who: str | None, path: str = "/", **options: Any) -> Page:
        context = new_context(office, chromium, who, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
        page.on("console", lambda said: wrong.append(f"{page.url}: {said.text}") if _is_fault(said) else None)
        page.goto(path)
        return page

    yield open_page
    shown = [f"{page.url}\n{page.inner_text('body')}" for context in contexts for page in context.pages]
    for context in contexts:
        context.close()
    if wrong or getattr(request.node, "failed", False):
        print("\n\n".join(shown), office.log()[-3000:], sep="\n")
    assert not wrong


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Any:
    """Whether the test failed, for what its fixtures then print."""
    report = yield
    if report.when == "call":
        item.failed = report.failed  # type: ignore[attr-defined]
    return report


def _is_fault(said: Any) -> bool:
    """An answer of 4xx is told there too: what was refused is no fault of the page."""
    answers = ("Failed to load resource", "Response Status Error Code")
    return said.type == "error" and not said.text.startswith(answers)


def new_context(office: Office, chromium: Browser, who: str | None, **options: Any) -> BrowserContext:
    settings: dict[str, Any] = {"locale": "en-GB", "timezone_id": "UTC", "base_url": office.address} | options
    if who and time.monotonic() - office.signed_in_at.get(who, -FRESH) >= FRESH:
        office.states[who], office.signed_in_at[who] = signed_in(office, chromium, who), time.monotonic()
    context = chromium.new_context(**settings, storage_state=office.states[who] if who else None)
    context.set_default_timeout(15_000)
    return context


def signed_in(office: Office, chromium: Browser, who: str) -> Any:
    context = chromium.new_context(locale="en-GB", base_url=office.address)
    page = context.new_page()
    page.goto("/sign-in/")
    sign_in(page, who)
    if "/second-factor/" in page.url:
        page.locator("[name=code]").fill(one_time_password(SECRET, this_step()))
        page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/sign-in/" not in url)
    state = context.storage_state()
    context.close()
    return state


def sign_in(page: Page, who: str, password: str = PASSWORD) -> None:
    page.locator("[name=login]").fill(who)
    page.locator("[name=password]").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
