"""Looking at the pages in a real browser: as somebody, and at a site where there is something to see."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import msgspec
from playwright.sync_api import Browser, BrowserContext

from carnet.control_room.rules.granting.people import AddPerson, Role
from tests.browser.clerk import new_passkey
from tests.browser.walking import one_time_password, this_step
from tests.room.site import PASSWORD, Pages, give_passwords
from tests.support.kept_logs import secret

TONE = "tone"  # holds an authenticator app, recovery codes and a security key
_SECRET = re.compile(r'id="authenticator_secret" type="text" value="([A-Z2-7]+)"')


def context_of(pages: Pages, browser: Browser, who: str | None, **options: Any) -> BrowserContext:
    """Of somebody with this role or name, signed in, or of a stranger."""
    context = browser.new_context(base_url=pages.address, locale="en-GB", timezone_id="UTC", **options)
    context.set_default_timeout(15_000)
    if who:
        pages.client(who).get("/what-if/")  # which says that they are signed in, once
    cookies = pages.client(who).cookies.jar if who else ()
    context.add_cookies([{"name": one.name, "value": one.value or "", "url": pages.address} for one in cookies])
    return context


class Places:
    """One site for each state; the licensed one has somebody with second factors too."""

    def __init__(self, in_state: Callable[[str], Pages]) -> None:
        self._in_state, self._ready = in_state, set[str]()

    def at(self, state: str) -> Pages:
        pages = self._in_state(state)
        if state == "licensed" and state not in self._ready:
            _with_second_factors(pages)
        self._ready.add(state)
        return pages


def _with_second_factors(pages: Pages) -> None:
    """The app as people set it up; the key as a row, for nobody holds the device. It is the first row: number 1."""
    pages.do(AddPerson(TONE, Role.VIEWER))
    give_passwords(pages, TONE)
    tone, path = pages.client(TONE), "/account/my/one-time-password/"
    tone.send_form("/account/again/", {"password": PASSWORD})
    found = _SECRET.search(tone.get(path).text)
    assert found, "the password was given again"
    passkey = msgspec.json.encode({"name": "This laptop", "credential": new_passkey()}).decode()
    with closing(sqlite3.connect(pages.folder / "pages.sqlite3", timeout=10)) as db, db:
        (login,) = db.execute("SELECT id FROM pages_login WHERE name = ?", [TONE]).fetchone()
        row = [1, "webauthn", passkey, "2026-01-01 00:00:00", login]
        db.execute("INSERT INTO mfa_authenticator (id, type, data, created_at, user_id) VALUES (?, ?, ?, ?, ?)", row)
    code = one_time_password(secret(found[1], "the key of an authenticator app"), this_step())
    answer = tone.send_form(path, {"code": code})
    assert answer.status_code == 302, answer.text
