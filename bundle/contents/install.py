#!/usr/bin/env python3
"""Installs the Control Room from this folder, or upgrades it in place. Needs Python 3.11 or above, and no network.

    python3 -I install.py --prefix /opt/carnet --data /var/lib/carnet-control-room

What comes to lie in the prefix:

    versions/40.0.0/   one release, whole, with all that it needs
    current            a link to the release in use; what changes last, and at once
    bin/               control-room, carnet: they start what `current` names
    settings.json      where the data lie, for the next upgrade

Until `current` changes, the earlier release goes on as it was: an upgrade that is refused or interrupted leaves it in
use. Exit 0 done, 1 failed, 2 usage, 3 refused.
"""

import sys

if __name__ == "__main__" and not sys.flags.isolated:
    # Python looks for modules beside the script first: one that was added to this folder would run before anything
    # is checked. `sys` and `posix` are parts of Python's own program, and are read from no folder.
    import posix

    posix.execv(sys.executable, [sys.executable, "-I", "-B", *sys.argv])

if sys.version_info < (3, 11):  # noqa: UP036 - the machine may have any
    sys.exit("Python 3.11 or above is needed.")

import argparse
import contextlib
import fcntl
import json
import os
import platform
import pwd
import re
import secrets
import shlex
import shutil
import stat
import subprocess
import sysconfig
import venv
from collections.abc import Callable, Iterator
from hashlib import file_digest
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(__file__).resolve().parent
SUMS = "SHA256SUMS"
UNLISTED = {SUMS, f"{SUMS}.sig", f"{SUMS}.mldsa", f"{SUMS}.sshsig"}
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
LINE = re.compile(r"([0-9a-f]{64})  (\S{1,200})")
ROOT = {0, Path("/").stat().st_uid}  # root's number, also where this machine's root is another one than ours
DATABASE = "control-room.sqlite3"  # whether there is a Control Room in a data folder
COMMANDS = ("control-room", "carnet")
WHOLE = ".whole"  # the last file of an installed release
USER, DATA, PASSPHRASE = "carnet", "/var/lib/carnet-control-room", "/etc/carnet/passphrase"
DONE, FAILED, USAGE, REFUSED = range(4)
CANNOT_START = 127  # of a command; as shells have it


def main() -> None:
    given = _options()
    os.umask(0o022)  # the service's user reads what root installs
    prefix = Path(given.prefix).absolute()
    if given.systemd and given.root == "/" and os.geteuid() != 0:
        stop(USAGE, "Only root can install the services.", "Run it as root, or leave --systemd out.")
    check_place(HERE, "The folder of this release")
    check_sums()
    facts = json.loads((HERE / "bundle.json").read_text())
    say(f"Carnet Control Room {facts['version']}, into {given.prefix}")
    check_machine(facts)
    check_place(prefix, "The folder of the program")
    prefix.mkdir(parents=True, exist_ok=True)
    check_place(prefix, "The folder of the program")
    with alone(prefix):
        settings = settings_of(given, prefix)
        check_site(given, settings)
        earlier = check_earlier(prefix, facts["version"], checked=given.signature_checked)
        made = install(prefix, facts["version"], compiled=not given.without_compiling)
        look_at_ledger(made, prefix, earlier, settings, skip=given.leave_data_alone)
        switch(prefix, made, settings)
        if given.systemd:
            install_units(prefix, Path(given.root), settings)
        say_next(prefix, earlier, settings, given)


# --- before anything is changed --------------------------------------------------------------------------------


def check_machine(facts: dict[str, Any]) -> None:
    own = "{}.{}".format(*sys.version_info[:2])
    if own not in facts["python"] or platform.python_implementation() != "CPython":
        stop(REFUSED, f"This is Python {own}; the archive is for {', '.join(facts['python'])}.", "Run another python3.")
    machine = f"{sys.platform}-{sysconfig.get_platform().rpartition('-')[2]}"
    if machine != facts["platform"]:
        stop(REFUSED, f"This machine is {machine}; the archive is for {facts['platform']}.", "Ask for the other one.")


def check_sums(here: Path = HERE) -> None:
    """Every file is as the list says, and nothing else is there. Who signed the list is asked elsewhere."""
    listed = listed_in(here / SUMS)
    found = set(found_in(here))
    for name in sorted((found | listed.keys()) - UNLISTED):
        if name not in listed:
            refuse_more(name)
        if name not in found or digest(here / name) != listed[name]:
            stop(REFUSED, f"{name} is missing, or was altered.", "Copy the archive again.")


def listed_in(sums: Path) -> dict[str, str]:
    lines = sums.read_text(encoding="ascii").splitlines() if sums.is_file() and not sums.is_symlink() else []
    matches = [LINE.fullmatch(line) for line in lines]
    if not lines or None in matches:
        stop(REFUSED, f"{SUMS} is missing, or not written as it must be.", "Copy the archive again.")
    return {match[2]: match[1] for match in matches if match}


def found_in(folder: Path, under: str = "") -> list[str]:
    """Every file below it. Links, odd names, empty folders and what is neither file nor folder are of no release; and
    what root installs from, nobody else may be able to change."""
    found = []
    for path in sorted(folder.iterdir()):
        name, status = under + path.name, path.lstat()
        plain = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
        if not NAME.fullmatch(path.name) or not plain or len(name) > 200:
            refuse_more(name)
        if os.geteuid() == 0 and (status.st_uid not in ROOT or status.st_mode & 0o022):
            stop(REFUSED, f"Others than root can change {name}.", "As root, unpack the archive into a new folder.")
        inside = found_in(path, f"{name}/") if stat.S_ISDIR(status.st_mode) else [name]
        if not inside:
            refuse_more(name)
        found += inside
    return found


def refuse_more(name: str) -> NoReturn:
    stop(
        REFUSED, f"{ascii(name)[1:-1]} does not belong to the release.", "Unpack the archive again, into a new folder."
    )


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def check_place(path: Path, what: str) -> None:
    """Root reads programs from and writes them into a folder that nobody else can exchange or change."""
    if os.geteuid() == 0 and (changed := changed_by_others(path)):
        stop(REFUSED, f"{what}, {path}, is not root's alone: others can change {changed}.", "Use a folder of root's.")


def check_site(given: argparse.Namespace, settings: dict[str, str]) -> None:
    """What --systemd makes for the service's user, root makes where only root can."""
    if given.systemd:
        check_place((Path(given.root) / settings["data"].lstrip("/")).parent, "The place of the data")
        check_place((Path(given.root) / settings["passphrase_file"].lstrip("/")).parent, "The place of the passphrase")


def changed_by_others(path: Path, links: int = 16) -> Path | None:
    """The first folder on the way to `path`, or at its end, in which another than root can exchange something. In one
    with the sticky bit that is what another one owns, or could make first."""
    for entry in [*reversed(path.parents), path]:
        if entry.is_symlink():
            other = changed_by_others(entry.parent / entry.readlink(), links - 1) if links else entry
            if other:
                return other
        status = entry.stat() if entry.exists() else None
        if status is None:
            held = entry.parent.stat() if entry.parent.exists() else None
            return entry.parent if held and held.st_mode & 0o022 else None
        shared = bool(status.st_mode & 0o022) and (entry == path or not status.st_mode & stat.S_ISVTX)
        if status.st_uid not in ROOT or entry.lstat().st_uid not in ROOT or shared:
            return entry
    return None


def check_earlier(prefix: Path, version: str, *, checked: bool) -> str:
    """The release in the prefix that may be upgraded to this one, or nothing; it judges the signature of this one."""
    current = prefix / "current"
    if not (current / WHOLE).exists():
        say("There is no earlier release here. Was the signature checked? README.txt says how.")
        return ""
    earlier = (current / WHOLE).read_text().strip()
    if number(earlier) > number(version):
        stop(
            REFUSED,
            f"Version {earlier} is installed; this is {version}. What a newer release wrote, an older cannot read.",
            "To go back all the same: install this one with another --prefix and an empty --data, and restore there\n"
            f"the backup that was made before the upgrade (before-{earlier}.backup in the data folder).",
        )
    if checked:
        say(f"Installed is {earlier}. Who signed this release was checked by hand, as --signature-checked says.")
        return earlier
    say(f"Installed is {earlier}. It checks who signed this release.")
    done = run([current / "bin" / "carnet", "verify-bundle", HERE])
    if done.returncode == CANNOT_START:
        by_hand = "Check the signature as README.txt says; then say so with --signature-checked."
        stop(REFUSED, f"The installed release does not start: {done.stderr.strip()}", by_hand)
    if done.returncode:
        stop(REFUSED, f"The installed release does not take this one:\n{done.stderr.strip()}", "")
    return earlier


# --- the release beside the earlier one ------------------------------------------------------------------------


def install(prefix: Path, version: str, *, compiled: bool) -> Path:
    """A new environment with the release in it. Where this fails there is a folder without `.whole`, for nobody."""
    made = folder_for(prefix / "versions", version)
    venv.EnvBuilder(symlinks=True, with_pip=False).create(made)
    say("Installing the wheels beside what is in use.")
    wheels = HERE / "wheels"
    (pip,) = wheels.glob("pip-*.whl")
    offline = ["--isolated", "install", "--no-index", "--find-links", wheels, "--require-hashes", "--no-cache-dir"]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--only-binary", ":all:", "--no-compile"]
    done = run([made / "bin" / "python", "-I", pip / "pip", *offline, *quiet, "-r", wheels / "requirements.txt"])
    if done.returncode:
        stop(FAILED, f"The wheels could not be installed:\n{done.stderr.strip()}", "Nothing in use was changed.")
    if compiled:  # here, by all cores: who runs the program may not write into its folder
        run([made / "bin" / "python", "-I", "-m", "compileall", "-q", "-j", "0", made / "lib"])
    for name in COMMANDS:
        done = run([made / "bin" / name, "--help"])
        if done.returncode:
            stop(FAILED, f"{name} does not start:\n{done.stderr.strip()}", "Nothing in use was changed.")
    (made / WHOLE).write_text(f"{version}\n")
    os.sync()
    return made


def folder_for(versions: Path, version: str) -> Path:
    """Where the release goes. What an interrupted installation left is removed; the one in use is left as it is."""
    for name in (version, f"{version}.0"):  # the same version once more, for a machine whose Python changed
        path = versions / name
        if not (path / WHOLE).exists() or path.resolve() != (versions.parent / "current").resolve():
            shutil.rmtree(path, ignore_errors=True)
            return path
    raise AssertionError


# --- the data --------------------------------------------------------------------------------------------------


def settings_of(given: argparse.Namespace, prefix: Path) -> dict[str, str]:
    """Where the data and the passphrase are: as said now, else as before."""
    path = prefix / "settings.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    if given.systemd:
        known = {"data": DATA, "passphrase_file": PASSPHRASE} | known
    for name in ("data", "passphrase_file"):
        if getattr(given, name):
            known[name] = Path(getattr(given, name)).absolute()
    return {name: str(value) for name, value in known.items()}


def look_at_ledger(made: Path, prefix: Path, earlier: str, settings: dict[str, str], *, skip: bool) -> None:
    """The new release says what it will do first with the data, or that it must not; then a backup is made."""
    data = Path(settings.get("data", ""))
    if skip or not settings.get("data") or not (data / DATABASE).exists():
        return
    done = run([made / "bin" / "control-room", "migrations", *options(settings)])
    if done.returncode:
        stop(
            REFUSED,
            f"The Control Room in {data} cannot be taken over:\n{done.stderr.strip()}",
            "The release in use was not changed. --leave-data-alone installs without looking at the data.",
        )
    say("What the new release does when it starts:")
    say("  " + done.stdout.strip().replace("\n", "\n  "))
    if earlier and number(earlier) != number(made.name):
        back_up(prefix, settings, data / f"before-{made.name}.backup")


def back_up(prefix: Path, settings: dict[str, str], backup: Path) -> None:
    """By the release in use, as the way back. One of an attempt that came to nothing is replaced. The data folder is
    its owner's: `control-room` works there as the owner, and so does this."""
    beside = backup.with_name(f"{backup.name}.{secrets.token_hex(8)}.part")
    done = run([prefix / "current" / "bin" / "control-room", "backup", "--out", beside, *options(settings)])
    if done.returncode:
        stop(FAILED, f"No backup could be made:\n{done.stderr.strip()}", "The release in use was not changed.")
    if not as_owner_of(backup.parent, lambda: beside.replace(backup)):
        stop(FAILED, f"The backup could not be named {backup}.", "The release in use was not changed.")
    say(f"A backup is in {backup}.")


def as_owner_of(folder: Path, act: Callable[[], object]) -> bool:
    """Act with the rights of the folder's owner, in a process of its own; whether it could."""
    found = folder.stat()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0 and found.st_uid not in ROOT:
                os.setgroups([])
                os.setresgid(found.st_gid, found.st_gid, found.st_gid)
                os.setresuid(found.st_uid, found.st_uid, found.st_uid)
            act()
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(FAILED)
        os._exit(DONE)
    return os.waitpid(child, 0)[1] == 0


def options(settings: dict[str, str]) -> list[str]:
    phrase = settings.get("passphrase_file", "")
    return ["--data", settings["data"], *(["--passphrase-file", phrase] if phrase and Path(phrase).exists() else [])]


# --- the change ------------------------------------------------------------------------------------------------


def switch(prefix: Path, made: Path, settings: dict[str, str]) -> None:
    (prefix / "bin").mkdir(exist_ok=True)
    for name in COMMANDS:
        write(prefix / "bin" / name, starter(prefix, name, settings), 0o755)
    write(prefix / "settings.json", json.dumps(settings, indent=1) + "\n", 0o644)
    beside = prefix / f".current.{secrets.token_hex(8)}.part"
    beside.symlink_to(Path("versions") / made.name)
    beside.replace(prefix / "current")
    os.sync()


def starter(prefix: Path, name: str, settings: dict[str, str]) -> str:
    said = {"CARNET_DATA": settings.get("data"), "CARNET_PASSPHRASE_FILE": settings.get("passphrase_file")}
    lines = ["#!/bin/sh", "# Made by install.py; the next upgrade writes it again."]
    for variable, value in said.items() if name == "control-room" else ():
        if value:
            lines += [f'[ -n "${{{variable}:-}}" ] || {variable}={shlex.quote(value)}', f"export {variable}"]
    return "\n".join([*lines, f'exec {shlex.quote(str(prefix / "current" / "bin" / name))} "$@"', ""])


def install_units(prefix: Path, root: Path, settings: dict[str, str]) -> None:
    """The services, their user, the data folder and a passphrase; below `root`, which is / but to try it out."""
    places = {"@PREFIX@": str(prefix), "@DATA@": settings["data"], "@PASSPHRASE@": settings["passphrase_file"]}
    for source in sorted((HERE / "systemd").iterdir()):
        text = source.read_text()
        for mark, value in places.items():
            text = text.replace(mark, value)
        folder = root / ("etc/sysusers.d" if source.suffix == ".conf" else "etc/systemd/system")
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / source.name, text, 0o644)
    if root == Path("/"):
        for command in (["systemd-sysusers", "carnet-control-room.conf"], ["systemctl", "daemon-reload"]):
            done = run(command)
            if done.returncode:
                stop(FAILED, f"{command[0]}: {done.stderr.strip()}", "Run install.py again once it is mended.")
    prepare_site(root / settings["data"].lstrip("/"), root / settings["passphrase_file"].lstrip("/"))


def prepare_site(data: Path, phrase: Path) -> None:
    """A folder and a passphrase of the service's own user, where there are none yet. Both are given to it by their open
    handles: what a name leads to may have been exchanged."""
    try:
        user = pwd.getpwnam(USER)
        owner = (user.pw_uid, user.pw_gid)
    except KeyError:
        owner = (os.geteuid(), os.getegid())
    if not data.exists():
        data.parent.mkdir(parents=True, exist_ok=True)
        data.mkdir(mode=0o700)
        handle = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        os.fchown(handle, *owner)
        os.close(handle)
    if not phrase.exists() and not (data / DATABASE).exists():
        phrase.parent.mkdir(parents=True, exist_ok=True)
        write(phrase, secrets.token_urlsafe(24) + "\n", 0o600, owner)
        say(f"A passphrase for the keys was made, in {phrase}. Carry a copy to a safe: no backup holds it.")


def say_next(prefix: Path, earlier: str, settings: dict[str, str], given: argparse.Namespace) -> None:
    say(f"Done. {prefix / 'current'} is {(prefix / 'current').readlink()}.")
    if earlier:
        say("Next: restart the server (systemctl restart carnet-control-room). Leases that run go on.")
    elif not settings.get("data") or not (Path(settings["data"]) / DATABASE).exists():
        by = f"runuser -u {USER} -- " if given.systemd else ""
        say(f"Next: {by}{prefix / 'bin' / 'control-room'} init --trust FILE --name NAME")


# --- small things ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def alone(prefix: Path) -> Iterator[None]:
    handle = os.open(prefix / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stop(FAILED, f"Another installation runs in {prefix}.", "Wait for its end.")
        os.set_inheritable(lock.fileno(), True)  # where this is killed, a pip that it started still holds the lock
        yield


def run(command: list[Any]) -> subprocess.CompletedProcess[str]:
    """Without anything in the environment or in the current folder that would lead Python or pip elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_", "CARNET_"))}
    env = kept | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}
    words = [str(word) for word in command]
    try:
        return subprocess.run(words, env=env, cwd="/", capture_output=True, text=True, check=False, close_fds=False)
    except OSError as error:
        return subprocess.CompletedProcess(words, CANNOT_START, "", f"{words[0]}: {error.strerror}")


def write(path: Path, text: str, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Whole or not at all, with its mode and owner from the first moment at which it has its name."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        os.fchmod(handle, mode)
        if owner:
            os.fchown(handle, *owner)
    beside.replace(path)


def number(version: str) -> tuple[int, ...]:
    """`40.10.0` is above `40.9.0`, and `40` is `40.0.0`."""
    parts = [int(part) for part in re.findall(r"\d+", version)]
    return tuple(parts[:3] + [0] * (3 - len(parts)))


def say(text: str) -> None:
    print(text, flush=True)


def stop(code: int, message: str, next_step: str) -> NoReturn:
    print(f"{'refused' if code == REFUSED else 'failed'}: {message}", file=sys.stderr)
    if next_step:
        print(f"next: {next_step}", file=sys.stderr)
    raise SystemExit(code)


def _options() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description="Installs the Control Room, or upgrades it in place.")
    asked.add_argument("--prefix", default="/opt/carnet", help="where the program goes (/opt/carnet)")
    asked.add_argument("--data", help="the folder of the Control Room's data; kept for later upgrades")
    asked.add_argument("--passphrase-file", help="the file with the passphrase of its keys; likewise")
    asked.add_argument("--signature-checked", action="store_true", help="it was checked by hand, as README.txt says")
    asked.add_argument("--without-compiling", action="store_true", help="install faster, start slower")
    asked.add_argument("--leave-data-alone", action="store_true", help="neither look at the data nor back them up")
    asked.add_argument("--systemd", action="store_true", help="install the services too; needs root")
    asked.add_argument("--root", default="/", help="with --systemd: write its files below this folder")
    return asked.parse_args()


if __name__ == "__main__":
    main()
