"""Root in a folder of another user: it becomes that user, and follows no link that the user planted."""

from __future__ import annotations

import grp
import json
import os
import pwd
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer

from carnet import files, owner
from carnet.calm.cli import app as calm_app
from carnet.control_room.cli import app as control_room_app
from carnet.errors import UsageError
from carnet.exchange.strict import encode
from tests.support.other_user import (
    OTHER,
    PHRASE,
    THIRD,
    a_place,
    as_other,
    as_root,
    command,
    folder_of,
    needs_root,
    shell_words,
)
from tests.support.vendor_simulator import Vendor

pytestmark = pytest.mark.server


# --- for any user ---------------------------------------------------------------------------------------------------


def _planted(folder: Path, victim: Path) -> list[Path]:
    """Links under each name that was once a file beside."""
    names = (".file.part", ".file.part.part", "file.part")
    for name in names:
        (folder / name).symlink_to(victim)
    return [folder / name for name in names]


@pytest.mark.security
@pytest.mark.rule("D2")
def test_a_file_beside_is_new_and_follows_no_link_that_was_planted(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("as it was")
    folder = tmp_path / "folder"
    folder.mkdir()
    links = _planted(folder, victim)
    files.check_can_write(folder / "file")
    files.write_file(folder / "file", b"new", 0o600)
    assert victim.read_text() == "as it was"
    assert (folder / "file").read_bytes() == b"new"
    assert sorted(folder.iterdir()) == sorted([*links, folder / "file"])


@pytest.mark.security
@pytest.mark.rule("D2")
def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("as it was")
    (tmp_path / "file").symlink_to(victim)
    files.write_file(tmp_path / "file", b"new", 0o600)
    assert victim.read_text() == "as it was"
    assert not (tmp_path / "file").is_symlink()


@pytest.mark.security
@pytest.mark.rule("D2")
def test_no_name_of_a_file_beside_can_be_guessed(tmp_path: Path) -> None:
    names = set()
    for _ in range(20):
        with files.replacing(tmp_path / "file") as file:
            names |= {path.name for path in tmp_path.iterdir()} - {"file"}
            file.write(b"x")
    assert len(names) == 20
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_not_written_whole_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("as it was")
    with pytest.raises(TypeError), files.replacing(tmp_path / "file") as file:
        file.write("half")  # type: ignore[arg-type] # it breaks in the middle
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "as it was"


@pytest.mark.security
@pytest.mark.rule("D2")
@pytest.mark.parametrize("app", [calm_app, control_room_app], ids=["calm", "control-room"])
def test_every_command_goes_through_the_one_door_that_becomes_the_owner(app: typer.Typer) -> None:
    found = list(_commands(app))
    assert len(found) > 20
    assert {each.__qualname__ for each in found} == {"command.<locals>.register.<locals>.run"}


def _commands(app: typer.Typer) -> Iterator[Callable[..., object]]:
    for each in app.registered_commands:
        assert each.callback
        yield each.callback
    for group in app.registered_groups:
        assert group.typer_instance
        yield from _commands(group.typer_instance)


# --- for root -------------------------------------------------------------------------------------------------------


@pytest.fixture
def place() -> Iterator[Path]:
    with a_place() as place:
        yield place


@pytest.fixture
def roots(place: Path) -> Path:
    """A folder that nobody but root can look into, with a file in it."""
    folder = place / "roots"
    folder.mkdir(mode=0o700)
    (folder / "shadow").write_text("root:secret-of-root")
    (folder / "shadow").chmod(0o600)
    (folder / "passphrase").write_text(PHRASE)
    (folder / "passphrase").chmod(0o600)
    (folder / "trust.json").write_bytes(encode(Vendor().trust))
    return folder


@pytest.fixture
def data(place: Path, roots: Path) -> Path:
    """A Control Room of the other user's, that root has set up with a passphrase and a trust file of root's."""
    folder = folder_of(OTHER, place / "site")
    done = _do(roots, folder, "init", "--trust", roots / "trust.json")
    assert done["data"] == str(folder)
    return folder


def _do(roots: Path, data: Path, *words: object) -> dict[str, object]:
    done = command("control-room", *words, "--data", data, "--passphrase-file", roots / "passphrase", "--json")
    assert done.code == 0, (words, done)
    answer: dict[str, object] = json.loads(done.out)
    return answer


def _untouched(roots: Path) -> None:
    assert sorted(path.name for path in roots.iterdir()) == ["passphrase", "shadow", "trust.json"]
    found = (roots / "shadow").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (0, 0o600)
    assert (roots / "shadow").read_text() == "root:secret-of-root"


def _owners(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in [folder, *folder.rglob("*")]}


@needs_root
@pytest.mark.security
@pytest.mark.rule("D2")
def test_root_becomes_the_owner_for_good(place: Path) -> None:
    folder = folder_of(OTHER, place / "site")
    script = """
import ctypes, os, sys, pathlib
from carnet.owner import become_owner_of
become_owner_of(pathlib.Path(sys.argv[1]))
print(os.getresuid(), os.getresgid(), os.getgroups())
try:
    os.setresuid(0, 0, 0)
except PermissionError:
    print("for good")
print("others look into it:", ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 1)  # PR_GET_DUMPABLE
"""
    for where in (folder, folder / "still" / "to be made"):
        done = as_root(script, where)
        ids = f"({OTHER}, {OTHER}, {OTHER})"
        assert done.out.splitlines() == [f"{ids} {ids} []", "for good", "others look into it: False"], done
    (place / "own").mkdir()
    for where in (place / "own", place / "new"):
        assert as_root(script, where).out.startswith("(0, 0, 0)"), "in its own folder root is root"


@needs_root
@pytest.mark.security
@pytest.mark.rule("D2")
def test_all_that_root_makes_in_the_folder_is_the_owners(data: Path, roots: Path) -> None:
    assert _do(roots, data, "person", "link", "root")["link"]
    _do(roots, data, "backup", "--out", data / "inside.backup")
    _do(roots, data, "notify")
    assert _do(roots, data, "migrations")["steps"] is not None
    _do(roots, data, "restore", data / "inside.backup")
    assert _owners(data) == {OTHER}
    _untouched(roots)


@needs_root
@pytest.mark.security
@pytest.mark.rule("D2")
def test_one_serve_of_roots_leaves_nothing_that_the_service_cannot_open(data: Path, roots: Path) -> None:
    """With pages, ended by Ctrl-C: as an administrator tries it before the service is started."""
    words = [*shell_words("control-room"), "serve", "--data", data, "--passphrase-file", roots / "passphrase"]
    ports = ["--port", "0", "--pages", "127.0.0.1:0"]
    with subprocess.Popen([*words, *ports], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        assert server.stdout
        said: list[str] = []
        for line in server.stdout:
            said.append(line)
            if "The pages answer" in line:
                break
        server.send_signal(signal.SIGINT)
        said.append(server.communicate(timeout=60)[0])
    assert (data / "static").is_dir(), said
    assert _owners(data) == {OTHER}
    as_other(lambda: owner.check_usable(data))


PLANTED = ("lock", "pages.sqlite3", "snapshot", "key-set.jws", "static", ".snapshot.part", ".key-set.jws.part")
COMMANDS: dict[str, tuple[str, ...]] = {
    "lock": ("person", "add", "kari", "--role", "viewer"),
    "pages.sqlite3": ("person", "link", "root"),
    "notices": ("notify",),
    "backup": ("backup", "--out", "{data}/new.backup"),
    "migrations": ("migrations",),
    "verify": ("ledger", "verify"),
    "restore": ("restore", "{data}/old.backup"),
    "init": ("init", "--trust", "{roots}/trust.json"),
}


@needs_root
@pytest.mark.security
@pytest.mark.rule("D2")
@pytest.mark.parametrize("what", COMMANDS)
def test_no_command_of_root_follows_a_link_that_the_owner_planted(what: str, data: Path, roots: Path) -> None:
    _do(roots, data, "backup", "--out", data / "old.backup")

    def plant() -> None:
        names = [*PLANTED, ".new.backup.part", ".control-room.sqlite3.part", "passphrase", "web.secret"]
        for name in names:
            (data / name).unlink(missing_ok=True)
            (data / name).symlink_to(roots / ("shadow" if "part" in name else f"made-by-{name}"))

    as_other(plant)
    words = [word.format(data=data, roots=roots) for word in COMMANDS[what]]
    command("control-room", *words, "--data", data, "--passphrase-file", roots / "passphrase")
    _untouched(roots)
    assert _owners(data) == {OTHER}


@needs_root
@pytest.mark.security
@pytest.mark.rule("D2")
def test_root_hands_over_what_is_its_own_and_nothing_stays_behind(data: Path, roots: Path) -> None:
    """A backup goes into a folder of root's, and comes back from it."""
    out = roots / "made" / "plant.backup"
    out.parent.mkdir(mode=0o700)
    assert _do(roots, data, "backup", "--out", out)["file"] == str(out)
    found = out.stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (0, 0o600)
    assert [path.name for path in out.parent.iterdir()] == ["plant.backup"]
    again = command("control-room", "backup", "--out", out, "--data", data)  # before it asks for the passphrase
    assert (again.code, "replaces no other" in again.err) == (2, True)
    assert _do(roots, data, "restore", out)["size_before"]
    assert _owners(data) == {OTHER}
    refused = command("control-room", "request", "generate", "--out", roots / "made" / "x.lfr", "--data", data)
    assert refused.code != 0
    assert [path.name for path in out.parent.iterdir()] == ["plant.backup"], "no half a file, and no empty one"


@needs_root
@pytest.mark.security
@pytest.mark.rule("D2")
@pytest.mark.parametrize("shared", ["his folder", "a sticky folder"])
def test_a_file_that_somebody_else_can_exchange_is_not_read_with_roots_rights(
    shared: str, data: Path, roots: Path, place: Path
) -> None:
    """Else the owner, or any third one, would be shown what only root may read."""
    folder = folder_of(THIRD, place / "third")
    if shared == "a sticky folder":
        os.chown(folder, 0, 0)
        folder.chmod(0o1777)
    else:
        folder.chmod(0o755)
    as_other(lambda: (folder / "x.backup").symlink_to(roots / "shadow"), THIRD)
    for words in (("restore", folder / "x.backup"), ("token", "install", folder / "x.backup")):
        done = command("control-room", *words, "--data", data, "--passphrase-file", roots / "passphrase")
        assert done.code != 0, done
        assert "secret-of-root" not in done.out + done.err
    done = command("control-room", "status", "--data", data, "--passphrase-file", folder / "x.backup")
    assert done.code != 0
    assert all(b"secret-of-root" not in path.read_bytes() for path in data.rglob("*") if path.is_file())
    _untouched(roots)


@needs_root
@pytest.mark.security
@pytest.mark.rule("D2")
def test_root_writes_no_file_where_somebody_else_can_exchange_the_folder(data: Path, roots: Path, place: Path) -> None:
    third = folder_of(THIRD, place / "third")
    as_other(lambda: (third / "out").symlink_to(roots), THIRD)
    done = command("control-room", "backup", "--out", third / "out" / "x.backup", "--data", data)
    assert done.code != 0, done
    _untouched(roots)


@needs_root
@pytest.mark.security
@pytest.mark.rule("D2")
def test_a_file_goes_into_and_comes_from_a_folder_with_its_owners_rights(data: Path, roots: Path, place: Path) -> None:
    """A third one's stick, that the owner of the data folder cannot look into."""
    stick = folder_of(THIRD, place / "stick")
    as_other(lambda: (stick / "inner").mkdir(), THIRD)
    _do(roots, data, "backup", "--out", stick / "inner" / "x.backup")
    assert _owners(stick) == {THIRD}
    assert [path.name for path in (stick / "inner").iterdir()] == ["x.backup"]
    assert _do(roots, data, "restore", stick / "inner" / "x.backup")["size_before"]
    assert _owners(data) == {OTHER}
    _untouched(roots)


@needs_root
@pytest.mark.security
@pytest.mark.rule("D2")
def test_root_in_its_own_folder_writes_into_anothers_folder_as_that_one(place: Path, roots: Path) -> None:
    data, stick = place / "site", folder_of(THIRD, place / "stick")
    _do(roots, data, "init", "--trust", roots / "trust.json")
    _do(roots, data, "backup", "--out", stick / "x.backup")
    as_other(lambda: (stick / "y.backup").symlink_to(roots / "shadow"), THIRD)
    as_other(lambda: (stick / "out").symlink_to(roots), THIRD)
    refused = command("control-room", "ledger", "export", "--out", stick / "out" / "z", "--data", data)
    assert (refused.code, "others can change" in refused.err) == (2, True), refused
    link = command("control-room", "ledger", "export", "--out", stick / "y.backup", "--data", data)
    assert (link.code, "is a symbolic link" in link.err) == (2, True), link
    _do(roots, data, "ledger", "export", "--out", stick / "z.jsonl")
    assert (stick / "y.backup").is_symlink()
    assert _owners(stick) == {THIRD}
    assert _owners(data) == {0}
    _untouched(roots)


@needs_root
@pytest.mark.security
@pytest.mark.rule("D2")
def test_root_does_not_stay_root_where_a_folder_inside_is_anothers(place: Path, roots: Path) -> None:
    data = place / "site"
    _do(roots, data, "init", "--trust", roots / "trust.json")
    (data / "static").mkdir()
    os.chown(data / "static", OTHER, OTHER)
    done = command("control-room", "status", "--data", data, "--passphrase-file", roots / "passphrase")
    assert (done.code, "can change" in done.err) == (2, True), done


@needs_root
@pytest.mark.security
@pytest.mark.rule("D2")
def test_root_does_not_work_in_a_folder_that_others_can_exchange(data: Path, roots: Path, place: Path) -> None:
    third = folder_of(THIRD, place / "third")
    inside = third / "site"
    as_other(lambda: inside.symlink_to(roots), THIRD)
    own = place / "open"
    own.mkdir()
    own.chmod(0o777)
    for folder in (inside, own, own / "new"):
        done = command("control-room", "init", "--trust", roots / "trust.json", "--data", folder)
        assert (done.code, "can change" in done.err) == (2, True), done
    _untouched(roots)
    assert not list(own.iterdir())


@needs_root
@pytest.mark.security
@pytest.mark.rule("D2")
def test_calm_too_is_set_up_as_the_owner_of_its_folder(place: Path, roots: Path) -> None:
    folder = folder_of(OTHER, place / "calm")
    words = ("--data", folder, "--passphrase-file", roots / "passphrase")
    done = command("calm", "init", *words)
    assert done.code == 0, done
    done = command("calm", "trust", "export", "--out", roots / "out.json", *words)
    assert done.code == 0, done
    assert (roots / "out.json").stat().st_uid == 0
    (roots / "out.json").unlink()
    assert _owners(folder) == {OTHER}
    _untouched(roots)


def test_the_way_of_root_is_roots(tmp_path: Path) -> None:
    """What is looked at: each folder, each link, and where each link leads."""
    own = os.geteuid()
    (tmp_path / "inner").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "inner")
    assert owner.changed_by_others(tmp_path / "link", {own}) is None
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "open" / "more").mkdir()
    assert owner.changed_by_others(tmp_path / "open" / "more", {own}) == tmp_path / "open"
    (tmp_path / "far").symlink_to(tmp_path / "open" / "more")
    assert owner.changed_by_others(tmp_path / "far", {own}) == tmp_path / "open"
    (tmp_path / "round").symlink_to(tmp_path / "round")
    assert owner.changed_by_others(tmp_path / "round", {own}) is not None
    with pytest.raises(OSError, match="nowhere"):
        owner.changed_by_others(tmp_path / "nowhere", {own})


@needs_root
@pytest.mark.security
@pytest.mark.rule("D2")
def test_a_group_that_may_write_counts_where_somebody_else_is_in_it(tmp_path: Path) -> None:
    """Many systems give each user a group of their own, and a mask that lets it write: nobody else is in it."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o775)
    (tmp_path / "shared" / "inner").mkdir()
    assert not grp.getgrgid(0).gr_mem, "else this machine cannot try it"
    os.chown(tmp_path / "shared", 0, 0)
    assert owner.changed_by_others(tmp_path / "shared" / "inner") is None
    (another,) = [user.pw_gid for user in pwd.getpwall() if user.pw_name == "daemon"]
    for group in (another, 54_321):  # one with a member, and one of which nothing is known
        os.chown(tmp_path / "shared", 0, group)
        assert owner.changed_by_others(tmp_path / "shared" / "inner") == tmp_path / "shared"


@needs_root
@pytest.mark.rule("D2")
def test_a_file_of_roots_that_the_service_needs_is_named_with_the_command_that_mends_it(place: Path) -> None:
    """`place` is root's; the folder and all in it are the service's, but for what somebody copied there as root."""
    folder = folder_of(OTHER, place / "site")
    (folder / "a note of the administrator's").write_text("root's, and nobody needs it")
    as_other(lambda: owner.check_usable(folder))
    for name in ("control-room.sqlite3", "lock", "keys"):
        path = folder / name
        path.mkdir() if name == "keys" else path.touch()
        path.chmod(0o700)
        os.chown(path, 0, 0)
        said = _said_to_other(folder)
        assert said.startswith(f"{path} belongs to root, and this command runs as {OTHER},"), said
        assert f"chown -R {OTHER}: {folder}" in said
        os.chown(path, OTHER, OTHER)
    assert _said_to_other(folder) == ""
    said = _said_to_other(folder, THIRD)
    assert said.startswith(f"The data folder {folder} belongs to {OTHER}, and this command runs as {THIRD}."), said


def _said_to_other(folder: Path, user: int = OTHER) -> str:
    """What the check says to another user, who writes it down in a folder of their own."""
    told = folder_of(user, folder.parent / f"told-{os.urandom(4).hex()}") / "told"

    def ask() -> None:
        try:
            owner.check_usable(folder)
            told.write_text("")
        except UsageError as error:
            told.write_text(f"{error} {error.next_step}")

    as_other(ask, user)
    return told.read_text()
