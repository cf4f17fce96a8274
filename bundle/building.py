"""Our own wheels: the Control Room's without a line of CALM, and the SDK's. Both are cut out of the one source tree."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bundle.place import REQUIREMENTS, ROOT, SOURCE

KEYS = "release.pub"  # where an installed release looks for the vendor's public keys
_BUILD = "import sys; from flit_core.buildapi import build_wheel; print(build_wheel(sys.argv[1]))"
_VERSION = re.compile(r'^__version__ = "[0-9.]+"', re.MULTILINE)


@dataclass(frozen=True)
class Cut:
    """Which part of `carnet` becomes a wheel of its own."""

    name: str
    description: str
    without: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()  # where it is named: nothing else
    lock: str = ""  # whose .in lists what it needs
    scripts: tuple[tuple[str, str], ...] = ()

    def takes(self, name: str) -> bool:
        return name not in self.without and (not self.only or name in self.only)


SITE = Cut(
    "carnet-control-room",
    "Offline licensing on the closed site",
    without=frozenset({"calm", "sdk", "__pycache__"}),
    lock="site",
    scripts=(("control-room", "carnet.control_room.wiring:main"), ("carnet", "carnet.cli:main")),
)
SDK = Cut(
    "carnet-sdk",
    "Seats and units of a Control Room, for bots and products",
    only=frozenset({"__init__.py", "py.typed", "sdk"}),
    lock="sdk",
)


def version() -> str:
    """Of the source tree."""
    found = _VERSION.search((SOURCE / "__init__.py").read_text())
    assert found
    return found[0].split('"')[1]


def build(cut: Cut, release: str, epoch: int, into: Path, keys: bytes = b"") -> Path:
    """The wheel, in the folder. `keys`: the vendor's public keys (PEM) that it will trust the next release by."""
    with TemporaryDirectory() as scratch:
        _stage(cut, release, Path(scratch), keys)
        # The builder imports the package to read its version: what Python compiles then must not be packed.
        env = os.environ | {"SOURCE_DATE_EPOCH": str(epoch), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-I", "-B", "-c", _BUILD, str(into)]  # no module of the folder in place of Python's
        done = subprocess.run(command, cwd=scratch, env=env, capture_output=True, text=True, check=True)
    return into / done.stdout.strip().splitlines()[-1]


def _stage(cut: Cut, release: str, folder: Path, keys: bytes) -> None:
    package = folder / "carnet"
    package.mkdir()
    for entry in sorted(SOURCE.iterdir()):
        if not cut.takes(entry.name):
            continue
        if entry.is_dir():
            shutil.copytree(entry, package / entry.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(entry, package / entry.name)
    first = package / "__init__.py"
    first.write_text(_VERSION.sub(f'__version__ = "{release}"', first.read_text()))
    if keys:
        (package / KEYS).write_bytes(keys)
    shutil.copy(ROOT / "LICENSE", folder / "LICENSE")
    (folder / "pyproject.toml").write_text("\n".join(_project(cut, release)))


def _project(cut: Cut, release: str) -> Iterable[str]:
    yield from ("[build-system]", 'requires = ["flit_core>=4.2,<5"]', 'build-backend = "flit_core.buildapi"')
    yield from ("[project]", f'name = "{cut.name}"', f'version = "{release}"', f'description = "{cut.description}"')
    yield from ('requires-python = ">=3.11"', 'license = "Apache-2.0"', 'license-files = ["LICENSE"]')
    yield f"dependencies = {json.dumps(needed(cut.lock))}"
    if cut.scripts:
        yield "[project.scripts]"
        yield from (f'{name} = "{entry}"' for name, entry in cut.scripts)
    yield from ("[tool.flit.module]", 'name = "carnet"')


def needed(lock: str) -> list[str]:
    """What `requirements/LOCK.in` asks for: the one place where it stands."""
    lines = (line.strip() for line in (REQUIREMENTS / f"{lock}.in").read_text().splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-r"))]
