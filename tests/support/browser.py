"""The browser that the tests drive: Chromium, found on the PATH. `python -m tests.support.browser` installs Debian's
where there is none and it can; else it says what is missing, and ends with 1."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "No browser was found: the browser tests need Chromium. Looked on the PATH for " + ", ".join(NAMES) + ".\n"
    "Install it (on Debian and Ubuntu, as root: apt-get install chromium), then run this again."
)
APT = {"DEBIAN_FRONTEND": "noninteractive"}


class NoBrowserError(Exception):
    """There is none, and it could not be installed."""


def find() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def browser() -> str:
    """Its path; installed first where it is missing. Raises NoBrowserError."""
    found = find()
    if found is None and _may_install():
        _install()
        found = find()
    if found is None:
        raise NoBrowserError(MISSING)
    return found


def arguments() -> list[str]:
    """What it is started with: Chromium runs as root only without its sandbox."""
    common = ["--disable-dev-shm-usage", "--disable-gpu", "--force-color-profile=srgb"]
    return [*common, "--no-sandbox"] if os.geteuid() == 0 else common


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install() -> None:
    """Once as things are; once more after the lists of packages were renewed."""
    print("There is no browser yet: installing Chromium with apt-get.", flush=True)
    if not _apt("install", "-y", "--no-install-recommends", "chromium"):
        _apt("update")
        _apt("install", "-y", "--no-install-recommends", "chromium")


def _apt(*words: str) -> bool:
    done = subprocess.run(["apt-get", "-q", *words], env=os.environ | APT, capture_output=True, text=True)
    if done.returncode:
        print(f"apt-get {' '.join(words)}: {done.stderr.strip()}", file=sys.stderr, flush=True)
    return done.returncode == 0


def main() -> int:
    try:
        browser()
    except NoBrowserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
