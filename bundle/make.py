"""Puts an archive together: wheels, installer, units, bill of materials, checksums, signatures."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement

from bundle.archive import files_of, pack
from bundle.building import SDK, SITE, Cut, build, needed
from bundle.place import CONTENTS
from bundle.sbom import bill
from bundle.signing import ReleaseKey
from bundle.wheels import MissingWheelError, Pin, Target, collect, digest, pins, short_name
from carnet.bundles import (
    FACTS,
    FIRST,
    LATTICE_SIGNATURE,
    SIGNATURE,
    SSH_SIGNATURE,
    SUMS,
)

NAME = "carnet-control-room"
BILL, REQUIREMENTS, README = "sbom.cdx.json", "requirements.txt", "README.txt"
EXECUTABLE = ("install.py",)


@dataclass(frozen=True)
class Order:
    """What is to be built."""

    release: str
    machine: str
    pythons: Sequence[str]
    key: ReleaseKey
    kept: Path  # wheels of others, downloaded before
    epoch: int
    next_keys: Sequence[bytes] = field(default=())  # pairs of public keys, PEM, that sign later releases

    @property
    def platform(self) -> str:
        return f"linux-{self.machine}"

    @property
    def name(self) -> str:
        return f"{NAME}-{self.release}-{self.platform}"


def make(order: Order, out: Path) -> Path:
    """Build the archive into the folder, and its signatures beside it. Raises MissingWheelError.

    The same order gives the same bytes, save for the ML-DSA-65 signature, and so for what signs the archive.
    """
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out) as scratch:
        folder = Path(scratch) / order.name
        shutil.copytree(CONTENTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        keys = b"".join([order.key.both_pem(), *order.next_keys])
        _wheels(order, folder / "wheels", SITE, keys)
        _wheels(order, folder / "sdk", SDK)
        _describe(order, folder)
        sign(order.key, folder)
        archive = out / f"{order.name}.tar.gz"
        pack(folder, [*FIRST, README], EXECUTABLE, order.epoch, archive)
    sign_archive(order.key, archive)
    return archive


def _wheels(order: Order, folder: Path, cut: Cut, keys: bytes = b"") -> None:
    """The wheels of the locks and our own, with a list of them for pip that names their hashes."""
    folder.mkdir()
    tools = pins("installer") if cut is SITE else []
    wanted = pins(cut.lock) + tools
    chosen: dict[Pin, set[Path]] = {}
    for python in order.pythons:
        for pin, wheel in collect(wanted, Target(python, order.machine), order.kept).items():
            chosen.setdefault(pin, set()).add(wheel)
    for pin, wheels_of_pin in chosen.items():
        for wheel in wheels_of_pin:
            take(wheel, pin, folder)
    own = build(cut, order.release, order.epoch, folder, keys)
    lines = [pin.line(digest(wheel) for wheel in wheels) for pin, wheels in chosen.items() if pin not in tools]
    lines.append(Pin(Requirement(f"{cut.name}=={order.release}"), frozenset()).line([digest(own)]))
    (folder / REQUIREMENTS).write_text("\n".join(sorted(lines)) + "\n")


def take(wheel: Path, pin: Pin, folder: Path) -> None:
    """Copy it, and compare what was copied with the lock: the folder of wheels may have changed since it was read."""
    copy = Path(shutil.copy(wheel, folder / short_name(wheel.name)))
    if _digest(copy) not in pin.hashes:
        raise MissingWheelError(f"{wheel} is not what the lock names.")


def _describe(order: Order, folder: Path) -> None:
    wheels = list(folder.rglob("*.whl"))
    extras = sorted({extra for lock in ("site", "sdk") for one in needed(lock) for extra in Requirement(one).extras})
    (folder / BILL).write_text(bill(NAME, order.release, wheels, extras, order.epoch))
    facts = {"name": NAME, "version": order.release, "platform": order.platform, "python": list(order.pythons)}
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n")
    readme, said = folder / README, {"@ARCHIVE@": order.name, "@PYTHON@": ", ".join(order.pythons)}
    said |= {"@VERSION@": order.release, "@KEY@": order.key.fingerprint()}
    text = readme.read_text()
    for mark, value in said.items():
        text = text.replace(mark, value)
    readme.write_text(text)


def sign(key: ReleaseKey, folder: Path) -> None:
    """List every file of the folder with its checksum, and sign the list."""
    (folder / "vendor.pem").write_bytes(key.pem())
    (folder / "vendor.allowed_signers").write_bytes(key.allowed_signers())
    listed = [name for name in files_of(folder) if name not in FIRST]
    sums = "".join(f"{_digest(folder / name)}  {name}\n" for name in listed).encode()
    (folder / SUMS).write_bytes(sums)
    (folder / SIGNATURE).write_bytes(key.sign(sums))
    (folder / LATTICE_SIGNATURE).write_bytes(key.lattice_sign(sums))
    (folder / SSH_SIGNATURE).write_bytes(key.ssh_sign(sums))


def sign_archive(key: ReleaseKey, archive: Path) -> None:
    """Signatures beside the archive and over all of it: with them `openssl` or `ssh-keygen` says whose it is before
    anything of it is read. The public key beside them proves nothing by itself."""
    (archive.parent / "vendor.pem").write_bytes(key.pem())
    (archive.parent / "vendor.allowed_signers").write_bytes(key.allowed_signers())
    whole = archive.read_bytes()
    archive.with_name(f"{archive.name}.sig").write_bytes(key.sign(whole))
    archive.with_name(f"{archive.name}.sshsig").write_bytes(key.ssh_sign(whole))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
