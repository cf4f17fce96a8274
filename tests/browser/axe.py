"""What axe-core finds on a page, and what is too wide there."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
WIDTHS, NARROWEST = (1440, 390), 320
RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
  one => one.id + " (" + one.impact + "): " + one.help + one.nodes.map(
    node => "\\n    " + node.html.slice(0, 200) + "\\n      " + node.failureSummary.replace(/\\n/g, " ")).join(""))"""
SIDEWAYS = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
OUTSIDE = """() => [...document.querySelectorAll("body *")].filter(
  one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1).slice(0, 5).map(
  one => one.outerHTML.slice(0, 160))"""


def faults_of(page: Page) -> str:
    """What axe finds there in light and dark, wide and narrow, and what is too wide at the narrowest; in lines."""
    page.evaluate(AXE)
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
    return "\n".join(f"{where}: {what}" for where, whats in found.items() for what in whats)
