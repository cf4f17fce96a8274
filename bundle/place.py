"""Where things lie in the source tree, and of which moment all that is built says to be."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONTENTS = Path(__file__).parent / "contents"  # what goes into the archive as it is
REQUIREMENTS = ROOT / "requirements"
SOURCE = ROOT / "src" / "carnet"
OLDEST = 315_532_800  # 1980: no zip file, so no wheel, can hold an earlier time


def epoch() -> int:
    """Seconds since 1970 that every file is dated with: SOURCE_DATE_EPOCH, else of the last commit, else 1980."""
    given = os.environ.get("SOURCE_DATE_EPOCH") or _committed()
    return max(OLDEST, int(given or OLDEST))


def _committed() -> str:
    asked = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def uncommitted(root: Path = ROOT) -> list[str]:
    """Files below what goes into a release that differ from the last commit or are in none, also where git is told to
    ignore them. Nothing where this is not a checkout: then there is no commit to compare with."""
    asked = ["status", "--porcelain", "--untracked-files=all", "--ignored=matching", "--no-renames", "--"]
    parts = ["src/carnet", "bundle", "requirements", "LICENSE"]
    try:
        done = subprocess.run(["git", "-C", str(root), *asked, *parts], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    if done.returncode and (root / ".git").exists():
        return [f"git does not say what is: {done.stderr.strip()}"]
    found = [line[3:] for line in done.stdout.splitlines()]
    return [name for name in found if "__pycache__" not in name]  # left out of every release
