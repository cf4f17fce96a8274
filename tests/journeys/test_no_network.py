"""The site's half with the network taken away: any socket but AF_UNIX is an error; and no host's name in its code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.commands import ROOT

WHOLE_HALF = r'''
import socket, sys

def deny(event, arguments):
    """AF_UNIX may be opened and called; all else that a socket does, or asks about a name, ends the process."""
    if event == "socket.__new__" and arguments[1] == socket.AF_UNIX:
        return
    if event == "socket.connect" and arguments[0].family == socket.AF_UNIX:
        return  # the local door of this very folder
    if event.startswith("socket."):
        raise RuntimeError(f"the network was touched: {event} {arguments}")

sys.addaudithook(deny)

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from carnet.control_room.cli import app
from carnet.control_room.wiring import Site
from carnet.cli import app as inspect_app
from carnet.exchange.strict import encode
from tests.journeys.commands import Room, through_the_door
from tests.support.vendor_simulator import Vendor, line

folder = Path(sys.argv[1])
now = datetime.now(UTC).replace(microsecond=0)
vendor, site = Vendor(), Room(data=folder / "site")
put = lambda name, raw: (folder / name).write_bytes(raw) and str(folder / name)
at = lambda name: str(folder / name)
site("init", "--trust", put("trust.json", encode(vendor.trust)), "--name", "Oslo")
site("token", "install", put("token", vendor.token(now)))
site("key-set", "install", put("key-set", vendor.key_set_raw))
site("request", "generate", "--out", at("lfr"))
site("request", "save-again", "--out", at("lfr"))
site("request", "withdraw")
site("request", "generate", "--out", at("lfr"))
lines = [line(sku, n, now, now + timedelta(days=90))
         for sku, n in (("bot-creator", 2), ("unattended-bot-runner", 1), ("document-pages", 9), ("automator-ai", 1))]
put("olf", vendor.olf((folder / "lfr").read_bytes(), lines, now))
site("license", "preview", at("olf"))
site("license", "install", at("olf"), "--receipt", at("receipt"))
site("license", "show")
site("user", "assign", "bot-creator", "anna")
site("user", "check", "bot-creator", "anna")
site("user", "unassign", "bot-creator", "anna")
lease = site("seat", "acquire", "unattended-bot-runner", "--holder", "bot-1")["lease_id"]
site("seat", "renew", lease)
site("seat", "release", lease)
site("units", "consume", "document-pages", "4")
site("feature", "check", "automator-ai")
for words in (["usage", "show"], ["status"], ["forecast", "--on", f"{now + timedelta(days=100):%Y-%m-%d}"],
              ["ledger", "show"], ["ledger", "verify"], ["ledger", "checkpoint"]):
    site(*words)
    assert site.run(*words).code == 0
site("ledger", "export", "--out", at("export"))
site("backup", "--out", at("backup"))
site("restore", at("backup"))
site("request", "generate", "--kind", "release", "--out", at("release"))
for name in ("token", "lfr", "olf", "receipt", "key-set"):
    done = through_the_door(inspect_app, ["inspect", at(name), "--data", str(site.data)], None)
    assert done.code == 0, done
try:
    socket.socket(socket.AF_INET)
except RuntimeError:
    print("taken away, and never missed")
'''


@pytest.mark.server
@pytest.mark.rule("E3", "E7")
def test_the_sites_whole_half_opens_no_socket(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WHOLE_HALF, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "taken away, and never missed\n"


SITE_HALF = ("control_room", "exchange", "entitlements", "merkle")
ALONE = ("vault.py", "cli_support.py", "clock.py", "errors.py", "cli.py")
ADDRESS = re.compile(r"[a-z]+://|\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b|\blocalhost\b", re.IGNORECASE)
WORDS = [("free_text.py", "localhost")]  # what a name looks like that it warns of (E3)
HOST = re.compile(r"\b[a-z0-9-]+\.(?:com|org|net|io|dev|eu|local|internal|cloud|info|example|test)\b", re.IGNORECASE)
NETWORK = re.compile(r"^\s*(?:import|from)\s+(?:socket|ssl|http|urllib|asyncio|ftplib|smtplib|requests|httpx)\b", re.M)


LOCAL_DOOR = ("writer.py", "client.py", "server.py")  # a file's socket, and an event loop


LISTENING = (
    "rest",
    "pages",
    "serving.py",
    "serve.py",
    "pages_process.py",
)  # in the Control Room: what waits for callers here


def _files() -> list[Path]:
    house = ROOT / "src" / "carnet"
    files = [path for part in SITE_HALF for path in (house / part).rglob("*.py")] + [house / name for name in ALONE]
    return [path for path in files if not set(path.parts) & set(LISTENING)]


@pytest.mark.parametrize("pattern", [ADDRESS, HOST, NETWORK], ids=["address", "host", "module"])
def test_the_sites_half_names_no_host_and_no_network(pattern: re.Pattern[str]) -> None:
    files = _files()
    assert len(files) > 50
    found = [(path.name, match.group()) for path in files for match in pattern.finditer(path.read_text())]
    assert [each for each in found if each not in WORDS and (pattern is not NETWORK or each[0] not in LOCAL_DOOR)] == []


def test_what_listens_calls_nobody() -> None:
    """But the engine, over its own socket, and systemd. Mail, syslog and a directory are the site's own, and asked only
    where its administrator has named them (`pages/notices.py`, `pages/directory.py`)."""
    house = ROOT / "src" / "carnet" / "control_room"
    files = [path for path in house.rglob("*.py") if set(path.parts) & set(LISTENING)]
    assert len(files) > 10
    calls = re.compile(
        r"create_connection|open_connection|getaddrinfo|(?<!sqlite3)\.connect\("
        r"|urllib\.request|\bhttpx\b|import requests\b|http\.client"
    )
    found = sorted(path.name for path in files if calls.search(path.read_text()))
    assert found == ["engine.py", "serve.py"], "two sockets of this machine"


@pytest.mark.parametrize("name", LOCAL_DOOR)
def test_the_local_door_speaks_of_no_other_kind_of_socket(name: str) -> None:
    room = ROOT / "src" / "carnet" / "control_room"
    folder = "engine" if name == "writer.py" else "local_api"
    text = (room / folder / name).read_text()
    assert not re.search(r"AF_INET|create_connection|start_server|create_server|getaddrinfo", text)
