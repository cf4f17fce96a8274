"""Every page, in light and dark, wide and narrow: axe-core finds nothing (WCAG 2.2 AA and its best practices), and at
320 pixels nothing scrolls sideways."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.conftest import new_context
from tests.browser.northwind import Bank
from tests.browser.pages import NO_PAGE, SHOTS, Shot, come_to
from tests.web.test_access import pages

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
WIDTHS, NARROWEST = (1440, 390), 320
RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
  one => one.id + " (" + one.impact + "): " + one.help + one.nodes.map(
    node => "\\n    " + node.html.slice(0, 200) + "\\n      " + node.failureSummary.replace(/\\n/g, " ")).join(""))"""
SIDEWAYS = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
OUTSIDE = """() => [...document.querySelectorAll("body *")].filter(
  one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1).slice(0, 5).map(
  one => one.outerHTML.slice(0, 160))"""


def test_every_address_is_looked_at_or_shows_no_page() -> None:
    assert {name for name, _ in pages()} == {shot.url for shot in SHOTS} | NO_PAGE


@pytest.mark.parametrize("shot", SHOTS, ids=[shot.name for shot in SHOTS])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(bank: Bank, chromium: Browser, shot: Shot) -> None:
    context = new_context(bank.office, chromium, shot.who, bypass_csp=True)  # for axe alone: it writes styles
    page = opened(context, bank, shot)
    found: dict[str, Any] = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            found[f"{width} {scheme}"] = page.evaluate(RUN)
    page.set_viewport_size({"width": NARROWEST, "height": 1000})
    whole, seen = page.evaluate(SIDEWAYS)
    if whole > seen:
        found["sideways"] = [f"{whole} > {seen}", *page.evaluate(OUTSIDE)]
    context.close()
    told = "\n".join(f"{where}: {what}" for where, whats in found.items() for what in whats)
    assert not told, told


def opened(context: BrowserContext, bank: Bank, shot: Shot) -> Page:
    page = context.new_page()
    come_to(page, bank, shot)
    page.evaluate(AXE)
    return page
