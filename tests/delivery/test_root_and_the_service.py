"""An upgrade that root runs, beside a service whose user would like to be root: no name in the data folder helps."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from carnet.exchange.strict import encode
from tests.support.other_user import (
    OTHER,
    PHRASE,
    THIRD,
    a_place,
    as_other,
    command,
    folder_of,
    needs_root,
    shell_words,
)
from tests.support.vendor_simulator import Vendor

pytestmark = [needs_root, pytest.mark.security]
NEWER = "40.0.1"


@pytest.fixture
def place() -> Iterator[Path]:
    with a_place() as place:
        yield place


@pytest.fixture
def prefix(place: Path) -> Path:
    """Where a release is installed: its `control-room` is the one of this checkout."""
    program = place / "prefix" / "current" / "bin" / "control-room"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.join(shell_words("control-room"))} "$@"\n')
    program.chmod(0o755)
    return place / "prefix"


@pytest.fixture
def shadow(place: Path) -> Path:
    (place / "etc").mkdir()
    (place / "etc").chmod(0o711)  # whatever mask this process has by now
    (place / "etc" / "shadow").write_text("root:secret-of-root")
    (place / "etc" / "shadow").chmod(0o600)
    return place / "etc" / "shadow"


@pytest.fixture
def data(place: Path) -> Path:
    folder = folder_of(OTHER, place / "site")
    (place / "trust.json").write_bytes(encode(Vendor().trust))
    phrase = place / "passphrase"
    phrase.write_text(PHRASE)
    phrase.chmod(0o600)
    done = command(
        "control-room", "init", "--trust", place / "trust.json", "--data", folder, "--passphrase-file", phrase
    )
    assert done.code == 0, done
    return folder


def _settings(data: Path) -> dict[str, str]:
    return {"data": str(data), "passphrase_file": str(data.parent / "passphrase")}


def _untouched(shadow: Path) -> None:
    found = shadow.stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (0, 0o600)
    assert shadow.read_text() == "root:secret-of-root"
    assert [path.name for path in shadow.parent.iterdir()] == ["shadow"]


@pytest.mark.rule("D2")
def test_the_backup_of_an_upgrade_follows_no_link_of_the_services_user(
    installer: ModuleType, prefix: Path, data: Path, shadow: Path
) -> None:
    """Each name that a backup once had on its way, planted before it; one of them is the backup's own."""
    backup = data / f"before-{NEWER}.backup"
    names = [backup.name, f"{backup.name}.part", f".{backup.name}.part", f".{backup.name}.part.part"]
    as_other(lambda: [(data / name).symlink_to(shadow) for name in names] and None)
    installer.back_up(prefix, _settings(data), backup)
    _untouched(shadow)
    assert not backup.is_symlink()
    assert (backup.stat().st_uid, stat.S_IMODE(backup.stat().st_mode)) == (OTHER, 0o600)
    assert {path.lstat().st_uid for path in data.rglob("*")} == {OTHER}


@pytest.mark.rule("D2")
def test_a_backup_that_cannot_be_made_ends_the_upgrade_and_touches_nothing(
    installer: ModuleType, prefix: Path, data: Path, shadow: Path
) -> None:
    """The service's user put a folder where the backup is to lie."""
    backup = data / f"before-{NEWER}.backup"
    as_other(lambda: (backup / "in the way").mkdir(parents=True))
    with pytest.raises(SystemExit) as stopped:
        installer.back_up(prefix, _settings(data), backup)
    assert stopped.value.code == 1
    _untouched(shadow)


@pytest.mark.rule("D2")
def test_what_the_new_release_asks_of_the_data_it_asks_as_their_owner(
    installer: ModuleType, prefix: Path, data: Path, shadow: Path
) -> None:
    """With a passphrase that root alone reads, and names in the folder that lead to root's."""

    def plant() -> None:
        for name in ("lock", "pages.sqlite3", "snapshot"):
            (data / name).unlink(missing_ok=True)
            (data / name).symlink_to(shadow.parent / f"made-by-{name}")

    as_other(plant)
    settings = _settings(data)
    made = prefix / "versions" / NEWER
    made.parent.mkdir()
    made.symlink_to(prefix / "current")
    installer.look_at_ledger(made, prefix, "40.0.0", settings, skip=False)
    _untouched(shadow)
    assert (data / f"before-{NEWER}.backup").stat().st_uid == OTHER


@pytest.mark.rule("D2")
def test_what_is_done_as_the_owner_is_done_with_no_more_rights(installer: ModuleType, data: Path, shadow: Path) -> None:
    def look() -> None:
        assert (os.getresuid(), os.getresgid(), os.getgroups()) == ((OTHER,) * 3, (OTHER,) * 3, [])
        with pytest.raises(PermissionError):
            os.setuid(0)

    assert installer.as_owner_of(data, look)
    assert not installer.as_owner_of(data, lambda: shadow.read_text())
    assert os.geteuid() == 0


@pytest.mark.rule("D2")
def test_the_services_folder_and_passphrase_are_made_where_only_root_can(installer: ModuleType, place: Path) -> None:
    third = folder_of(THIRD, place / "third")
    third.chmod(0o755)
    for settings in (
        {"data": str(third / "site"), "passphrase_file": str(place / "new" / "passphrase")},
        {"data": str(place / "new" / "site"), "passphrase_file": str(third / "passphrase")},
    ):
        with pytest.raises(SystemExit) as stopped:
            installer.check_site(installer.argparse.Namespace(systemd=True, root="/"), settings)
        assert stopped.value.code == 3
    settings = {"data": str(place / "new" / "site"), "passphrase_file": str(place / "new" / "passphrase")}
    installer.check_site(installer.argparse.Namespace(systemd=True, root="/"), settings)
    installer.prepare_site(place / "new" / "site", place / "new" / "passphrase")
    assert stat.S_IMODE((place / "new" / "site").stat().st_mode) == 0o700
    assert stat.S_IMODE((place / "new" / "passphrase").stat().st_mode) == 0o600
    assert list(third.iterdir()) == []
