"""The installer by itself: what it refuses before it changes anything, and what it writes."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from bundle.make import sign
from bundle.signing import trial_key
from bundle.wheels import this_target
from tests.delivery.bundles import small_folder

REFUSED, FAILED = 3, 1


def _code(stopped: pytest.ExceptionInfo[SystemExit]) -> object:
    return stopped.value.code


def test_versions_are_compared_as_numbers(installer: ModuleType) -> None:
    assert installer.number("40.10.0") > installer.number("40.9.9")
    assert installer.number("40") == installer.number("40.0.0") == installer.number("40.0.0.0")


def test_another_python_or_machine_is_refused(installer: ModuleType) -> None:
    target = this_target()
    own = {"python": [target.python], "platform": f"linux-{target.machine}"}
    installer.check_machine(own)
    for other in ({"python": ["3.9"]}, {"platform": "linux-s390x"}):
        with pytest.raises(SystemExit) as stopped:
            installer.check_machine(own | other)
        assert _code(stopped) == REFUSED


@pytest.mark.parametrize("how", ["altered", "missing", "more", "link"])
def test_files_that_are_not_as_listed_are_refused(how: str, installer: ModuleType, tmp_path: Path) -> None:
    folder = small_folder(tmp_path, trial_key(tmp_path / "key"))
    installer.check_sums(folder)
    wheel = folder / "wheels" / "one.whl"
    if how == "altered":
        wheel.write_bytes(b"x")
    elif how == "more":
        (folder / "wheels" / "two.whl").write_bytes(b"x")
    else:
        wheel.unlink()
        if how == "link":
            wheel.symlink_to(folder / "install.py")
    with pytest.raises(SystemExit) as stopped:
        installer.check_sums(folder)
    assert _code(stopped) == REFUSED


def test_two_installations_at_once_are_refused(installer: ModuleType, tmp_path: Path) -> None:
    with installer.alone(tmp_path), pytest.raises(SystemExit) as stopped, installer.alone(tmp_path):
        pass
    assert _code(stopped) == FAILED


def test_where_the_data_are_is_kept_for_the_next_upgrade(installer: ModuleType, tmp_path: Path) -> None:
    said = argparse.Namespace(systemd=False, data="/srv/a b", passphrase_file=None)
    settings = installer.settings_of(said, tmp_path)
    (tmp_path / "versions" / "40.0.0").mkdir(parents=True)
    installer.switch(tmp_path, tmp_path / "versions" / "40.0.0", settings)
    later = argparse.Namespace(systemd=False, data=None, passphrase_file=None)
    assert installer.settings_of(later, tmp_path) == {"data": "/srv/a b"}


def test_a_starter_keeps_spaces_arguments_and_what_the_caller_says(installer: ModuleType, tmp_path: Path) -> None:
    prefix = tmp_path / "a place"
    program = prefix / "current" / "bin" / "control-room"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nprintf "%s|" "$CARNET_DATA" "$@"\n')
    program.chmod(0o755)
    starter = tmp_path / "control-room"
    starter.write_text(installer.starter(prefix, "control-room", {"data": "/srv/it's a"}))
    asked = ["sh", str(starter), "one two", "$HOME"]
    assert subprocess.run(asked, capture_output=True, text=True, env={}).stdout == "/srv/it's a|one two|$HOME|"
    told = subprocess.run(asked, capture_output=True, text=True, env={"CARNET_DATA": "/other"})
    assert told.stdout == "/other|one two|$HOME|"


def test_what_an_interrupted_installation_left_is_made_anew(installer: ModuleType, tmp_path: Path) -> None:
    half = tmp_path / "versions" / "40.0.1" / "lib"
    half.mkdir(parents=True)
    assert installer.folder_for(tmp_path / "versions", "40.0.1") == half.parent
    assert not half.exists()


def test_the_same_version_once_more_leaves_the_one_in_use(installer: ModuleType, tmp_path: Path) -> None:
    in_use = tmp_path / "versions" / "40.0.1"
    in_use.mkdir(parents=True)
    (in_use / installer.WHOLE).touch()
    (tmp_path / "current").symlink_to("versions/40.0.1")
    assert installer.folder_for(tmp_path / "versions", "40.0.1") == tmp_path / "versions" / "40.0.1.0"
    assert in_use.exists()


def test_an_installed_release_that_does_not_start_needs_a_signature_checked_by_hand(
    installer: ModuleType, tmp_path: Path
) -> None:
    """Its Python went away with an upgrade of the machine."""
    in_use = tmp_path / "versions" / "40.0.0"
    (in_use / "bin").mkdir(parents=True)
    (in_use / installer.WHOLE).write_text("40.0.0\n")
    (tmp_path / "current").symlink_to("versions/40.0.0")
    (in_use / "bin" / "carnet").write_text("#!/nowhere/python\n")
    (in_use / "bin" / "carnet").chmod(0o755)
    with pytest.raises(SystemExit) as stopped:
        installer.check_earlier(tmp_path, "40.0.1", checked=False)
    assert _code(stopped) == REFUSED
    assert installer.check_earlier(tmp_path, "40.0.1", checked=True) == "40.0.0"


def test_signing_twice_gives_the_same_list(tmp_path: Path) -> None:
    key = trial_key(tmp_path / "key")
    folder = small_folder(tmp_path, key)
    first = {name: (folder / name).read_bytes() for name in ("SHA256SUMS", "SHA256SUMS.sig", "SHA256SUMS.sshsig")}
    for name in first:
        (folder / name).unlink()
    sign(key, folder)
    assert first == {name: (folder / name).read_bytes() for name in first}
