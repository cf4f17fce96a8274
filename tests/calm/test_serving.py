"""The portal's server, as a real process around a small application: how it starts, answers, logs and stops."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest

from carnet.errors import CarnetError, UsageError
from carnet.web_kit import serving
from tests.support.kept_logs import keep

pytestmark = pytest.mark.server

SECRET = "hunter2"
APPLICATION = """
import json, os, sys
from dataclasses import replace
from pathlib import Path
from carnet import clock
from carnet.web_kit.serving import LIMITS, How, serve

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/slow":  # two pipes: one says that it began, the other lets it end
        folder = Path(environ["QUERY_STRING"])
        (folder / "begun").write_text("")
        (folder / "go").read_text()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"at last"]
    if path == "/boom":
        raise ValueError("hunter2")
    if path == "/long":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (b"x" * 1000 for _ in range(8_000))
    if path == "/upload":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(len(environ["wsgi.input"].read())).encode()]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {environ['wsgi.url_scheme']}".encode()]

bind, workers, options, *tls = sys.argv[1:]
options = json.loads(options)
proxies = frozenset(options.pop("proxies", ()))
certificate, key = map(Path, tls) if tls else (None, None)
try:
    ready = lambda: print("ready", flush=True)
    how = How(bind, int(workers), certificate, key, replace(LIMITS, **options), proxies)
    serve(application, how, clock.now, ready)
finally:
    print("left", flush=True)
"""


@dataclass
class Served:
    process: subprocess.Popen[str]
    url: str
    verify: ssl.SSLContext | bool

    def get(self, path: str = "/", **options: Any) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", verify=self.verify, trust_env=False, timeout=10, **options)

    def connect(self) -> socket.socket:
        host, port = self.url.partition("://")[2].split(":")
        return socket.create_connection((host, int(port)), timeout=10)

    def workers(self) -> set[int]:
        """Both of them: asked until each has answered, as one may still be starting; at most 2,000 times."""
        seen: set[int] = set()
        for _ in range(2_000):
            seen.add(int(self.get().text.split()[0]))
            if len(seen) == 2:
                break
        return seen

    def stop(self, how: int = signal.SIGTERM) -> list[dict[str, Any]]:
        """Its log."""
        self.process.send_signal(how)
        self.out, log = self.process.communicate(timeout=30)
        keep("small-application", log)
        return [json.loads(line) for line in log.splitlines()]


@contextmanager
def served(*tls: Path, workers: int = 2, **options: Any) -> Iterator[Served]:
    """`options`: limits of the server, and `proxies`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{probe.getsockname()[1]}"
    process = start(bind, *tls, workers=workers, **options)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == "ready\n", process.communicate()
    verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=str(tls[0])) if tls else True
    try:
        yield Served(process, f"{'https' if tls else 'http'}://{bind}", verify)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def start(bind: str, *tls: Path, workers: int = 2, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", APPLICATION, bind, str(workers), json.dumps(options), *map(str, tls)]
    places = os.environ | {"DJANGO_SETTINGS_MODULE": "carnet.calm.settings"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=places)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "calm.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    return folder / "cert.pem", folder / "key.pem"


def test_it_answers_and_leaves_cleanly_when_told_to(tmp_path: Path) -> None:
    with served() as server:
        workers = server.workers()
        assert len(workers) == 2
        assert server.process.pid not in workers
        assert server.get().text.endswith(" http")
        server.stop()
        assert server.process.returncode == 0
        assert server.out == "left\n"  # once: a worker's end is none of the caller's
        for pid in workers:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_request_under_way_is_answered_before_it_stops_when_there_is_time(
    how: signal.Signals, tmp_path: Path
) -> None:
    answers: list[str] = []
    begun, go = tmp_path / "begun", tmp_path / "go"
    os.mkfifo(begun)
    os.mkfifo(go)

    def ask() -> None:
        try:
            answers.append(server.get(f"/slow?{tmp_path}").text)
        except httpx.HTTPError:
            answers.append("cut off")

    with served() as server:
        asking = threading.Thread(target=ask)
        asking.start()
        begun.read_text()
        server.process.send_signal(how)
        if how == signal.SIGTERM:
            go.write_text("")
        server.process.communicate(timeout=30)
        asking.join(10)
        assert server.process.returncode == 0
    assert answers == (["at last"] if how == signal.SIGTERM else ["cut off"])


@pytest.mark.rule("A2")
def test_the_log_says_what_was_asked_and_no_secret() -> None:
    with served() as server:
        headers = {"Authorization": f"Bearer {SECRET}", "Referer": f"http://x/?{SECRET}", "Cookie": SECRET}
        server.get(f"/accounts/?token={SECRET}", headers=headers)
        server.get(f"/sign-in/choose/7-{SECRET}/")
        assert server.get("/boom").status_code == 500
        with server.connect() as raw:
            raw.sendall(f"GET /{SECRET} NONSENSE\r\nX: {SECRET}\r\n\r\n".encode())
            assert b" 400 " in raw.recv(1000)
        log = server.stop()
    assert SECRET not in json.dumps(log)
    asked = [(line["method"], line["path"], line["status"]) for line in log if line["event"] == "request"]
    assert asked[:2] == [("GET", "/accounts/", 200), ("GET", "/sign-in/choose/…/", 200)]
    (fault,) = [line for line in log if line.get("kind") == "ValueError"]
    assert fault["where"][-1].startswith("__main__:")
    assert all(line["at"].endswith("Z") for line in log)


def test_over_tls(tls: tuple[Path, Path]) -> None:
    with served(*tls) as server:
        assert server.get().text.endswith(" https")
        with server.connect() as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200" not in plain.recv(1000)
        old = ssl.create_default_context(cafile=str(tls[0]))
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with server.connect() as raw, old.wrap_socket(raw, server_hostname="127.0.0.1") as session:
            assert session.version() == "TLSv1.2"
        server.stop()
        assert server.process.returncode == 0


@pytest.mark.parametrize("secure", [False, True])
def test_clients_that_fall_silent_hold_up_nobody_for_long(tls: tuple[Path, Path], secure: bool) -> None:
    """More of them than there are threads."""
    with served(*(tls if secure else ()), seconds=0.5) as server, ExitStack() as stack:
        for _ in range(3 * serving.THREADS):
            silent: socket.socket = stack.enter_context(server.connect())
            if secure:
                assert isinstance(server.verify, ssl.SSLContext)
                silent = stack.enter_context(server.verify.wrap_socket(silent, server_hostname="127.0.0.1"))
            silent.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-")
        assert server.get().status_code == 200


def test_a_worker_that_dies_is_followed_by_another_and_none_outlives_the_server() -> None:
    with served() as server:
        first = server.workers()
        os.kill(min(first), signal.SIGKILL)
        for _ in range(50):
            time.sleep(0.1)
            if len(now := server.workers()) == 2:
                break
        assert len(now) == 2
        assert min(first) not in now
        server.stop(signal.SIGKILL)
        for _ in range(50):
            time.sleep(0.1)
            if not any(Path(f"/proc/{pid}").exists() for pid in now):
                break
        assert not any(Path(f"/proc/{pid}").exists() for pid in now)


@pytest.mark.parametrize("bind", ["", "8000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "unix:/tmp/x", "::1:80"])
def test_where_it_cannot_listen_by_any_means(bind: str) -> None:
    with pytest.raises(UsageError, match="is not an address"):
        serving._listen(bind)


def test_where_it_cannot_listen_now() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        bind = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(CarnetError, match="Address already in use"):
            serving._listen(bind)
    with serving._listen("[::1]:0") as six:
        assert six.getsockname()[0] == "::1"


def test_a_certificate_that_does_not_fit_is_said_before_anything_is_served(tls: tuple[Path, Path]) -> None:
    with pytest.raises(CarnetError, match="cannot be used together"):
        serving._context(tls[0], tls[0])
    with pytest.raises(CarnetError, match="cannot be used together"):
        serving._context(tls[0], tls[1].with_name("absent.pem"))
