"""What axe-core finds on a page, and what is too wide there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page

from tests.support import depth

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
WIDTHS, DESKTOP, NARROWEST = (1440, 390), 1280, 320
OF_COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}  # what differs in the dark
RUN = """async only => (await axe.run(document, {resultTypes: ["violations"], preload: false, ...only})).violations.map(
  one => one.id + " (" + one.impact + "): " + one.help + one.nodes.map(
    node => "\\n    " + node.html.slice(0, 200) + "\\n      " + node.failureSummary.replace(/\\n/g, " ")).join(""))"""
SIDEWAYS = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
OUTSIDE = """() => [...document.querySelectorAll("body *")].filter(
  one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1).slice(0, 5).map(
  one => one.outerHTML.slice(0, 160))"""


# At 1280 pixels: heads of tables that are hidden, as they are where rows are cards.
FOLDED = """() => [...document.querySelectorAll("main table.cards > thead")].filter(
  one => one.getBoundingClientRect().width <= 1 && one.closest("table").getBoundingClientRect().width > 0).map(
  one => "a table is cards: " + one.closest("table").getAttribute("aria-label"))"""


# Tables that are wider than what they stand in, and so lie over what is beside them.
OVER = """() => [...document.querySelectorAll("main table")].filter(
  one => one.getBoundingClientRect().right > one.closest(".card, main").getBoundingClientRect().right + 1).map(
  one => "a table is wider than its card: " + one.getAttribute("aria-label"))"""


# A message that is just rising has other colours than it will have.
AT_REST = """() => Promise.all(document.getAnimations()
    .filter(one => one.effect.getComputedTiming().endTime !== Infinity).map(one => one.finished.catch(() => null)))"""


def faults_of(page: Page) -> str:
    """What axe finds there in light and dark, wide and narrow, and what is too wide at the narrowest; in lines.

    The dark form of a page has other colours and nothing else: only rules of colours are asked there, all of them in
    `make test-deep`."""
    page.evaluate(AXE)
    page.evaluate(AT_REST)
    found: dict[str, Any] = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            only = {"runOnly": OF_COLOURS} if scheme == "dark" and not depth.is_deep() else {}
            found[f"{width} {scheme}"] = page.evaluate(RUN, only)
    for width in (DESKTOP, NARROWEST):
        page.set_viewport_size({"width": width, "height": 1000})
        whole, seen = page.evaluate(SIDEWAYS)
        if whole > seen:
            found[f"sideways at {width}"] = [f"{whole} > {seen}", *page.evaluate(OUTSIDE)]
        if width == DESKTOP:
            found[f"{width}"] = [*page.evaluate(FOLDED), *page.evaluate(OVER)]
    return "\n".join(f"{where}: {what}" for where, whats in found.items() for what in whats)


class Looking:
    """Pages to look at. Whoever is signed in keeps one for all of theirs, and with it what the browser made ready."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], Page] = {}

    @contextmanager
    def page(self, who: tuple[str, ...] | None, new: Callable[..., BrowserContext]) -> Iterator[Page]:
        """`who`: at which site, and as whom; None: as a stranger, in a context of their own. `new` makes one."""
        page = (who and self._kept.get(who)) or new(bypass_csp=True).new_page()  # for axe alone: it writes styles
        page.set_viewport_size({"width": WIDTHS[0], "height": 1000})
        page.emulate_media(color_scheme="light")
        try:
            yield page
        finally:
            if who:
                self._kept[who] = page
            else:
                page.context.close()

    def close(self) -> None:
        for page in self._kept.values():
            page.context.close()
