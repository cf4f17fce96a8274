"""Archives for the tests: whole ones, built once for all workers, and small ones to be spoiled."""

from __future__ import annotations

import fcntl
import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bundle.building import version
from bundle.make import Order, make, sign
from bundle.signing import ReleaseKey, trial_key
from bundle.wheels import KEPT, this_target
from carnet.bundles import FACTS, FIRST

NEWER = "40.0.1"
EPOCH = 1_700_000_000


@dataclass(frozen=True)
class Built:
    folder: Path  # shared by all workers; nothing in it is changed

    @property
    def key(self) -> ReleaseKey:
        return trial_key(self.folder / "release.key")

    def archive(self, which: str, release: str = version()) -> Path:
        return self.folder / which / f"{self.name(release)}.tar.gz"

    @staticmethod
    def name(release: str = version()) -> str:
        return f"carnet-control-room-{release}-linux-{os.uname().machine}"

    def build(self, which: str, release: str, key: ReleaseKey) -> None:
        target = this_target()
        make(Order(release, target.machine, [target.python], key, KEPT, EPOCH), self.folder / which)

    def build_all(self) -> None:
        self.build("first", version(), self.key)
        self.build("again", version(), self.key)
        self.build("newer", NEWER, self.key)
        (self.folder / "done").touch()


@contextmanager
def built_once(folder: Path):
    """The first of the workers builds; the others wait for it."""
    folder.mkdir(exist_ok=True)
    built = Built(folder)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            built.build_all()
    yield built


# --- small ones ------------------------------------------------------------------------------------------------

Entry = tuple[tarfile.TarInfo, bytes]


def small_folder(place: Path, key: ReleaseKey) -> Path:
    """A bundle of three files, signed."""
    folder = place / "carnet-control-room-40.0.1-linux-x86_64"
    (folder / "wheels").mkdir(parents=True)
    facts = {"name": "carnet-control-room", "version": NEWER, "platform": "linux-x86_64", "python": ["3.11"]}
    (folder / FACTS).write_text(json.dumps(facts))
    (folder / "install.py").write_text("print('installed')\n")
    (folder / "wheels" / "one.whl").write_bytes(bytes(range(256)) * 10)
    sign(key, folder)
    return folder


def entries(folder: Path) -> list[Entry]:
    """The files of a bundle as its archive has them."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return [entry(folder.name, name, (folder / name).read_bytes()) for name in ordered(names)]


def ordered(names: list[str]) -> list[str]:
    return [*FIRST, *sorted(set(names) - set(FIRST))]


def entry(top: str, name: str, data: bytes, **said: object) -> Entry:
    head = tarfile.TarInfo(f"{top}/{name}" if top else name)
    head.size = len(data)
    for field, value in said.items():
        setattr(head, field, value)
    return head, data


def archive(out: Path, content: list[Entry], spoil: Callable[[bytes], bytes] = lambda raw: raw) -> Path:
    """Written with another library's own defaults; `spoil` changes the tar before it is compressed."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for head, data in content:
            tar.addfile(head, io.BytesIO(data))
    out.write_bytes(gzip.compress(spoil(raw.getvalue())))
    return out
