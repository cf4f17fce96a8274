"""A Control Room with its pages, in real processes, and people of every role who are signed in there.

The server, the pages and their databases are the real ones. Commands that a test does not look at are given over the
local socket, as the pages themselves give them.
"""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from carnet.control_room.local_api.client import UnixClient
from carnet.control_room.pages.password_seals import seal_of
from carnet.control_room.queries.holders import Holders
from carnet.control_room.queries.questions import Checkpoint, Status
from carnet.control_room.rules.activation.generate_request import GenerateRequest, NewestLfr
from carnet.control_room.rules.activation.install_license import InstallLicense
from carnet.control_room.rules.granting.api_keys import CreateApiKey, ListApiKeys
from carnet.control_room.rules.granting.people import AddPerson, ListPeople, Role
from carnet.exchange.verdicts import Refusal
from tests.support.headers import wrong_headers
from tests.support.kept_logs import secret
from tests.support.own_site import COMMAND, PHRASE, OwnSite, ServeProcess, licensed_site
from tests.support.tables import uneven
from tests.support.vendor_simulator import Vendor, line

PASSWORD = secret("correct horse battery staple", "a password")
ADMINISTRATOR = "ada"
PEOPLE = {
    "administrator": ADMINISTRATOR,
    "license_manager": "lena",
    "seat_manager": "sara",
    "auditor": "audrey",
    "viewer": "vic",
}
TRUSTED = ssl.create_default_context()  # made once: it takes longer than a request
QUANTITIES = {"bot-creator": 10, "unattended-bot-runner": 5, "document-pages": 1000, "automator-ai": 1}
FRESH = 300.0  # seconds for which a browser signs in no more: half of what the pages take for a fresh sign-in (A5)
_READY = "The pages answer at "
_PREFORMATTED = re.compile(r"(<(?:pre|textarea)\b.*?</(?:pre|textarea)>)", re.DOTALL)
_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_PASSING = re.compile(r'<time\b.*?</time>|(?:value|data-now)="[^"]*"|"X-CSRFToken": "[^"]*"', re.DOTALL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def without_time_and_tokens(page: str) -> str:
    """What a page says to everybody at any time: the clock in its head goes on while a test asks for it twice."""
    return _PASSING.sub("", page)


def one_space(page: str) -> str:
    """Each run of blanks as one, none before the end of a tag; what is preformatted stays as it is."""
    parts = _PREFORMATTED.split(page)
    parts[::2] = [re.sub(r"\s+", " ", part).replace(" >", ">") for part in parts[::2]]
    return "".join(parts)


class Browser(httpx.Client):
    """Somebody at the pages. `send_form` posts as a form of a page would. White space is as a browser shows it:
    how the templates are broken into lines is not what a test is about."""

    def send(self, request: httpx.Request, **more: Any) -> httpx.Response:
        answer = super().send(request, **more)
        may_be_kept = request.url.path.removeprefix("/licensing").startswith("/static/") and answer.status_code == 200
        assert may_be_kept or wrong_headers(answer.headers) == [], request.url
        if answer.headers.get("content-type", "").startswith("text/html"):
            page = answer.read().decode()
            assert uneven(page) == [], request.url
            answer._content = one_space(page).encode()
        return answer

    def send_form(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
        token = next((cookie.value or "" for cookie in self.cookies.jar if cookie.name.endswith("room_csrf")), "")
        origin = str(self.base_url.copy_with(path="/")).rstrip("/")
        headers = {"X-CSRFToken": token, "Referer": f"{self.base_url}", "Origin": origin}
        return self.post(path, data=data or {}, headers=headers, **more)

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        self.get("/account/")
        answer = self.send_form("/account/", {"login": name, "password": password})
        for name in {"room_session", "__Host-room_session", "__Secure-room_session"} & set(self.cookies):
            secret(self.cookies[name], "a session")
        return answer


@dataclass(frozen=True)
class At:
    """Where pages listen, and what their browsers are told: another address, where a proxy or TLS makes it another."""

    port: int
    address: str = ""
    trusts: ssl.SSLContext | bool = True


@dataclass
class Pages:
    """A served Control Room. `address`: of its pages."""

    own: OwnSite
    vendor: Vendor
    process: ServeProcess
    port: int  # of the bots' REST
    address: str
    trusts: ssl.SSLContext | bool = True  # what its browsers verify the certificate with
    _browsers: dict[str, Browser] = field(default_factory=dict)
    _cookies: dict[str, httpx.Cookies] = field(default_factory=dict)
    _signed_in: dict[str, float] = field(default_factory=dict)  # monotonic seconds

    @property
    def folder(self) -> Path:
        return self.own.folder

    def browser(self, role: str | None = None, **options: Any) -> Browser:
        """A new browser; of somebody with this role or name, signed in, or of a stranger."""
        trusts = TRUSTED if self.trusts is True else self.trusts
        options = {"verify": trusts, "timeout": 30} | options
        made = Browser(base_url=self.address, trust_env=False, **options)
        if role is not None:
            if time.monotonic() - self._signed_in.get(role, -FRESH) >= FRESH:
                answer = made.sign_in(PEOPLE.get(role, role))
                assert answer.status_code == 302, answer.text
                self._cookies[role], self._signed_in[role] = made.cookies, time.monotonic()
            made.cookies = httpx.Cookies(self._cookies[role])
        return made

    def client(self, role: str | None = None) -> Browser:
        """The same, one for each role, as long as the site is there."""
        key = role or ""
        if role and time.monotonic() - self._signed_in.get(role, -FRESH) >= FRESH:
            self.forget(role)
        if key not in self._browsers:
            self._browsers[key] = self.browser(role)
        return self._browsers[key]

    def forget(self, role: str) -> None:
        """They sign in anew the next time."""
        self._cookies.pop(role, None)
        self._signed_in.pop(role, None)
        if role in self._browsers:
            self._browsers.pop(role).close()

    def ask_all(self) -> list[Any]:
        """What is held, who may do what, and which keys there are: what must not move."""
        asked = [Holders(), ListPeople(), ListApiKeys()]
        return [replace(answer, at=None) if hasattr(answer, "at") else answer for answer in map(self.ask, asked)]

    @contextmanager
    def engine(self) -> Iterator[UnixClient]:
        desk = UnixClient.connect(self.folder)
        assert desk is not None
        with closing(desk):
            yield desk

    def ask(self, question: Any) -> Any:
        with self.engine() as engine:
            return engine.ask(question)

    def do(self, command: Any, actor: str = ADMINISTRATOR) -> Any:
        with self.engine() as engine:
            answer = engine.execute(command, actor)
        assert not isinstance(answer, Refusal), answer
        if isinstance(command, CreateApiKey):
            secret(answer.key, "an API key")
        return answer

    @property
    def size(self) -> int:
        """How many records there are: a test that nothing moved compares them."""
        return int(self.ask(Checkpoint()).size)

    def command(self, *words: str, **world: str) -> subprocess.CompletedProcess[str]:
        """`control-room` at the command line, in a process of its own; `world`: what is set in its environment."""
        line = [sys.executable, "-c", COMMAND, *words, "--data", str(self.folder)]
        done = subprocess.run(
            line,
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            check=False,
            env=os.environ | world,
        )
        for link in re.findall(r"/choose/(\S+?)/?\s", done.stdout):
            secret(link, "a link to choose a password")
        return done

    def lfr(self) -> bytes:
        return bytes(self.ask(NewestLfr()).raw)

    def olf(self, quantities: dict[str, int], days: int = 365, **changes: Any) -> bytes:
        """A license file that answers the newest request."""
        now = datetime.now(UTC).replace(microsecond=0)
        start, end = now - timedelta(days=1), now + timedelta(days=days)
        lines = [line(sku, quantity, start, end) for sku, quantity in quantities.items()]
        return self.vendor.olf(self.lfr(), lines, now, **changes)

    def do_cycle(self, quantities: dict[str, int] | None = None, days: int = 365) -> None:
        """A request, and the install of its answer."""
        self.do(GenerateRequest())
        self.do(InstallLicense(self.olf(quantities or QUANTITIES, days)))

    @property
    def folder_id(self) -> str:
        """The Control Room's id, as its checkpoints name it."""
        return str(self.ask(Status()).control_room)

    def end(self) -> None:
        for browser in self._browsers.values():
            browser.close()
        self.process.end()


def serve_pages(folder: Path, quantities: dict[str, int] | None = None, *options: str) -> Pages:
    """A licensed site of its own in `folder`, served, with everybody's password set."""
    vendor = Vendor()
    own = licensed_site(folder, QUANTITIES if quantities is None else quantities, vendor)
    return serve(own, vendor, *options)


def serve(own: OwnSite, vendor: Vendor, *options: str, at: At | None = None) -> Pages:
    at = at or At(free_port())
    process = ServeProcess(own.folder, options=("--pages", f"127.0.0.1:{at.port}", *options))
    try:
        port = process.wait()
        process.wait_for(_READY)
        pages = Pages(own, vendor, process, port, at.address or f"http://127.0.0.1:{at.port}", at.trusts)
        _let_in(pages)
    except BaseException:
        process.end()
        raise
    return pages


def _let_in(pages: Pages) -> None:
    """The first administrator chooses a password by the link; all others get the same one, to save its slow hash."""
    for role, name in PEOPLE.items():
        pages.do(AddPerson(name, Role(role), on_machine=True))
    if not _hashed:
        _choose(pages)
    give_passwords(pages, *PEOPLE.values())


def _choose(pages: Pages) -> None:
    told = pages.command("person", "link", ADMINISTRATOR, "--address", pages.address)
    assert told.returncode == 0, told.stderr
    with pages.browser() as browser:
        form = browser.get(told.stdout.strip(), follow_redirects=True)
        chosen = {"password1": PASSWORD, "password2": PASSWORD}
        answer = browser.send_form(str(form.url), chosen)
        assert answer.status_code == 302, answer.text
    with closing(sqlite3.connect(pages.folder / "pages.sqlite3", timeout=10)) as db:
        _hashed.extend(db.execute("SELECT password FROM pages_login WHERE name = ?", [ADMINISTRATOR]).fetchone())


_hashed: list[str] = []  # the password's, once it was chosen


def give_passwords(pages: Pages, *names: str) -> None:
    with pages.own.store() as store:
        key = pages.own.keys(store).derived("passwords")
    rows = [(name, _hashed[0], seal_of(key, name, _hashed[0])) for name in names]
    with closing(sqlite3.connect(pages.folder / "pages.sqlite3", timeout=10)) as db, db:
        db.executemany("INSERT OR IGNORE INTO pages_login (name, password, seal) VALUES (?, ?, ?)", rows)


__all__ = [
    "PASSWORD",
    "PEOPLE",
    "PHRASE",
    "QUANTITIES",
    "At",
    "Browser",
    "Pages",
    "give_passwords",
    "serve",
    "serve_pages",
    "without_time_and_tokens",
]
