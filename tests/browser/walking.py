"""Steps that several walks take."""

import base64
import hashlib
import hmac
import struct
import time
from pathlib import Path

from playwright.sync_api import Locator, Page

STEP = 30  # seconds that a one-time password is good for


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


def one_time_password(secret: str, step: int) -> str:
    """RFC 6238, of six digits."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.digest(key, struct.pack(">Q", step), hashlib.sha1)
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def this_step() -> int:
    """Where it is about to end, the next."""
    left = STEP - time.time() % STEP
    if left < 4:
        time.sleep(left + 0.2)
    return int(time.time()) // STEP
