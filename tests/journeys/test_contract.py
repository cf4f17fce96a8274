"""The commands as promised: names, options, answers, how they end, what they make of bad input."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
import typer

from carnet.calm.cli import app as calm_app
from carnet.cli import app as carnet_app
from carnet.control_room.cli import app as room_app
from tests.journeys.commands import FEATURE, PAGES, SEATS, USERS, Done, Room, Story, Vendor, day, through_the_door

APPS = {"calm": calm_app, "control-room": room_app, "carnet": carnet_app}

CONTRACT = """
calm init --catalogue
calm account add
calm account list
calm account show
calm approval request
calm approval grant
calm approval refuse
calm approval withdraw
calm purchase add
calm purchase list
calm purchase lower
calm guid add
calm guid list
calm guid show
calm catalogue show
calm catalogue load
calm token download --account --out
calm request accept --guid
calm license-file preview --request --product --until --line --site-clock-is-off --lowers-clock --out
calm license-file issue --request --product --until --line --site-clock-is-off --lowers-clock --out
calm license-file renew-as-now --request --out
calm license-file renew-all-as-now --account --request --out
calm license-file download --out
calm control-room list
calm control-room show
calm control-room accept-history --reason
calm control-room write-off --reason
calm confirm --as
calm receipt accept
calm log show
calm log verify
calm key rotate --as
calm key export-set --out
calm trust export --out
control-room init --trust
control-room status
control-room key-set install
control-room token install
control-room request generate --kind --since --new-keys --out
control-room request save-again --out
control-room request withdraw
control-room license preview
control-room license install --receipt
control-room license show
control-room user assign
control-room user unassign
control-room seat acquire
control-room seat renew
control-room seat release
control-room units consume
control-room feature check
control-room usage show
control-room ledger show
control-room ledger verify
control-room ledger checkpoint
control-room ledger export
control-room backup --out
control-room restore
control-room move --out --from
control-room forecast --on
carnet inspect
"""


def leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, child in getattr(command, "commands", {}).items():
        yield from leaves(child, (*path, name))
    if not getattr(command, "commands", None):
        yield path, command


LEAVES = {
    " ".join(path): command
    for name, app in APPS.items()
    for path, command in leaves(typer.main.get_command(app), (name,))
}


def options(command: Any) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts}


@pytest.mark.parametrize("line", CONTRACT.strip().splitlines())
def test_every_promised_command_is_there_with_its_options(line: str) -> None:
    words = line.split()
    path = " ".join(word for word in words if not word.startswith("--"))
    assert path in LEAVES
    assert {word for word in words if word.startswith("--")} <= options(LEAVES[path])


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_has_help_json_and_data(path: str) -> None:
    command, common = LEAVES[path], {"--json", "--data"}
    if path == "carnet verify-bundle":  # a release is checked where no data are yet
        common = {"--json"}
    assert common <= options(command)
    assert command.help
    program, *words = path.split()
    done = through_the_door(APPS[program], [*words, "--help"], None)
    assert done.code == 0
    assert all(name in done.out for name in (*common, "--help"))


@pytest.mark.rule("A2")
@pytest.mark.parametrize("path", LEAVES)
def test_no_command_takes_a_secret_as_a_value(path: str) -> None:
    words = [name for name in options(LEAVES[path]) if any(w in name for w in ("pass", "secret", "pin", "key"))]
    files = {"--passphrase-file", "--new-passphrase-file", "--key-set", "--private-key"}
    assert set(words) <= files | {"--new-keys", "--key"}


# --- how commands end ---------------------------------------------------------------------------------------------


def test_done_is_0_in_words_and_in_json(story: Story) -> None:
    for side, words in ((story.site, ("status",)), (story.calm, ("guid", "show", "Oslo"))):
        assert (side.process(*words).code, side.process(*words, "--json").code) == (0, 0)
        assert "{" not in side.run(*words).out


@pytest.mark.server
def test_a_fault_is_1_and_says_so(tmp_path: Path) -> None:
    for side in (Room(data=tmp_path / "none"), Vendor(data=tmp_path / "none")):
        words = ("status",) if side.command == "control-room" else ("guid", "list")
        done = side.process(*words, "--json")
        assert done.code == 1
        assert done.err.startswith("failed: ")
        assert "next: " in done.err
        assert set(done.json["failed"]) - {"run"} == {"message", "next"}
        assert not side.data.exists(), "looking makes no folder"


@pytest.mark.parametrize("words", [("status", "--nonsense"), ("nonsense",), ("units", "consume", PAGES), ()])
def test_bad_usage_is_2(story: Story, words: tuple[str, ...]) -> None:
    done = story.site.run(*words) if words else through_the_door(room_app, [], None)
    assert done.code == 2


@pytest.mark.rule("G1", "G3", "E13", "exhausted", "not_granted", "unknown_lease", "over_entitlement")
def test_a_refusal_is_3_with_its_code_on_stderr_and_in_the_json(story: Story) -> None:
    site = story.site
    assert site.code("units", "consume", PAGES, "5001") == "exhausted"
    assert site.code("units", "consume", "no-such-product", "1") == "not_granted"
    assert site.code("seat", "renew", "no-such-lease") == "unknown_lease"
    done = site.process("units", "consume", PAGES, "5001")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("refused: exhausted: ")
    assert "\nnext: " in done.err
    request = story.accept(story.ask())
    order = ("license-file", "issue", "--request", request, "--product", f"{PAGES}=10001", "--out", story.file("x"))
    assert story.calm.code(*order) == "over_entitlement"
    assert "10000" in story.calm.refused(*order)["message"].replace(",", ""), "the value that fits"
    assert not Path(story.file("x")).exists()


@pytest.mark.rule("S", "Q1")
def test_status_and_guid_show_have_the_promised_fields(story: Story) -> None:
    story.ask()
    status = story.state()
    assert status.keys() >= {"state", "version", "installed", "cycle", "products", "lines", "checkpoint", "clock"}
    assert status["state"] == "active"
    assert status["cycle"].keys() >= {"opened_at", "newest_request_at", "install_by"}
    product = {"sku", "metric", "granted", "in_use", "consumed", "remaining", "valid_until"}
    assert all(each.keys() >= product for each in status["products"])
    line = {"line_id", "sku", "quantity", "valid_from", "valid_until", "consumed"}
    assert all(each.keys() >= line for each in status["lines"])
    assert {each["sku"] for each in status["lines"]} == {USERS, SEATS, PAGES, FEATURE}
    assert status["checkpoint"].keys() >= {"size", "root"}
    assert status["clock"].keys() >= {"trusted", "system"}
    guid = story.calm("guid", "show", "Oslo")
    assert guid.keys() >= {"guid", "account", "control_room", "held", "spent", "available"}
    assert guid["control_room"] == status["control_room"]
    assert all(each.keys() >= {"purchase", "sku", "quantity"} for each in guid["held"])
    assert {each["sku"]: each["quantity"] for each in guid["held"]} == {USERS: 3, SEATS: 2, PAGES: 5000, FEATURE: 1}


@pytest.mark.rule("S")
def test_before_any_license_installed_and_cycle_are_null(story: Story, tmp_path: Path) -> None:
    room = Room(data=tmp_path / "new")
    room("init", "--trust", str(story.gap / "trust.json"))
    status = room("status")
    assert (status["state"], status["installed"], status["cycle"], status["products"]) == ("new", None, None, [])


# --- bad input ----------------------------------------------------------------------------------------------------


def graceful(done: Done, *codes: int) -> None:
    assert done.code in (codes or (1, 2, 3)), done
    assert "Traceback" not in done.out + done.err
    assert done.err.strip()


FILE_DOORS = [
    ("token", "install"),
    ("key-set", "install"),
    ("license", "preview"),
    ("license", "install"),
    ("restore",),
    ("move", "--from"),
    ("ledger", "verify", "--against"),
]
OUT_DOORS = [("request", "generate"), ("request", "save-again"), ("backup",), ("ledger", "export")]


@pytest.mark.parametrize("door", FILE_DOORS, ids=" ".join)
def test_a_file_that_is_none(story: Story, tmp_path: Path, door: tuple[str, ...]) -> None:
    (tmp_path / "garbage").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "empty").write_bytes(b"")
    long = "x" * 5000
    for name in (str(tmp_path / "nowhere"), str(tmp_path), str(tmp_path / "garbage"), str(tmp_path / "empty"), long):
        for form in ((), ("--json",)):
            graceful(story.site.run(*door, name, *form))


@pytest.mark.parametrize("door", OUT_DOORS, ids=" ".join)
def test_where_no_file_can_be_written(story: Story, tmp_path: Path, door: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("x")
    if door[-1] == "save-again":
        story.ask()
    for place in (tmp_path, tmp_path / "file" / "below", Path("/proc/nowhere"), tmp_path / ("x" * 300)):
        graceful(story.site.run(*door, "--out", str(place)), 1, 2)
    assert story.site("ledger", "verify")["holds"]


def test_doors_of_calm(story: Story, tmp_path: Path) -> None:
    (tmp_path / "garbage").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "unfinished.toml").write_text("[[product")
    for door in (("request", "accept", "--guid", "Oslo"), ("receipt", "accept"), ("catalogue", "load")):
        for name in ("nowhere", ".", "garbage", "unfinished.toml"):
            graceful(story.calm.run(*door, str(tmp_path / name)))
    for words in (
        ("guid", "show", "nobody"),
        ("account", "show", "nobody"),
        ("control-room", "show", "nobody"),
        ("confirm", "nobody"),
        ("license-file", "download", "nobody", "--out", str(tmp_path / "x")),
        ("license-file", "issue", "--request", "nobody", "--product", f"{PAGES}=1", "--out", str(tmp_path / "x")),
        ("approval", "grant", "nobody", "--reason", "x"),
        ("purchase", "lower", "nobody", "--reason", "x", "--quantity", "1"),
        ("control-room", "write-off", "nobody", "--reason", "x"),
        ("token", "download", "--account", "nobody", "--out", str(tmp_path / "x")),
    ):
        graceful(story.calm.run(*words))
    assert not (tmp_path / "x").exists()


NO_DATES = ["2026-02-30", "2026-13-01", "99999-01-01", "0000-01-01", "tomorrow", "", "2026-1-1T"]
NO_QUANTITIES = ["0", "-1", "1.5", "x", "9" * 30, str(2**53), "", "1e3", "²"]
BUY = ("purchase", "add", "--account", "Northwind", "--product", PAGES, "--from", day(0))


def test_dates_and_quantities_that_are_none(story: Story) -> None:
    before = story.state()
    for text in NO_DATES:
        graceful(story.site.run("forecast", "--on", text), 2)
        graceful(story.calm.run(*BUY, "--quantity", "1", "--until", text), 2)
    for text in NO_QUANTITIES:
        graceful(story.site.run("units", "consume", PAGES, text))
        graceful(story.calm.run(*BUY, "--until", day(9), "--quantity", text))
        if len(text) < 16:
            graceful(story.site.run("request", "generate", "--since", text, "--out", story.file("x")))
    assert story.consumed() == 0
    assert story.state()["cycle"] == before["cycle"]
    assert len(story.calm("purchase", "list")) == len(story.bought)


@pytest.mark.rule("L2")
@pytest.mark.parametrize("size", ["1000000", "9" * 18])
def test_since_beyond_the_ledger_is_stated_not_failed(story: Story, size: str) -> None:
    """And what is written, CALM can read."""
    done = story.site.run("request", "generate", "--since", size, "--out", story.file("lfr"))
    if done.code == 0:
        done = story.calm.run("request", "accept", story.file("lfr"), "--guid", "Oslo")
        assert "malformed" not in done.err, done.err
    assert story.site("ledger", "verify")["holds"]


NAMES = ["North[/x]wind [bold]", "[/]", "[link=x]y[/link]", "e\u0301cole", "\N{SNOWMAN} 株式会社", "a" * 200, "'; DROP"]
NO_NAMES = ["a" * 10_000, "two\nlines", "nul\u0000less"[:3] + "\t", "", "   ", "\u202egnp", "\u001b[31mred", "a\u2028b"]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_look_like_markup_are_names(story: Story, name: str) -> None:
    site = story.site
    assert site.run("user", "assign", "--as", name, "--", USERS, name).code == 0
    for words in (("usage", "show"), ("ledger", "show"), ("status",), ("ledger", "verify")):
        assert site.run(*words).code == 0, words
    assert {holder["holder"] for holder in site("usage", "show")["holders"]} == {normalize("NFC", name)}


def test_accounts_whose_names_look_like_markup(story: Story) -> None:
    for name in NAMES:
        done = story.calm.run("account", "add", "--", name)
        assert done.code == 0, done
    for words in (("account", "list"), ("log", "show")):
        assert story.calm.run(*words).code == 0, words
    assert {normalize("NFC", name) for name in NAMES} <= {row["name"] for row in story.calm("account", "list")}


def test_calm_says_that_such_a_name_is_none(story: Story) -> None:
    for name in NO_NAMES:
        graceful(story.calm.run("account", "add", name))
        graceful(story.calm.run("guid", "add", "--account", "Northwind", "--label", name))
        if name:
            graceful(story.calm.run("account", "add", "Contoso", "--as", name))
    assert story.calm("log", "verify")["holds"]


ACTS = {
    "user": ("user", "assign", "--", USERS, "NAME"),
    "holder": ("seat", "acquire", SEATS, "--holder", "NAME"),
    "actor": ("user", "assign", USERS, "anna", "--as", "NAME"),
    "product": ("units", "consume", "--", "NAME", "1"),
    "lease": ("seat", "renew", "--", "NAME"),
}


def _bad_names() -> Iterator[Any]:
    for act in ACTS:
        for name in ("a" * 201, "", "two\nlines", "\u001b[31mred"):
            if act == "actor" and name == "":
                continue  # nobody is named: the operating system's account is
            yield pytest.param(act, name, id=f"{act}-{name[:3]!r}")


@pytest.mark.rule("L1", "G4")
@pytest.mark.parametrize(("act", "name"), list(_bad_names()))
def test_the_site_refuses_such_a_name_and_its_ledger_can_be_read(story: Story, act: str, name: str) -> None:
    words = [name if word == "NAME" else word for word in ACTS[act]]
    graceful(story.site.run(*words))
    assert story.state()["state"] == "active"
    assert story.site("ledger", "verify")["holds"]


@pytest.mark.parametrize("name", ["", "a" * 201, "two\nlines"])
def test_a_control_room_is_not_set_up_under_such_a_name(story: Story, tmp_path: Path, name: str) -> None:
    room = Room(data=tmp_path / "new")
    graceful(room.run("init", "--trust", str(story.gap / "trust.json"), "--name", name))
    room("init", "--trust", str(story.gap / "trust.json"), "--name", "Oslo")
    assert room("status")["state"] == "new"


@pytest.mark.rule("L4")
@pytest.mark.parametrize("garbage", [b"", b"not a database", bytes(range(256)) * 64])
def test_a_database_of_garbage_is_a_fault(story: Story, garbage: bytes) -> None:
    for name in ("control-room.sqlite3-wal", "control-room.sqlite3-shm"):
        (story.site.data / name).unlink(missing_ok=True)
    (story.site.data / "control-room.sqlite3").write_bytes(garbage)
    for words in (("status",), ("ledger", "verify")):
        graceful(story.site.run(*words), 1)
    graceful(story.site.process("units", "consume", PAGES, "1"), 1)


def test_a_database_of_garbage_does_not_keep_the_folder_locked(story: Story, monkeypatch: Any) -> None:
    from carnet.control_room.engine import sqlite

    monkeypatch.setattr(sqlite, "LOCK_TRIES", 1)
    monkeypatch.setattr(sqlite, "LOCK_WAIT", 0)
    (story.site.data / "control-room.sqlite3").write_bytes(b"not a database")
    for _ in range(2):
        assert "Another process is writing" not in story.site.run("units", "consume", PAGES, "1").err


@pytest.mark.parametrize("table", ["record", "head", "site", "document", "secret", "data_key", "answer"])
def test_a_database_without_one_of_its_tables_is_a_fault(story: Story, table: str) -> None:
    import sqlite3

    db = sqlite3.connect(story.site.data / "control-room.sqlite3")
    db.execute(f"DROP TABLE {table}")
    db.commit()
    db.close()
    for words in (("status",), ("units", "consume", PAGES, "1")):
        graceful(story.site.run(*words), 1)


def test_calms_database_of_garbage_is_a_fault(story: Story) -> None:
    (story.calm.data / "calm.sqlite3").write_bytes(b"not a database at all" * 100)
    graceful(story.calm.process("account", "list"), 1)


def test_a_folder_that_another_process_writes_to_is_waited_for_and_then_left(story: Story, monkeypatch: Any) -> None:
    from carnet.control_room.engine import sqlite

    monkeypatch.setattr(sqlite, "LOCK_TRIES", 1)
    monkeypatch.setattr(sqlite, "LOCK_WAIT", 0)
    store = sqlite.SqliteStore.open(story.site.data, writing=True)
    try:
        done = story.site.run("units", "consume", PAGES, "1")
        graceful(done, 1)
        assert "Another process is writing" in done.err
        assert story.site.run("status").code == 0, "reading goes on"
    finally:
        store.close()


def test_set_up_twice_changes_nothing(story: Story) -> None:
    before = story.state()["control_room"]
    graceful(story.site.run("init", "--trust", str(story.gap / "trust.json")), 1, 2)
    graceful(story.calm.run("init"), 1, 2)
    assert story.state()["control_room"] == before


def test_a_half_finished_set_up_can_be_done_again(story: Story, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    folder.mkdir()
    shutil.copy(story.site.data / "control-room.sqlite3", folder / ".control-room.sqlite3.part")
    room = Room(data=folder)
    room("init", "--trust", str(story.gap / "trust.json"))
    assert room("status")["state"] == "new"
