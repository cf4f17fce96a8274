"""A folder as a .tar.gz that is the same bytes each time: order, times, owners and modes are fixed."""

import gzip
import tarfile
from collections.abc import Sequence
from pathlib import Path

from carnet.files import replacing


def files_of(folder: Path, first: Sequence[str] = ()) -> list[str]:
    """Every file below it; those named `first` in that order, the others by name."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [*first, *(name for name in names if name not in first)]


def pack(folder: Path, first: Sequence[str], executable: Sequence[str], epoch: int, out: Path) -> None:
    """Write it whole or not at all. Each name is below the folder's own."""
    with (
        replacing(out) as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in files_of(folder, first):
            entry = tarfile.TarInfo(f"{folder.name}/{name}")
            entry.size, entry.mtime = (folder / name).stat().st_size, epoch
            entry.mode = 0o755 if name in executable else 0o644
            entry.uname = entry.gname = "root"
            with (folder / name).open("rb") as file:
                tar.addfile(entry, file)
