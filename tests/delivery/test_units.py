"""The services: what systemd itself says of them where it is there, and that nothing is left open."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

SERVICES = ("carnet-control-room.service", "carnet-control-room-notify.service")
UNITS = (*SERVICES, "carnet-control-room-notify.timer")
CLOSED = ("ProtectSystem=strict", "NoNewPrivileges=yes", "PrivateTmp=yes", "CapabilityBoundingSet=", "User=carnet")


@pytest.fixture
def root(installer: ModuleType, tmp_path: Path) -> Path:
    """What `install.py --systemd` writes, below a folder; the program it names is there."""
    prefix, root = tmp_path / "opt", tmp_path / "root"
    program = prefix / "current" / "bin" / "control-room"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    given = argparse.Namespace(systemd=True, data=None, passphrase_file=None)
    installer.install_units(prefix, root, installer.settings_of(given, prefix))
    return root


def test_the_units_name_what_was_installed_and_shut_the_rest(root: Path) -> None:
    for name in UNITS:
        text = (root / "etc/systemd/system" / name).read_text()
        assert not re.search("@[A-Z]+@", text)
    for name in SERVICES:
        lines = (root / "etc/systemd/system" / name).read_text().splitlines()
        assert set(CLOSED) <= set(lines)
        (after,) = [line for line in lines if line.startswith("After=")]
        assert "time-sync.target" in after.split(), "the clock is set before it is written down (T5)"
        assert "Wants=time-sync.target" in lines
        assert "LoadCredential=passphrase:/etc/carnet/passphrase" in lines
        (start,) = [line for line in lines if line.startswith("ExecStart=")]
        assert start.startswith(f"ExecStart={root.parent / 'opt/current/bin/control-room'} ")


def test_the_passphrase_is_made_once_and_for_its_owner_alone(root: Path, installer: ModuleType) -> None:
    phrase = root / "etc/carnet/passphrase"
    first = phrase.read_text()
    assert len(first.strip()) >= 24
    assert phrase.stat().st_mode & 0o077 == 0
    given = argparse.Namespace(systemd=True, data=None, passphrase_file=None)
    installer.install_units(root.parent / "opt", root, installer.settings_of(given, root.parent / "opt"))
    assert phrase.read_text() == first


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
def test_systemd_takes_the_units(root: Path) -> None:
    units = [str(root / "etc/systemd/system" / name) for name in UNITS]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if "carnet" in line]
    assert (done.returncode, said) == (0, []), done


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
@pytest.mark.parametrize("name", SERVICES)
def test_systemd_finds_little_exposed(root: Path, name: str) -> None:
    unit = str(root / "etc/systemd/system" / name)
    asked = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-300:]
