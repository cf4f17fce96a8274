"""Code that the vendor did not sign, in the vendor's archive: it must not run, and not be taken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bundle.make import sign
from bundle.place import CONTENTS
from bundle.signing import ReleaseKey, trial_key
from tests.delivery.bundles import small_folder

REFUSED = 3

# What Python would take for a module of its own, were the folder of the script, or the current one, searched.
MODULES = ("__future__", "argparse", "json", "os", "pathlib", "posix", "sys", "venv", "encodings/idna", "sitecustomize")


@pytest.fixture
def key(tmp_path: Path) -> ReleaseKey:
    return trial_key(tmp_path / "release.key")


@pytest.fixture
def folder(tmp_path: Path, key: ReleaseKey) -> Path:
    """A signed release whose installer is the real one."""
    folder = small_folder(tmp_path, key)
    shutil.copy(CONTENTS / "install.py", folder / "install.py")
    sign(key, folder)
    return folder


def _plant(folder: Path, module: str) -> Path:
    """A module that says that it ran, then removes itself so that no later look finds it."""
    ran, planted = folder.parent / "ran", folder / f"{module}.py"
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(f"import posix\nopen({str(ran)!r}, 'w').close()\nposix.unlink({str(planted)!r})\n")
    return ran


def _install(folder: Path, *python: str) -> subprocess.CompletedProcess[str]:
    """As the guide says it, from within the folder; `python`: options of Python itself."""
    words = [sys.executable, *python, "install.py", "--prefix", str(folder.parent / "prefix")]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True)


@pytest.mark.security
@pytest.mark.parametrize("isolated", [(), ("-I",)], ids=["python3", "python3 -I"])
@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_was_added_to_the_archive_is_refused_and_never_run(
    module: str, isolated: tuple[str, ...], folder: Path
) -> None:
    ran = _plant(folder, module)
    done = _install(folder, *isolated)
    assert not ran.exists(), "code that nobody signed ran"
    assert (done.returncode, "does not belong to the release" in done.stderr) == (REFUSED, True), done
    assert not (folder.parent / "prefix").exists()
