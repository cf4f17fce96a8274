#!/usr/bin/env python3
"""Installs the Control Room from this folder, or upgrades it in place. Needs Python 3.11 or above, and no network.

    python3 install.py --prefix /opt/carnet --data /var/lib/carnet-control-room

What comes to lie in the prefix:

    versions/40.0.0/   one release, whole, with all that it needs
    current            a link to the release in use; what changes last, and at once
    bin/               control-room, carnet: they start what `current` names
    settings.json      where the data lie, for the next upgrade

Until `current` changes, the earlier release goes on as it was: an upgrade that is refused or interrupted leaves it in
use. Exit 0 done, 1 failed, 2 usage, 3 refused.
"""

from __future__ import annotations

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
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(__file__).resolve().parent
SUMS, UNLISTED = "SHA256SUMS", {"SHA256SUMS", "SHA256SUMS.sig", "SHA256SUMS.sshsig"}
DATABASE = "control-room.sqlite3"  # whether there is a Control Room in a data folder
COMMANDS = ("control-room", "carnet")
WHOLE = ".whole"  # the last file of an installed release
USER, DATA, PASSPHRASE = "carnet", "/var/lib/carnet-control-room", "/etc/carnet/passphrase"
DONE, FAILED, USAGE, REFUSED = range(4)
CANNOT_START = 127  # of a command; as shells have it


def main() -> None:
    given = _options()
    os.umask(0o022)  # the service's user reads what root installs
    facts = json.loads((HERE / "bundle.json").read_text())
    say(f"Carnet Control Room {facts['version']}, into {given.prefix}")
    if given.systemd and given.root == "/" and os.geteuid() != 0:
        stop(USAGE, "Only root can install the services.", "Run it as root, or leave --systemd out.")
    check_machine(facts)
    check_sums()
    prefix = Path(given.prefix).absolute()
    prefix.mkdir(parents=True, exist_ok=True)
    with alone(prefix):
        settings = settings_of(given, prefix)
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
    """Every file is as the list says, and there is no other. Who signed the list is asked elsewhere."""
    lines = (line.split("  ", 1) for line in (here / SUMS).read_text().splitlines())
    listed = {name: digest for digest, name in lines}
    found = {path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_symlink() or not path.is_dir()}
    for name in sorted((found | listed.keys()) - UNLISTED):
        if name not in listed:
            stop(REFUSED, f"{name} does not belong to the release.", "Unpack the archive again, into a new folder.")
        path = here / name
        if path.is_symlink() or not path.is_file() or sha256(path.read_bytes()).hexdigest() != listed[name]:
            stop(REFUSED, f"{name} is missing, or was altered.", "Copy the archive again.")


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
    done = run([made / "bin" / "python", pip / "pip", *offline, *quiet, "-r", wheels / "requirements.txt"])
    if done.returncode:
        stop(FAILED, f"The wheels could not be installed:\n{done.stderr.strip()}", "Nothing in use was changed.")
    if compiled:  # here, by all cores: who runs the program may not write into its folder
        run([made / "bin" / "python", "-m", "compileall", "-q", "-j", "0", made / "lib"])
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
        back_up(prefix, data, data / f"before-{made.name}.backup")


def back_up(prefix: Path, data: Path, backup: Path) -> None:
    """By the release in use, as the way back. One of an attempt that came to nothing is replaced."""
    beside = backup.with_name(f"{backup.name}.part")
    beside.unlink(missing_ok=True)
    done = run([prefix / "current" / "bin" / "control-room", "backup", "--out", beside, "--data", data])
    if done.returncode:
        stop(FAILED, f"No backup could be made:\n{done.stderr.strip()}", "The release in use was not changed.")
    os.chown(beside, data.stat().st_uid, data.stat().st_gid)
    beside.replace(backup)
    say(f"A backup is in {backup}.")


def options(settings: dict[str, str]) -> list[str]:
    phrase = settings.get("passphrase_file", "")
    return ["--data", settings["data"], *(["--passphrase-file", phrase] if phrase and Path(phrase).exists() else [])]


# --- the change ------------------------------------------------------------------------------------------------


def switch(prefix: Path, made: Path, settings: dict[str, str]) -> None:
    (prefix / "bin").mkdir(exist_ok=True)
    for name in COMMANDS:
        write(prefix / "bin" / name, starter(prefix, name, settings), 0o755)
    write(prefix / "settings.json", json.dumps(settings, indent=1) + "\n", 0o644)
    beside = prefix / ".current.part"
    beside.unlink(missing_ok=True)
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
    """A folder and a passphrase of the service's own user, where there are none yet."""
    made = []
    if not data.exists():
        data.mkdir(parents=True, mode=0o700)
        made.append(data)
    if not phrase.exists() and not (data / DATABASE).exists():
        phrase.parent.mkdir(parents=True, exist_ok=True)
        write(phrase, secrets.token_urlsafe(24) + "\n", 0o600)
        say(f"A passphrase for the keys was made, in {phrase}. Carry a copy to a safe: no backup holds it.")
        made.append(phrase)
    with contextlib.suppress(KeyError):
        user = pwd.getpwnam(USER)
        for path in made:
            os.chown(path, user.pw_uid, user.pw_gid)


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
    with (prefix / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stop(FAILED, f"Another installation runs in {prefix}.", "Wait for its end.")
        os.set_inheritable(lock.fileno(), True)  # where this is killed, a pip that it started still holds the lock
        yield


def run(command: list[Any]) -> subprocess.CompletedProcess[str]:
    """Without anything in the environment that would lead Python or pip elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_", "CARNET_"))}
    env = kept | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}
    words = [str(word) for word in command]
    try:
        return subprocess.run(words, env=env, capture_output=True, text=True, check=False, close_fds=False)
    except OSError as error:
        return subprocess.CompletedProcess(words, CANNOT_START, "", f"{words[0]}: {error.strerror}")


def write(path: Path, text: str, mode: int) -> None:
    """Whole or not at all."""
    beside = path.with_name(f".{path.name}.part")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    beside.chmod(mode)
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
    if sys.version_info < (3, 11):  # noqa: UP036 - the machine may have any
        sys.exit("Python 3.11 or above is needed.")
    main()
