"""Every command of the Control Room beside a running server: it answers what it answers without one."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from carnet.control_room.cli import app
from carnet.control_room.local_api.protocol import SOCKET
from tests.journeys.commands import FEATURE, PAGES, SEATS, USERS, Done, Later, Room, Story, again, day
from tests.journeys.test_contract import leaves

ONE_BY_ONE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}"  # ids
    r"|\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?Z?"
    r"|[0-9a-f]{16,64}…?"  # hashes
    r"|([0-9a-f]{4} ){3}[0-9a-f]{4}"  # a fingerprint's line
    r"|\"key_id\": \"[a-z2-7]{8}\"|key_id=[a-z2-7]{8}"
    r"|\"nonce\": \"[^\"]+\""
    r"|cnk_[a-z2-7]{8}_[a-z2-7]{52}"
    r"|[A-Za-z0-9+/]{43}="  # a root
    r"|[\d,]+ bytes|\"bytes\": \d+"
    r"|/[^ \"]*/(site|gap)/?[^ \",]*"
)
DAY_IN_A_TABLE = re.compile(r"(\d{4}-\d{2}-\d{2}|…( UTC)?)?[ ─]*")  # with the widths that it gives to columns


@contextmanager
def served(room: Room, end: int = signal.SIGTERM) -> Iterator[Room]:
    """A server runs on the room's folder; commands find no passphrase there, and need none."""
    phrase, away = room.data / "passphrase", room.data.parent / "phrase"
    server = room.start("serve", "--port", "0", "--no-pages")
    try:
        assert server.stderr
        assert "ready" in server.stderr.readline()
        phrase.rename(away)
        yield room
        away.rename(phrase)
    finally:
        server.send_signal(end)
        server.communicate(timeout=30)


# What cannot be done beside a server, or sets the pages' own Django up: in processes of their own (tests/room).
ALONE = {
    "init",
    "restore",
    "move",
    "serve",
    "person link",
    "person remove-factors",
    "person unlock",
    "notify",
    "key passphrase",
    "key rewrap",
    "clock confirm",
}


def access(gap: Path) -> list[tuple[str, ...]]:
    return [
        ("api-key", "create", "--name", "bots", "--product", SEATS, "--may", "take"),
        ("api-key", "create", "--name", "all", "--all-products", "--may", "read", "--out", str(gap / "key")),
        ("api-key", "create", "--name", "none", "--may", "read"),
        ("api-key", "create", "--name", "none", "--all-products", "--may", "fly"),
        ("api-key", "list"),
        ("api-key", "rename", "aaaaaaaa", "builders"),
        ("api-key", "revoke", "aaaaaaaa"),
        ("person", "add", "vera", "--role", "viewer"),
        ("person", "add", "vera", "--role", "king"),
        ("person", "change", "vera", "--role", "auditor"),
        ("person", "vouch", "vera"),
        ("person", "vouch", "nobody"),
        ("person", "remove", "vera"),
        ("person", "remove", "nobody"),
        ("person", "list"),
    ]


def lines(story: Story) -> Iterator[tuple[str, ...]]:
    """Every command, where it is granted, where it is refused, and where it makes no sense."""
    gap = story.gap
    (gap / "people.csv").write_text(f"user,product,action\nodin,{USERS},\nPLANT\\odin,{USERS},\n")
    yield from [
        ("status",),
        ("license", "show"),
        ("license", "show", "--receipt", str(gap / "receipt-again")),
        ("user", "assign", USERS, "mara"),
        ("user", "assign", USERS, "mara", "--key", "one"),
        ("user", "assign", USERS, "odin", "--key", "one"),
        ("user", "check", USERS, "mara"),
        ("user", "check", USERS, "nobody"),
        ("user", "unassign", USERS, "mara"),
        ("user", "import", str(gap / "people.csv"), "--check"),
        ("user", "import", str(gap / "people.csv")),
        ("user", "import", str(gap / "people.csv"), "--good-rows-only", "--refused", str(gap / "refused.csv")),
        ("user", "assign", USERS, "PLANT\\odin"),
        ("user", "assign", USERS, "PLANT\\odin", "--even-so"),
        ("seat", "acquire", SEATS, "--holder", "bot-17", "--ttl", "60"),
        ("seat", "acquire", PAGES, "--holder", "bot-17"),
        ("seat", "renew", "LEASE"),
        ("seat", "release", "LEASE"),
        ("seat", "release", "LEASE"),
        ("units", "consume", PAGES, "5001"),
        ("units", "consume", PAGES, "1200"),
        ("units", "reserve", PAGES, "100"),
        ("units", "settle", "RESERVATION", "101"),
        ("units", "settle", "RESERVATION", "1"),
        ("units", "cancel", "RESERVATION"),
        ("feature", "check", FEATURE),
        ("feature", "check", "no-such-product"),
        ("feature", "check", USERS, "--user", "mara"),
        ("usage", "show"),
        ("usage", "history", PAGES, "--days", "3"),
        ("usage", "history", "no-such-product"),
        *access(gap),
        ("request", "save-again", "--out", str(gap / "again.lfr")),
        ("forecast", "--on", day(400)),
        ("forecast", "--on", day(-1)),
        ("forecast", "--deadline-missed"),
        ("forecast", "--deadline-missed", "--on", day(1)),
        ("forecast",),
        ("request", "generate", "--out", str(gap / "change.lfr")),
        ("forecast", "--deadline-missed"),
        ("request", "withdraw"),
        ("request", "withdraw"),
        ("license", "preview", str(gap / "002.olf")),
        ("license", "install", str(gap / "002.olf")),
        ("license", "install", str(gap / "nowhere")),
        ("token", "install", str(gap / "001.token")),
        ("key-set", "install", str(story.site.data / "key-set.jws")),
        ("ledger", "show"),
        ("ledger", "show", "--last", "3", "--kind", "refused"),
        ("ledger", "checkpoint"),
        ("ledger", "verify"),
        ("ledger", "export", "--out", str(gap / "export")),
        ("backup", "--out", str(gap / "backup")),
        ("migrations",),
    ]


def played(story: Story, *, beside_server: bool) -> Iterator[tuple[str, str]]:
    """Each command, and what it answers, in words and in JSON, without what is another each time."""
    known = {"LEASE": "", "RESERVATION": ""}
    own = ("ledger", "verify"), ("ledger", "export")  # they read the stored records, with the keys
    for words in lines(story):
        line = [known.get(word, word) for word in words]
        if (words[:2] in own or words[0] == "backup") and beside_server:
            line += ["--passphrase-file", str(story.site.data.parent / "phrase")]
        form = () if words[:2] in (("ledger", "checkpoint"), ("usage", "show"), ("forecast",)) else ("--json",)
        if words[0] == "backup":
            (story.gap / "backup").unlink(missing_ok=True)
        done = story.site.run(*line, *form)
        heard = _plain(done)
        if words == ("forecast",):  # what runs out is counted from now on: another moment, and none is told at midnight
            heard = DAY_IN_A_TABLE.sub("", heard)
        yield ONE_BY_ONE.sub("…", " ".join(words)), heard
        if done.code == 0 and words[1:2] in (("acquire",), ("reserve",)):
            name = "LEASE" if words[1] == "acquire" else "RESERVATION"
            known[name] = done.json[f"{name.lower()}_id"]


def _plain(done: Done) -> str:
    return f"{done.code}\n{ONE_BY_ONE.sub('…', done.out)}\n{ONE_BY_ONE.sub('…', done.err)}"


@pytest.mark.rule("G2", "E3")
def test_every_command_answers_the_same_beside_a_server(story: Story, tmp_path: Path) -> None:
    twin = again(story, tmp_path / "twin")
    without = []
    with served(twin.site):  # command by command, so that both are asked at nearly the same moment
        pairs = zip(played(story, beside_server=False), played(twin, beside_server=True), strict=True)
        for one, other in pairs:
            assert one == other
            without.append(one)
    for room in (story.site, twin.site):
        assert room("ledger", "verify")["holds"]
    done = {" ".join(words.split()[: len(path)]) for words, _ in without for path in _paths()}
    left = {" ".join(path) for path in _paths()} - done
    assert left == ALONE & {" ".join(path) for path in _paths()}


def _paths() -> list[tuple[str, ...]]:
    return [path for path, _ in leaves(typer.main.get_command(app), ())]


def test_a_process_of_its_own_asks_the_server(story: Story) -> None:
    with served(story.site) as site:
        assert site.process("user", "assign", USERS, "mara").out == f"mara holds {USERS}: 1 of 3 in use.\n"
        done = site.process("status", "--json")
        assert (done.code, done.json["state"], done.json["storage"]) == (0, "active", "")
        refused = site.process("user", "check", USERS, "odin")
        assert (refused.code, refused.err.split("\n")[0].startswith("refused: not_granted")) == (3, True)
    assert [holder["holder"] for holder in story.site("usage", "show")["holders"]] == ["mara"]


def test_what_cannot_be_done_beside_a_server_says_so(story: Story, tmp_path: Path) -> None:
    story.site("backup", "--out", str(tmp_path / "backup"))
    trust = str(story.gap / "trust.json")
    with served(story.site) as site:
        for words, code in ((("restore", str(tmp_path / "backup")), 1), (("init", "--trust", trust), 2)):
            done = site.run(*words, "--passphrase-file", str(site.data.parent / "phrase"))
            assert done.code == code, done
        restored = site.run("restore", str(tmp_path / "backup"))
        assert restored.err.startswith(f"failed: busy: A server runs on {site.data}. Nothing was tried."), restored
        assert "\nnext: Stop it" in restored.err
        assert site("status")["state"] == "active"
    assert story.site("restore", str(tmp_path / "backup"))["size"] > 0


@pytest.mark.rule("L4")
def test_a_backup_made_beside_a_server_is_one_moment_of_it(story: Story, tmp_path: Path) -> None:
    with served(story.site) as site:
        for number in range(5):
            site("units", "consume", PAGES, "1")
            words = ("--out", str(tmp_path / f"{number}.backup"), "--passphrase-file", str(site.data.parent / "phrase"))
            assert site.run("backup", *words).code == 0
    new = Room(data=tmp_path / "other")
    phrase = str(story.site.data / "passphrase")
    new("restore", str(tmp_path / "3.backup"), "--passphrase-file", phrase)
    status = new("status", "--passphrase-file", phrase)
    assert next(p["consumed"] for p in status["products"] if p["sku"] == PAGES) == 4


@pytest.mark.rule("L4")
def test_verify_and_export_read_one_moment_though_a_server_goes_on_writing(story: Story, tmp_path: Path) -> None:
    """The rows are read while the head moves on; what is read is the moment at which reading began."""
    site = Later(story.site.data)
    with served(story.site) as room:
        by_hand = replace(site, passphrase_file=room.data.parent / "phrase")
        with by_hand.evidence(None) as (evidence, size), by_hand.engine() as engine:
            room("units", "consume", PAGES, "1")
            assert len(list(evidence.rows)) == size
            assert [record.index for record in engine.reader.records()] == list(range(size))


@pytest.mark.rule("G4")
def test_a_killed_server_leaves_nothing_in_the_way(story: Story) -> None:
    with served(story.site, end=signal.SIGKILL) as site:
        site("units", "consume", PAGES, "1")
    assert (story.site.data / SOCKET).is_socket()
    assert story.consumed() == 1
    story.site("units", "consume", PAGES, "1")
    with served(story.site) as site:
        site("units", "consume", PAGES, "1")
    assert not (story.site.data / SOCKET).exists()
    assert story.consumed() == 3


def test_a_folder_with_a_long_name(story: Story, tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    shutil.copytree(story.site.data, folder)
    with served(replace(story.site, data=folder)) as site:
        assert site("user", "assign", USERS, "mara")["in_use"] == 1
        assert site.process("status").code == 0


@pytest.mark.rule("A2")
def test_a_key_is_in_its_file_or_on_the_terminal_and_nowhere_else(story: Story, tmp_path: Path) -> None:
    site, file = story.site, tmp_path / "key"
    shown = site("api-key", "create", "--name", "bots", "--all-products", "--may", "take", "--may", "read")["key"]
    written = site.run("api-key", "create", "--name", "bots", "--all-products", "--may", "take", "--out", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    for key in (shown, file.read_text().strip()):
        assert re.fullmatch(r"cnk_[a-z2-7]{8}_[a-z2-7]{52}", key)
        secret = key.rpartition("_")[2]
        assert secret not in written.out + written.err
        for words in (("api-key", "list"), ("ledger", "show", "--last", "100"), ("usage", "show")):
            assert secret not in site.run(*words).out + site.run(*words, "--json").out
        assert all(secret.encode() not in path.read_bytes() for path in site.data.iterdir())
    with closing(sqlite3.connect(site.data / "control-room.sqlite3")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    key_id = shown.split("_")[1]
    assert site("api-key", "revoke", key_id)["key"] is None
    assert site("api-key", "revoke", key_id)["key_id"] == key_id
    assert [bool(key["revoked_at"]) for key in site("api-key", "list")["keys"]] == [True, False]
