"""Real commands on real folders. The Control Room's run through their own door in this process, or in processes of
their own; CALM's in a process that stays (`calm_process.py`), because to set Django up takes a second.

`Company.run` answers with exit code, stdout and stderr, as a shell would see them.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import msgspec

from carnet import cli_support
from carnet.control_room.cli import app as control_room_app
from carnet.control_room.engine.founding import LOCK
from carnet.control_room.engine.key_ring import KeyRing
from carnet.control_room.engine.sqlite import SqliteStore
from carnet.control_room.state.trusted_time import Reading
from carnet.control_room.wiring import Site
from carnet.errors import CarnetError
from carnet.exchange.enablement_token import Token
from carnet.exchange.envelope import JwsFields
from carnet.exchange.strict import from_base64url
from carnet.vault import Vault
from tests.support.kept_logs import secret, secret_bytes

ROOT = Path(__file__).parents[2]
REFUSED = 3
USERS, SEATS, PAGES, FEATURE = "bot-creator", "unattended-bot-runner", "document-pages", "automator-ai"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Company:
    """One side: its command and its data folder; `by` acts where nobody else is named."""

    command: str
    data: Path
    by: str = "nina"

    def __call__(self, *words: str) -> Any:
        """A command that must do its work; what it answers."""
        done = self.run(*words, "--json")
        assert done.code == 0, (words, done)
        answer = done.json
        if isinstance(answer, dict) and answer.get("key"):  # shown once: later answers have none
            secret(str(answer["key"]), "an API key")
        return answer

    def refused(self, *words: str) -> dict[str, Any]:
        """A command that a rule must refuse, in both forms: on stderr and in the JSON."""
        done = self.run(*words, "--json")
        assert done.code == REFUSED, (words, done)
        refusal: dict[str, Any] = done.json["refused"]
        assert done.err.startswith(f"refused: {refusal['code']}: "), done.err
        assert refusal["message"]
        assert refusal["next"]
        return refusal

    def code(self, *words: str) -> str:
        return str(self.refused(*words)["code"])

    def line(self, *words: str) -> list[str]:
        named = [] if "--as" in words else ["--as", self.by]
        end = words.index("--") if "--" in words else len(words)  # what follows is no option
        return [*words[:end], *named, "--data", str(self.data), *words[end:]]

    def run(self, *words: str) -> Done:
        raise NotImplementedError

    def process(self, *words: str, **places: str) -> Done:
        """The same in a process of its own."""
        done = self.start(*words, **places)
        out, err = done.communicate(timeout=60)
        return Done(done.returncode, out, err)

    def start(self, *words: str, **places: str) -> subprocess.Popen[str]:
        program = str(Path(sys.executable).with_name(self.command))
        pipe = subprocess.PIPE
        env = os.environ | {"COLUMNS": "200"} | places
        return subprocess.Popen(
            [program, *self.line(*words)], stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, env=env
        )


@dataclass(frozen=True)
class Vendor(Company):
    """CALM. `ahead` moves its clock."""

    command: str = "calm"
    data: Path = Path()
    ahead: timedelta = timedelta()

    def run(self, *words: str) -> Done:
        desk = _desk()
        assert desk.stdin
        assert desk.stdout
        order = {"words": self.line(*words), "ahead": self.ahead.total_seconds()}
        desk.stdin.write(json.dumps(order) + "\n")
        desk.stdin.flush()
        return Done(*json.loads(desk.stdout.readline()))


@cache
def _desk() -> subprocess.Popen[str]:
    """One for all folders, as long as this process lives."""
    command, pipe = [sys.executable, "-m", "tests.journeys.calm_process"], subprocess.PIPE
    world = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | {"COLUMNS": "200"}
    desk = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=world)
    atexit.register(_close, desk)
    return desk


def _close(desk: subprocess.Popen[str]) -> None:
    if desk.stdin and desk.stdout:
        desk.stdin.close()
        desk.wait(timeout=20)
        desk.stdout.close()


@dataclass(frozen=True)
class Room(Company):
    """A Control Room. `ahead` moves its clocks."""

    command: str = "control-room"
    data: Path = Path()
    by: str = "kari"
    ahead: timedelta = timedelta()

    def run(self, *words: str) -> Done:
        return through_the_door(control_room_app, self.line(*words), self._world)

    def _world(self, folder: Path, passphrase_file: Path | None = None) -> Site:
        return Later(folder, passphrase_file, self.ahead)

    def later(self, **span: float) -> Room:
        return replace(self, ahead=self.ahead + timedelta(**span))

    def copy(self, folder: Path) -> Room:
        """A clone: the same folder, byte for byte, on another machine."""
        shutil.copytree(self.data, folder)
        return replace(self, data=folder)


@dataclass(frozen=True)
class Later(Site):
    """The composition root with another clock; and with the stretching of a passphrase remembered, which is slow."""

    ahead: timedelta = timedelta()
    largest_jump: timedelta | None = field(default=None, kw_only=True)  # a test goes where it wants

    def reading(self) -> Reading:
        own = super().reading()
        passed = max(0, int(self.ahead.total_seconds()))  # no uptime runs backwards
        return Reading(own.system + self.ahead, own.uptime + passed, own.boot)

    def _keys(self, store: SqliteStore) -> KeyRing:
        lock = store.document(LOCK)
        assert lock
        return KeyRing(_opened(lock, cli_support.passphrase(self.folder, self.passphrase_file)), store.secret)


@lru_cache
def _opened(lock: bytes, phrase: bytes) -> Vault:
    return Vault.open(lock, phrase)


def through_the_door(
    app: Any, words: list[str], world: Any, translate: Callable[[Exception], CarnetError | None] = lambda _: None
) -> Done:
    """Run a command line in this process, through the door that turns faults into words and exit codes."""
    out, err = io.StringIO(), io.StringIO()
    before, mask, columns = sys.argv, os.umask(0o022), os.environ.pop("COLUMNS", None)
    sys.argv, os.environ["COLUMNS"] = ["command", *words], "200"
    try:
        with redirect_stdout(out), redirect_stderr(err):
            cli_support.run(app, world, translate)
    except SystemExit as end:
        code = end.code
    finally:
        sys.argv = before
        os.umask(mask)
        del os.environ["COLUMNS"]
        if columns is not None:
            os.environ["COLUMNS"] = columns
    return Done(int(code or 0), out.getvalue(), err.getvalue())


def tables(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, read from the file."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: db.execute(f'SELECT * FROM "{name}" ORDER BY 1').fetchall() for name in names}


def token_in(file: Path) -> Token:
    """What a token says; nothing is verified."""
    jws = msgspec.json.decode(file.read_bytes(), type=JwsFields)
    return msgspec.json.decode(from_base64url(jws.payload), type=Token)


def day(days: int) -> str:
    return f"{TODAY + timedelta(days=days):%Y-%m-%d}"


@dataclass
class Story:
    """A vendor, a site, the gap between them, and what was bought."""

    calm: Vendor
    site: Room
    gap: Path
    bought: dict[str, str] = field(default_factory=dict)  # purchases, by product
    number: int = 0
    standard: dict[str, int] = field(default_factory=lambda: dict(STANDARD))  # what an OLF gives where nothing is said

    def file(self, ending: str) -> str:
        return str(self.gap / f"{self.number:03}.{ending}")

    def ask(self, site: Room | None = None, *options: str) -> str:
        """A new LFR; where it lies."""
        self.number += 1
        (site or self.site)("request", "generate", *options, "--out", self.file("lfr"))
        return self.file("lfr")

    def accept(self, lfr: str, guid: str = "Oslo") -> str:
        return str(self.calm("request", "accept", lfr, "--guid", guid)["lfr"])

    def issue(self, request: str, **quantities: int) -> str:
        """An OLF out of the purchases bought at the start; where it lies."""
        lines = []
        for sku, purchase in self.bought.items():
            if quantity := quantities.get(sku.replace("-", "_"), self.standard[sku]):
                lines += ["--line", f"{purchase}={quantity}"]
        self.calm("license-file", "issue", "--request", request, *lines, "--out", self.file("olf"))
        return self.file("olf")

    def license(self, *options: str, **quantities: int) -> str:
        """A whole cycle: LFR, OLF, installed. Where the OLF lies."""
        olf = self.issue(self.accept(self.ask(None, *options)), **quantities)
        self.site("license", "install", olf, "--receipt", self.file("receipt"))
        return olf

    def token(self) -> str:
        self.number += 1
        self.calm("token", "download", "--account", "Northwind", "--out", self.file("token"))
        secret_bytes(from_base64url(token_in(Path(self.file("token"))).enrolment_secret), "an enrolment secret")
        return self.file("token")

    def two_people(self, *words: str, first: str = "nina", second: str = "otto") -> Any:
        proposal = self.calm(*words, "--as", first)["proposal"]
        assert self.calm.code("confirm", proposal, "--as", first) == "needs_second_person"
        return self.calm("confirm", proposal, "--as", second)

    def state(self, site: Room | None = None) -> Any:
        return (site or self.site)("status")

    def consumed(self, site: Room | None = None) -> int:
        return int(next(p for p in self.state(site)["products"] if p["sku"] == PAGES)["consumed"])


BOUGHT = {USERS: 4, SEATS: 2, PAGES: 10_000, FEATURE: 1}
STANDARD = {USERS: 3, SEATS: 2, PAGES: 5_000, FEATURE: 1}


def begin(
    folder: Path,
    bought: Mapping[str, int] = BOUGHT,
    standard: Mapping[str, int] = STANDARD,
    site: Room | None = None,
) -> Story:
    """Northwind has an approval, purchases for a year and a GUID “Oslo”; the site is set up and licensed."""
    calm, site = Vendor(data=folder / "calm"), site or Room(data=folder / "site")
    story = Story(calm, site, folder / "gap", standard=dict(standard))
    gap = story.gap
    gap.mkdir()
    calm("init", "--vendor", "Automation Vendor")
    calm("account", "add", "Northwind")
    for label in ("Oslo", "Bergen"):
        calm("guid", "add", "--account", "Northwind", "--label", label)
    asked = ("--industry", "Finance", "--reason", "closed network", "--version", "40.0.0")
    calm("approval", "request", "--account", "Northwind", *asked)
    calm("approval", "grant", "Northwind", "--reason", "site visit", "--as", "otto")
    for sku, quantity in bought.items():
        span = ("--from", day(0), "--until", day(365))
        added = calm("purchase", "add", "--account", "Northwind", "--product", sku, "--quantity", str(quantity), *span)
        story.bought[sku] = added["purchase"]
    calm("trust", "export", "--out", str(gap / "trust.json"))
    story.site("init", "--trust", str(gap / "trust.json"), "--name", "Oslo Vault")
    for folder_of in (calm.data, site.data):
        secret((folder_of / "passphrase").read_text().strip(), "a passphrase")
    story.site("token", "install", story.token())
    story.license()
    return story


def again(story: Story, folder: Path) -> Story:
    """The same story in a folder of its own, so that each test may tell another end of it."""
    places = {name: folder / name for name in ("calm", "site", "gap")}
    for name, place in places.items():
        shutil.copytree(getattr(story, name).data if name != "gap" else story.gap, place)
    calm = replace(story.calm, data=places["calm"])
    site = replace(story.site, data=places["site"])
    return replace(story, calm=calm, site=site, gap=places["gap"], bought=dict(story.bought))
