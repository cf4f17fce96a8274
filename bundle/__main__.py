"""`python -m bundle`: one archive for a closed site, into dist/."""

import argparse
import os
import sys
from pathlib import Path

from bundle.building import version
from bundle.make import Order, make
from bundle.place import ROOT, epoch
from bundle.signing import KeyFileError, ReleaseKey, read_key, read_public, trial_key
from bundle.wheels import KEPT, MACHINES, PYTHONS, MissingWheelError

TRIAL = "trial-release.key"


def main() -> int:
    given = _options().parse_args()
    try:
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


def _say_key(key: ReleaseKey, trial: Path | None) -> None:
    print(f"Signed with the key {key.fingerprint()} (SHA-256 of the public key)")
    print(f"  for ssh: {key.ssh()}")
    if trial:
        print(f"This is NOT A RELEASE: no key was named, so one for trying out was used, kept in {trial}.")
        print("For a release name the vendor's: make bundle KEY=FILE.")


def _options() -> argparse.ArgumentParser:
    asked = argparse.ArgumentParser(prog="python -m bundle", description=__doc__)
    asked.add_argument("--out", type=Path, default=ROOT / "dist", help="where the archive goes")
    asked.add_argument("--key", type=Path, help="the vendor's release key: Ed25519, PEM; without it one to try out")
    asked.add_argument("--next-key", type=Path, action="append", default=[], help="public key of later releases; PEM")
    asked.add_argument("--python", action="append", choices=PYTHONS, help="once for each; without it all of them")
    asked.add_argument("--machine", choices=MACHINES, default=os.uname().machine)
    asked.add_argument("--wheels", type=Path, default=KEPT, help="where downloaded wheels are kept")
    asked.add_argument("--version", default=version(), help="another than the source's, to try an upgrade out")
    return asked


if __name__ == "__main__":
    sys.exit(main())
