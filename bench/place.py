"""A licensed Control Room in a folder, as an administrator would have it, and processes that serve."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.support.vendor_simulator import METRICS, Vendor, line

from carnet import clock
from carnet.control_room.rules.activation.generate_request import REQUEST, GenerateRequest
from carnet.control_room.rules.activation.install_license import InstallLicense
from carnet.control_room.rules.activation.install_token import InstallToken
from carnet.control_room.rules.granting.api_keys import CreateApiKey
from carnet.control_room.wiring import Site

SEATS, USERS, PAGES = "unattended-bot-runner", "bot-creator", "document-pages"
SERVER = [sys.executable, "-c", "from carnet.control_room.wiring import main; main()", "serve", "--no-pages"]
FLOATING = [sys.executable, "-m", "uvicorn", "--log-level", "warning", "--no-access-log", "bench.floating:app"]
PEER = [sys.executable, "-m", "uvicorn", "--log-level", "warning", "--no-access-log", "bench.peer:app"]
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Place:
    folder: Path

    @property
    def site(self) -> Site:
        return Site(self.folder, self.folder / "passphrase")

    @property
    def key_file(self) -> Path:
        return self.folder / "api-key"


def licensed(folder: Path) -> Place:
    folder.mkdir(parents=True)
    place, vendor, now = Place(folder), Vendor("bench"), clock.now()
    (folder / "passphrase").write_text("correct horse battery staple")
    (folder / "passphrase").chmod(0o600)
    place.site.init(vendor.trust, "Bench", "bench")
    with place.site.engine(writing=True) as engine:

        def do(command: Any) -> Any:
            return engine.execute(command, place.site.reading(), "bench")

        do(InstallToken(vendor.token(now)))
        do(GenerateRequest())
        lines = [line(sku, 2**40, now - timedelta(days=1), now + timedelta(days=365)) for sku in METRICS]
        do(InstallLicense(vendor.olf(engine.store.document(REQUEST) or b"", lines, now)))
        key = do(CreateApiKey("bench", None, ["take", "read"]))
    place.key_file.write_text(key.key)
    return place


@dataclass(frozen=True)
class Running:
    port: int
    pid: int
    started: float  # seconds until it answered

    def load(self, place: Place, connections: int, seconds: float, *words: str) -> dict[str, float]:
        """What the load client saw."""
        command = [sys.executable, "-m", "bench.load", "--port", str(self.port), "--connections", str(connections)]
        command += ["--seconds", str(seconds), "--api-key-file", str(place.key_file), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        found: dict[str, float] = json.loads(done.stdout)
        return found

    @property
    def memory(self) -> float:
        """Resident memory in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1000

    @property
    def processor_time(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def served(place: Place, *options: str) -> Any:
    data = ["--data", str(place.folder), "--passphrase-file", str(place.folder / "passphrase")]
    return running([*SERVER, *data, *options])


@contextmanager
def running(command: list[str], **settings: str) -> Iterator[Running]:
    port = _free_port()
    start = time.perf_counter()
    world = os.environ | settings
    process = subprocess.Popen([*command, "--port", str(port)], cwd=ROOT, env=world, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield Running(port, process.pid, time.perf_counter() - start)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(6000):
        assert process.poll() is None, "the server ended"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return
    raise TimeoutError(f"nothing listens at {port}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
