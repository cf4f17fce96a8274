"""Steps that several walks take."""

from pathlib import Path

from playwright.sync_api import Locator, Page


def choose(page: Page, box: str, raw: bytes, name: str) -> None:
    """A file chosen in a file box: the page sends it at once."""
    with page.expect_navigation():
        page.locator(f"#{box}").set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": raw})


def downloaded(page: Page, button: Locator) -> bytes:
    with page.expect_download() as download:
        button.click()
    return Path(download.value.path()).read_bytes()


def row(page: Page, product: str) -> Locator:
    """The row of a table that begins with this name."""
    head = page.get_by_role("rowheader").filter(has=page.get_by_text(product, exact=True))
    return page.get_by_role("row").filter(has=head)
