"""Another user of this machine, less than root: tests of what root does in that user's folders. They need root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

import carnet
from tests.journeys.commands import Done

OTHER, THIRD = 23456, 23457  # users without a name
PHRASE = "a passphrase that only root reads"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
_SOURCE = str(Path(carnet.__file__).parents[1])
_MODULES = ":".join([_SOURCE, *(path for path in sys.path if path.endswith("site-packages"))])


@contextmanager
def a_place() -> Iterator[Path]:
    """A folder of root's into which others may look; the folders of the tests are root's alone."""
    folder = Path(tempfile.mkdtemp(prefix="carnet-", dir="/tmp"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)


def folder_of(user: int, path: Path) -> Path:
    path.mkdir(mode=0o700)
    os.chown(path, user, user)
    return path


@cache
def python_for_others() -> str:
    """A Python of this version that other users can run too; the one of these tests may lie in root's home."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        asked = [python, "-c", "import carnet.control_room.wiring, http.cookiejar"]
        try:
            done = subprocess.run(asked, env=_environment(), user=OTHER, group=OTHER, extra_groups=[], cwd="/")
        except OSError:
            continue
        if done.returncode == 0:
            return python
    pytest.skip("no Python here that another user can run")


def _environment() -> dict[str, str]:
    return {"PYTHONPATH": _MODULES, "PATH": "/usr/bin:/bin", "COLUMNS": "200", "LANG": "C.UTF-8", "USER": "root"}


def as_root(script: str, *words: object) -> Done:
    """Some lines of Python in a process of root's."""
    return _run([python_for_others(), "-c", script, *map(str, words)])


def command(name: str, *words: object) -> Done:
    """`control-room` or `calm`, called by root."""
    return _run([*shell_words(name), *map(str, words)])


def shell_words(name: str) -> list[str]:
    """What starts `control-room` or `calm` for any user, as words of a shell."""
    side = name.replace("-", "_")
    script = f"import sys; sys.argv[0] = {name!r}; from carnet.{side}.wiring import main; main()"
    return ["env", *(f"{key}={value}" for key, value in _environment().items()), python_for_others(), "-c", script]


def as_other(act: Callable[[], None], user: int = OTHER) -> None:
    """Something that the other user does, in a process of its own."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            act()
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def _run(words: list[str]) -> Done:
    done = subprocess.run(words, env=_environment(), cwd="/", capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return Done(done.returncode, done.stdout, done.stderr)
