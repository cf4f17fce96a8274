"""`make screenshots`: every page of both sides, light and dark, in three widths, into the ignored folder `screenshots`;
and those that the README shows, into docs/pictures. `calm` or `room` behind the command draws one side alone."""

import shutil
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import pages as calm
from tests.browser.conftest import new_context
from tests.browser.northwind import furnish
from tests.browser.office import Office
from tests.room import shots as room
from tests.room import vault
from tests.room.looking import Places, context_of
from tests.room.site import Pages, serve
from tests.support import browser as found

ROOT = Path(__file__).parents[2]
FOLDER, PICTURES = ROOT / "screenshots", ROOT / "docs" / "pictures"
WIDTHS = {"wide": 1440, "desktop": 1280, "narrow": 390}
VIEW = {"width": 1440, "height": 1000}
SHOWN = {
    "calm-customer": "calm-customer.png",
    "calm-room-pre-flight": "calm-control-room.png",
    "room-license-management": "room-license-management.png",
    "room-exchange-does-not-fit": "room-exchange.png",
}
TO_THE_POINT = """() => scrollTo(0, (document.querySelector("#configure, #preview")?.getBoundingClientRect().top ?? 60)
  + scrollY - 60)"""
TOO_LARGE = 200_000  # bytes of a picture in the documents


def main(sides: Iterable[str]) -> int:
    drawn = {"calm": _calm, "room": _room}
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found.browser(), args=found.arguments())
        for side in sides or drawn:
            with tempfile.TemporaryDirectory() as folder:
                drawn[side](chromium, Path(folder))
        chromium.close()
    print(f"{len(list(FOLDER.iterdir()))} pictures are in {FOLDER.relative_to(ROOT)}.")
    large = [path.name for path in PICTURES.iterdir() if path.stat().st_size > TOO_LARGE]
    if large:
        print(f"Too large for the documents: {', '.join(large)}", file=sys.stderr)
    return 1 if large else 0


def _calm(chromium: Browser, folder: Path) -> None:
    office = Office(folder)
    try:
        bank = furnish(office)
        office.serve()
        for number, shot in enumerate(calm.SHOTS, 1):
            context = new_context(office, chromium, shot.who, viewport=VIEW)
            page = context.new_page()
            calm.come_to(page, bank, shot)
            _draw(page, "calm", number, shot.name)
            context.close()
    finally:
        office.close()


def _room(chromium: Browser, folder: Path) -> None:
    with ExitStack() as stack:
        served: dict[str, Pages] = {}

        def in_state(state: str) -> Pages:
            if state not in served:
                served[state] = serve(*vault.founded(folder / state, vault.AGE, vault.STATES[state]))
                stack.callback(served[state].end)
            return served[state]

        places = Places(in_state)
        for number, shot in enumerate(room.SHOTS, 1):
            pages = places.at(shot.state)
            context = context_of(pages, chromium, shot.who, viewport=VIEW)
            page = context.new_page()
            room.come_to(page, pages, shot)
            _draw(page, "room", number, shot.name)
            context.close()


def _draw(page: Page, side: str, number: int, name: str) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for word, width in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": 1000})
            path = FOLDER / f"{side}-{number:02}-{name}-{scheme}-{word}.png"
            page.evaluate("scrollTo(0, 0)")
            page.screenshot(path=path, full_page=True, animations="disabled")
            if f"{side}-{name}" in SHOWN and (scheme, word) == ("light", "wide"):
                page.evaluate(TO_THE_POINT)
                page.screenshot(path=PICTURES / SHOWN[f"{side}-{name}"], animations="disabled")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
