"""`make screenshots`: every page, light and dark, wide and narrow, into the ignored folder `screenshots`; and the two
that the README shows, into docs/pictures."""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import new_context
from tests.browser.northwind import Bank, furnish
from tests.browser.office import Office
from tests.browser.pages import SHOTS, Shot, come_to
from tests.support import browser as found

ROOT = Path(__file__).parents[2]
FOLDER, PICTURES = ROOT / "screenshots", ROOT / "docs" / "pictures"
WIDTHS = {"wide": 1440, "narrow": 390}
SHOWN = {"customer": "calm-customer.png", "room-pre-flight": "calm-control-room.png"}
TO_THE_POINT = """() => scrollTo(0, (document.querySelector("#configure")?.getBoundingClientRect().top ?? 60)
  + scrollY - 60)"""
TOO_LARGE = 200_000  # bytes of a picture in the documents


def main() -> int:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder))
        try:
            bank = furnish(office)
            office.serve()
            _draw(bank)
        finally:
            office.close()
    print(f"{len(list(FOLDER.iterdir()))} pictures of {len(SHOTS)} pages are in {FOLDER.relative_to(ROOT)}.")
    large = [path.name for path in PICTURES.iterdir() if path.stat().st_size > TOO_LARGE]
    if large:
        print(f"Too large for the documents: {', '.join(large)}", file=sys.stderr)
    return 1 if large else 0


def _draw(bank: Bank) -> None:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found.browser(), args=found.arguments())
        for number, shot in enumerate(SHOTS, 1):
            _picture(bank, chromium, shot, f"{number:02}-{shot.name}")
        chromium.close()


def _picture(bank: Bank, chromium: Browser, shot: Shot, name: str) -> None:
    context = new_context(bank.office, chromium, shot.who, viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    come_to(page, bank, shot)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for word, width in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": 1000})
            page.screenshot(path=FOLDER / f"{name}-{scheme}-{word}.png", full_page=True, animations="disabled")
            if shot.name in SHOWN and (scheme, word) == ("light", "wide"):
                page.evaluate(TO_THE_POINT)
                page.screenshot(path=PICTURES / SHOWN[shot.name], animations="disabled")
    context.close()


if __name__ == "__main__":
    sys.exit(main())
