"""`python -m bundle`: one archive for a closed site, into dist/."""

import argparse
import os
import sys
from pathlib import Path

from bundle.building import version
from bundle.make import Order, make
from bundle.place import ROOT, epoch, uncommitted
from bundle.signing import KeyFileError, ReleaseKey, make_key, read_key, read_public, trial_key
from bundle.wheels import KEPT, MACHINES, PYTHONS, MissingWheelError

TRIAL = "trial-release.key"


def main() -> int:
    given = _options().parse_args()
    try:
        if given.make_key:
            return _say_new(make_key(given.make_key), given.make_key)
        if given.key and (stray := uncommitted()):
            return _say_stray(stray)
        key = read_key(given.key) if given.key else trial_key(given.out / TRIAL)
        next_keys = [read_public(path) for path in given.next_key]
        order = Order(given.version, given.machine, given.python or PYTHONS, key, given.wheels, epoch(), next_keys)
        archive = make(order, given.out)
    except (KeyFileError, MissingWheelError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    print(f"{archive}: {archive.stat().st_size:,} bytes, for Python {', '.join(order.pythons)}")
    _say_key(key, None if given.key else given.out / TRIAL)
    return 0


def _say_new(key: ReleaseKey, path: Path) -> int:
    print(f"A release key is in {path}; its public keys are in {path}.pub.")
    print(f"Its SHA-256, to be told to each site: {key.fingerprint()}")
    return 0


def _say_stray(stray: list[str]) -> int:
    """What nobody committed is not signed: it may have come from anywhere."""
    print(f"failed: not committed, and it would be part of the release: {', '.join(stray[:5])}", file=sys.stderr)
    print("next: commit it or take it away. Without KEY it can be tried out as it is.", file=sys.stderr)
    return 1


def _say_key(key: ReleaseKey, trial: Path | None) -> None:
    print(f"Signed with the key {key.fingerprint()} (SHA-256 of the public key)")
    print(f"  for ssh: {key.ssh()}")
    if trial:
        print(f"This is NOT A RELEASE: no key was named, so one for trying out was used, kept in {trial}.")
        print("For a release name the vendor's: make bundle KEY=FILE.")


def _options() -> argparse.ArgumentParser:
    asked = argparse.ArgumentParser(prog="python -m bundle", description=__doc__)
    asked.add_argument("--out", type=Path, default=ROOT / "dist", help="where the archive goes")
    asked.add_argument("--key", type=Path, help="the vendor's release key; without it one to try out")
    asked.add_argument("--make-key", type=Path, metavar="FILE", help="make a release key, and nothing else")
    asked.add_argument(
        "--next-key", type=Path, action="append", default=[], help="public keys of later releases: FILE.pub"
    )
    asked.add_argument("--python", action="append", choices=PYTHONS, help="once for each; without it all of them")
    asked.add_argument("--machine", choices=MACHINES, default=os.uname().machine)
    asked.add_argument("--wheels", type=Path, default=KEPT, help="where downloaded wheels are kept")
    asked.add_argument("--version", default=version(), help="another than the source's, to try an upgrade out")
    return asked


if __name__ == "__main__":
    sys.exit(main())
