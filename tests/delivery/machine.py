"""A machine at a closed site: no network, a bare environment, no package but what is in the archive."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.delivery.bundles import Built, version
from tests.journeys.commands import Done, Room

PYTHON = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
ALONE = ("unshare", "--map-root-user", "--net")


@cache
def without_network() -> tuple[str, ...]:
    """What a command is begun with to have no network: a namespace with no interface up; nothing where that is not
    to be had."""
    if shutil.which(ALONE[0]) is None:
        return ()
    return ALONE if subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0 else ()


@dataclass(frozen=True)
class Machine:
    folder: Path

    @property
    def prefix(self) -> Path:
        return self.folder / "opt"

    @property
    def data(self) -> Path:
        return self.folder / "site"

    def unpack(self, built: Built, which: str, release: str = version()) -> Path:
        place = self.folder / which
        place.mkdir()
        subprocess.run(["tar", "xzf", str(built.archive(which, release)), "-C", str(place)], check=True)
        return place / built.name(release)

    def command(self, *words: object) -> list[str]:
        return [*without_network(), *(str(word) for word in words)]

    def environment(self) -> dict[str, str]:
        """No variable of ours, of Python's or of pip's; an index would be asked in vain, and nobody is named."""
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.folder), "COLUMNS": "200", "LANG": "C.UTF-8"}

    def start(self, *words: object) -> subprocess.Popen[str]:
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        return subprocess.Popen(
            self.command(*words),
            stdin=nothing,
            stdout=pipe,
            stderr=pipe,
            text=True,
            env=self.environment(),
            start_new_session=True,
        )

    def run(self, *words: object) -> Done:
        done = self.start(*words)
        out, err = done.communicate(timeout=240)
        return Done(done.returncode, out, err)

    def install_words(self, bundle: Path, *options: object) -> list[object]:
        return [PYTHON, "-I", bundle / "install.py", "--prefix", self.prefix, "--data", self.data, *options]

    def install(self, bundle: Path, *options: object) -> Done:
        return self.run(*self.install_words(bundle, *options))

    def in_use(self) -> str:
        return (self.prefix / "current").readlink().name


@dataclass(frozen=True)
class InstalledRoom(Room):
    """The installed `control-room`; each command a process without network. It finds its data by itself."""

    machine: Machine = Machine(Path())
    program: Path = Path()

    def run(self, *words: str) -> Done:
        return self.machine.run(self.program, *words, "--as", self.by)
