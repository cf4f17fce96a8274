"""The wheels of others: which the lock names for a platform and a Python, found in a folder or downloaded into it.

Nothing is taken but what has a hash of the lock. `python -m bundle.wheels` fetches them for this Python beforehand.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from bundle.place import REQUIREMENTS, ROOT

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
_LONGEST = 90  # characters: the folder that it lies in counts too
KEPT = ROOT / "dist" / "wheels"  # downloaded before; each is checked against the lock again
MACHINES = ("x86_64", "aarch64")
GLIBC = 28  # of the oldest systems served: RHEL 8, Debian 10
LOCKS = ("installer", "site", "sdk")


class MissingWheelError(Exception):
    """What the lock asks for exists nowhere for that platform."""


@dataclass(frozen=True)
class Pin:
    """One line of a lock."""

    requirement: Requirement
    hashes: frozenset[str]  # SHA-256, hex

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        (specifier,) = self.requirement.specifier
        return specifier.version

    def line(self, hashes: Iterable[str]) -> str:
        """As a requirements file has it."""
        marker = f" ; {self.requirement.marker}" if self.requirement.marker else ""
        return " ".join([f"{self.name}=={self.version}{marker}", *(f"--hash=sha256:{one}" for one in sorted(hashes))])


@dataclass(frozen=True)
class Target:
    """Where it will be installed: CPython of one version, on Linux with glibc."""

    python: str
    machine: str

    def wants(self, pin: Pin) -> bool:
        return pin.requirement.marker is None or pin.requirement.marker.evaluate(self._environment())

    def _environment(self) -> dict[str, str]:
        """What markers ask; the rest they are told of this machine."""
        return {
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "sys_platform": "linux",
            "platform_system": "Linux",
            "os_name": "posix",
            "platform_machine": self.machine,
        }

    @property
    def platforms(self) -> list[str]:
        """The names of the platform, newest first."""
        older = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
        names = []
        for minor in range(GLIBC, 4, -1):
            names.append(f"manylinux_2_{minor}_{self.machine}")
            names += [f"{older[minor]}_{self.machine}"] if minor in older else []
        return [*names, f"linux_{self.machine}"]

    def tags(self) -> list[Tag]:
        """What a wheel may be tagged with, the best first."""
        return list(_tags(self))


@cache
def _tags(target: Target) -> tuple[Tag, ...]:
    version = tuple(int(part) for part in target.python.split("."))
    own = cpython_tags(version, platforms=target.platforms)
    return (*own, *compatible_tags(version, f"cp{version[0]}{version[1]}", target.platforms))


def pins(lock: str) -> list[Pin]:
    """Every line of `requirements/LOCK.txt`."""
    return list(read_pins((REQUIREMENTS / f"{lock}.txt").read_text()))


def read_pins(text: str) -> Iterator[Pin]:
    for line in text.replace("\\\n", " ").splitlines():
        words, *hashes = re.split(r"\s+--hash=sha256:", line.strip())
        if words and not words.startswith("#"):
            yield Pin(Requirement(words), frozenset(hashes))


@cache
def digest(wheel: Path) -> str:
    with wheel.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def short_name(name: str) -> str:
    """The name of a wheel in the archive, whose headers (ustar) hold 100 bytes of it. Where it is longer, it names the
    first of the platforms that it is for; what fits one of them fits all that are newer."""
    if len(name) <= _LONGEST:
        return name
    rest, _, platforms = name.removesuffix(".whl").rpartition("-")
    return f"{rest}-{platforms.partition('.')[0]}.whl"


def find(wanted: Iterable[Pin], target: Target, kept: Path) -> dict[Pin, Path]:
    """The best wheel in the folder for each pin that the target wants; those without one are left out."""
    order = {tag: rank for rank, tag in enumerate(target.tags())}
    found: dict[Pin, tuple[int, Path]] = {}
    by_hash = {one: pin for pin in wanted if target.wants(pin) for one in pin.hashes}
    for wheel in sorted(kept.glob("*.whl")):
        ranks = [order[tag] for tag in parse_wheel_filename(wheel.name)[3] if tag in order]
        pin = by_hash.get(digest(wheel)) if ranks else None
        if pin and (pin not in found or min(ranks) < found[pin][0]):
            found[pin] = (min(ranks), wheel)
    return {pin: wheel for pin, (_, wheel) in found.items()}


def collect(wanted: list[Pin], target: Target, kept: Path) -> dict[Pin, Path]:
    """As `find`, after downloading what is not there. Raises MissingWheelError."""
    needed = {pin for pin in wanted if target.wants(pin)}
    missing = needed - find(wanted, target, kept).keys()
    if missing:
        _download(sorted(missing, key=lambda pin: pin.name), target, kept)
    found = find(wanted, target, kept)
    if missing := needed - found.keys():
        names = ", ".join(sorted(f"{pin.name} {pin.version}" for pin in missing))
        raise MissingWheelError(f"No wheel for Python {target.python} on {target.machine}: {names}.")
    return found


def _download(missing: list[Pin], target: Target, kept: Path) -> None:
    kept.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=kept) as scratch:
        asked = Path(scratch) / "wanted.txt"
        asked.write_text("".join(f"{pin.name}=={pin.version} " + _hashes(pin) + "\n" for pin in missing))
        platforms = [word for name in target.platforms for word in ("--platform", name)]
        python = ["--python-version", target.python, "--implementation", "cp"]
        quiet = ["--quiet", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
        command = [sys.executable, "-m", "pip", "download", *quiet, "--only-binary", ":all:", *platforms, *python]
        done = subprocess.run([*command, "--dest", scratch, "-r", str(asked)], env=os.environ, check=False)
        if done.returncode:
            raise MissingWheelError(f"pip could not download the wheels for Python {target.python}.")
        for wheel in Path(scratch).glob("*.whl"):
            wheel.replace(kept / wheel.name)


def _hashes(pin: Pin) -> str:
    return " ".join(f"--hash=sha256:{one}" for one in sorted(pin.hashes))


def this_target() -> Target:
    return Target(f"{sys.version_info.major}.{sys.version_info.minor}", os.uname().machine)


if __name__ == "__main__":
    for lock in LOCKS:
        collect(pins(lock), this_target(), KEPT)
