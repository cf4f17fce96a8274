"""Debian's packages of what tests run beside ours: installed where they are missing and can be."""

import os
import shutil
import subprocess
from pathlib import Path

# Debian's packages start a server of their own; nothing here wants one.
_POLICY = Path("/usr/sbin/policy-rc.d")


def install(*names: str) -> None:
    """As far as it can. Once as things are; once more after the lists of packages were renewed."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    made = not _POLICY.exists()
    if made:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")
        _POLICY.chmod(0o755)
    try:
        _apt("install", "-y", "--no-install-recommends", *names) or (
            _apt("update") and _apt("install", "-y", "--no-install-recommends", *names)
        )
    finally:
        if made:
            _POLICY.unlink()


def _apt(*words: str) -> bool:
    world = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(["apt-get", "-q", *words], check=False, env=world).returncode == 0
