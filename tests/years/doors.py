"""All that both sides say at one moment, by every door: pages, command line, REST, mail. In this process, but for the
site's pages (`tests.support.site_pages`), and without a network: each door is the real one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any

from django.core import mail
from django.urls import reverse

from carnet.calm import wiring
from carnet.calm.cli import app as calm_app
from carnet.calm.control_rooms.models import AcceptedLfr, ControlRoom, LicenseFile, RefusedFile
from carnet.calm.customers.models import Account
from carnet.calm.portal.portal import open_portal
from carnet.calm.use_cases.context import Calm
from carnet.cli_support import USAGE
from carnet.control_room.cli import app as control_room_app
from carnet.control_room.engine.writer import Writer
from carnet.control_room.local_api.client import InProcessClient
from carnet.control_room.rest.door import Door
from carnet.control_room.rest.message import Answer, request_of
from tests.calm.conftest import World
from tests.journeys.commands import REFUSED, Done, through_the_door
from tests.support.http_room import new_key
from tests.support.room import Room
from tests.support.site_pages import SitePages
from tests.web.conftest import OWN, VENDOR, Portal, StillPortal

_HIDDEN = re.compile(r"<(script|style)\b.*?</\1>", re.DOTALL)
# what no text may hold: a value that is missing or no number, a template that was not filled in, a number or a span
# below nothing, an object's name, a fault
_WRONG = re.compile(
    r"\bNone\b(?!: nothing| was sent yet| yet| No open cycle)|\{\{|\{%|\b[Nn]a[Nn]\b|\binf\b"
    r"|(?<![\w.:/+%=-])-\d[\d,]*(?![\w-])|\bUNSET\b|<\w+ object|datetime\.|timedelta|Traceback"
)


def text_of(html: str) -> str:
    """What a page says."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", _HIDDEN.sub(" ", html))).split())


def wrong_in(text: str) -> str:
    """What may not stand in a text, with what is around it; empty where nothing is wrong."""
    found = _WRONG.search(text)
    return text[max(0, found.start() - 60) : found.end() + 60] if found else ""


@dataclass
class Said:
    """Everything that was said at a moment: by door and address, as plain text."""

    texts: dict[str, str]

    def wrong(self) -> dict[str, str]:
        return {where: wrong for where, text in self.texts.items() if (wrong := wrong_in(text))}


# --- the site -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Site:
    """What the command asks of the composition root, over a room of this process."""

    room: Room

    @contextmanager
    def client(self, *, writing: bool = False) -> Iterator[InProcessClient]:
        yield InProcessClient(self.room.engine, lambda: self.room.reading, writing=writing)


class SiteDoors:
    def __init__(self, room: Room, pages: SitePages) -> None:
        self.room, self._pages = room, pages
        self._key = ""
        self.lives_here = pages.let_in(room)
        if self.lives_here:
            self._key = new_key(room, f"looks {room.random(4).hex()}", ["read", "take"])

    def command(self, *words: str) -> Done:
        def world(folder: Path, passphrase_file: Path | None = None) -> _Site:
            del folder, passphrase_file
            return _Site(self.room)

        return through_the_door(control_room_app, [*words, "--as", "kari", "--data", "nowhere"], world)

    def get(self, path: str) -> tuple[int, str]:
        """REST, without the network."""
        answers: list[Answer] = []
        headers = [(b"authorization", f"Bearer {self._key}".encode())]
        door = Door(Writer(self.room.engine, lambda: self.room.reading))  # the engine is another one after a restart
        door.handle(request_of(b"GET", path.encode(), headers), answers.append)
        return answers[0].status, answers[0].body.decode()

    def json(self, name: str) -> Any:
        status, body = self.get(f"/api/v1/{name}")
        assert status == 200, body
        return json.loads(body)

    def status(self) -> Any:
        return self.command("status", "--json").json

    def pages(self, paths: list[str], olf: bytes = b"") -> tuple[dict[str, str], list[str]]:
        """The texts of pages, and of the notices that are due: none may fail."""
        found, notices = self._pages.look(self.room, paths, olf)
        for path, (status, text) in found.items():
            fine = (200, 302, 422) if path == "preview" or "?" in path else (200,)
            assert status in fine, (path, status, text_of(text))
            assert '"None"' not in text, path
        return {path: text_of(text) for path, (_, text) in found.items()}, notices

    def say_all(self, days: list[datetime], olf: bytes = b"", file: Path | None = None) -> Said:
        """Every page, command, answer and notice. `days`: for which forecasts are asked."""
        skus = sorted({line.sku for line in self.room.state.installed.lines} if self.room.state.installed else [])[:6]
        said = self._commands(skus, [f"{day:%Y-%m-%d}" for day in days])
        if olf and file:
            file.write_bytes(olf)
            said["license preview"] = self._command("license", "preview", str(file))
        for name in ("status", "usage", "checkpoint"):
            said[f"GET {name}"] = self.get(f"/api/v1/{name}")[1]
        said["GET /metrics"] = self.get("/metrics")[1]
        paths = ["/", "/exchange/", "/exchange/cycles/", "/what-if/", "/users/", "/ledger/"]
        paths += [f"/products/{sku}/" for sku in skus] + [f"/what-if/?on={day:%Y-%m-%d}" for day in days]
        paths += ["/what-if/?on=2030-01-01&then=preview"] if olf else []
        paths += ["/exchange/request/print/"] if self.room.state.newest_lfr else []
        pages, notices = self.pages(paths, olf)
        said |= pages | {f"notice {place}": text.rstrip("\0") for place, text in enumerate(notices)}
        return Said(said)

    def _commands(self, skus: list[str], days: list[str]) -> dict[str, str]:
        asked = [("status",), ("status", "--json"), ("license", "show"), ("usage", "show"), ("usage", "show", "--json")]
        asked += [("forecast", "--deadline-missed")]
        asked += [("forecast", "--on", day) for day in days]
        asked += [("usage", "history", sku) for sku in skus]
        return {" ".join(words): self._command(*words) for words in asked}

    def _command(self, *words: str) -> str:
        done = self.command(*words)
        assert done.code in (0, USAGE, REFUSED), (words, done)
        if "--json" in words:  # null is how JSON says that there is nothing
            json.loads(done.out)
        return f"{done.out} {done.err}"


# --- the vendor -----------------------------------------------------------------------------------------------------


class Company(Portal):
    """CALM with its people and its portal, and one customer, Northwind, without a site."""

    def __init__(self) -> None:
        World.__init__(self)
        self.left_behind = []
        open_portal(StillPortal(self))
        self.northwind = Account.objects.get(name="Northwind")
        self.people = {role: self.add_person(role, None) for role in VENDOR}
        self.people |= {role: self.add_person(role, self.northwind) for role in OWN}


@dataclass(frozen=True)
class _Calm(wiring.Vendor):
    """What the command asks of the composition root, over the rows of this test."""

    world: World | None = None

    def for_portal(self) -> _Calm:
        return self

    def now(self) -> datetime:
        assert self.world
        return self.world.now

    def vendor(self) -> str:
        return StillPortal.name

    def calm(self) -> Calm:
        assert self.world
        return self.world.calm


class VendorDoors:
    def __init__(self, company: Company) -> None:
        self.company = company

    def command(self, *words: str) -> Done:
        def world(folder: Path, passphrase_file: Path | None = None) -> _Calm:
            return _Calm(folder, passphrase_file, world=self.company)

        return through_the_door(calm_app, [*words, "--as", "olga", "--data", "nowhere"], world)

    def json(self, path: str) -> Any:
        """REST, with a new token: one ends after a while."""
        token = self.company.token_of("operator")
        answer = self.company.as_("nobody").get(f"/api/v1/{path}", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 200, (path, answer.content)
        return answer.json()

    def page(self, role: str, path: str, *fine: int) -> str:
        answer = self._browser(role).get(path)
        assert answer.status_code in (fine or (200,)), (role, path, answer.status_code)
        raw = answer.content.decode()
        assert '"None"' not in raw, path
        return text_of(raw)

    def _browser(self, role: str) -> Any:
        return self.company.as_(role)

    def mails(self) -> list[str]:
        """`calm notify`: what is sent now."""
        mail.outbox.clear()
        done = self.command("notify")
        assert done.code == 0, done
        sent = [f"{each.subject}\n{each.body}" for each in mail.outbox]
        for each in mail.outbox:
            each.message().as_bytes()
        return [*sent, f"{done.out} {done.err}"]

    def say_all(self, guid: str) -> Said:
        """Every page, command, answer and mail that is about this site, its account, or all of them."""
        said = {f"mail {place}": text for place, text in enumerate(self.mails())}
        for role, path in self._addresses(guid):
            said[f"{role} {path}"] = self.page(role, path)
        said |= self._commands(guid) | self._rest(guid)
        return Said(said)

    def _addresses(self, guid: str) -> Iterator[tuple[str, str]]:
        account = self.company.northwind.id
        for name in ("inbox", "expiring", "rooms", "purchases", "confirmations", "audit-log"):
            yield "operator", reverse(name)
        for name in ("customer", "customer-rooms", "customer-purchases", "customer-files", "customer-timeline"):
            yield "administrator", reverse(name, args=[account])
        for name in ("customer", "customer-notices", "token"):
            yield "operator", reverse(name, args=[account])
        for role in ("operator", "administrator"):
            for name in ("room", "room-timeline", "room-usage"):
                yield role, reverse(name, args=[guid])
            for refused in RefusedFile.objects.order_by("-pk")[:4]:
                if role == "operator" or refused.account == account:  # what CALM cannot place, customers are not shown
                    yield role, reverse("refused", args=[refused.pk])
        for file in LicenseFile.objects.filter(room__guid=guid).order_by("-sequence")[:2]:
            yield "administrator", reverse("certificate", args=[guid, file.id])

    def _commands(self, guid: str) -> dict[str, str]:
        asked = [("guid", "show", guid), ("guid", "list"), ("purchase", "list"), ("control-room", "list")]
        asked += [("account", "show", "Northwind")]
        asked += [("control-room", "show", room) for room in ControlRoom.objects.values_list("id", flat=True)[:3]]
        newest = AcceptedLfr.objects.filter(room__guid=guid).order_by("-sequence").first()
        if newest:
            asked += [("license-file", "preview", "--request", newest.id, "--product", "bot-creator=1")]
        found = {}
        for words in [*asked, *((*words, "--json") for words in asked)]:
            done = self.command(*words)
            assert done.code in (0, USAGE, REFUSED), (words, done)
            found[" ".join(words)] = f"{done.out} {done.err}"
        return found

    def _rest(self, guid: str) -> dict[str, str]:
        account = self.company.northwind.id
        paths = ["control-rooms", f"guids/{guid}", f"accounts/{account}", "audit-log"]
        paths += [f"accounts/{account}/{name}" for name in ("purchases", "guids", "windows")]
        return {f"GET {path}": json.dumps(self.json(path)) for path in paths}
