"""Whether this machine uses approved algorithms alone: a host in FIPS mode, or one that is told to work like one.

What is approved and what of Carnet is not: docs/guides/auditor.md and docs/adr/0043. Passwords and passphrases are
then stretched with PBKDF2-HMAC-SHA-256 (SP 800-132) instead of scrypt and Argon2id, which no FIPS module has.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from carnet.errors import UsageError

VARIABLE = "CARNET_FIPS"
_KERNEL = Path("/proc/sys/crypto/fips_enabled")


def approved_only(environment: Mapping[str, str] = os.environ, kernel: Path = _KERNEL) -> bool:
    """Told by `CARNET_FIPS=on`; else found out: the system says that it is in FIPS mode, or its libraries refuse.

    Raises UsageError where the setting has another value."""
    said = environment.get(VARIABLE, "")
    if said not in ("", "on"):
        raise UsageError(f"{VARIABLE} is “{said}”.", "Set it to on, or leave it out: then the machine is asked.")
    return said == "on" or _in_fips_mode(kernel) or not _slow_hashes_work()


def _in_fips_mode(kernel: Path) -> bool:
    try:
        return kernel.read_text().strip() == "1"
    except OSError:
        return False  # not Linux, or a system that does not know the mode


def _slow_hashes_work() -> bool:
    try:
        hashlib.scrypt(b"", salt=b"", n=2, r=1, p=1, dklen=16)
        Argon2id(salt=bytes(16), length=16, iterations=1, lanes=1, memory_cost=8)
    except (AttributeError, ValueError, UnsupportedAlgorithm):  # left out at build time; refused by the module
        return False
    return True
