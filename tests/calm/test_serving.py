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
from carnet.web_kit import gateway, serving
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
    if path == "/broken":
        start_response("200 OK", [("X-Note", "a\\r\\nSet-Cookie: b")])
        return [b""]
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
    (folder / "key.pem").chmod(0o600)
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


HEAD, BODY = b"POST / HTTP/1.1\r\nHost: x\r\nX: ", b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nx"
FEW = {"connections": 64, "per_address": 65, "seconds": 60, "idle_seconds": 60}


@pytest.mark.rule("N1")
@pytest.mark.security
@pytest.mark.parametrize("begun", [b"", HEAD, BODY, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
@pytest.mark.parametrize("secure", [False, True])
def test_held_connections_cost_no_thread_and_keep_nobody_out(
    tls: tuple[Path, Path], secure: bool, begun: bytes
) -> None:
    """More of them than there are threads and places, and a server that would be patient with each."""
    with served(*(tls if secure else ()), workers=1, **FEW) as server, ExitStack() as stack:
        for _ in range(100):
            held: socket.socket = stack.enter_context(server.connect())
            if secure and begun:
                assert isinstance(server.verify, ssl.SSLContext)
                held = stack.enter_context(server.verify.wrap_socket(held, server_hostname="127.0.0.1"))
            held.sendall(begun)
        assert server.get().status_code == 200
        log = server.stop(signal.SIGINT)
    assert {line["limit"] for line in log if line["event"] == "limit"} == {"replaced"}


@pytest.mark.rule("N1")
@pytest.mark.security
@pytest.mark.parametrize("begun", [HEAD, BODY])
def test_a_drip_is_cut_off_in_time_and_said(begun: bytes) -> None:
    with served(workers=1, seconds=0.3, linger_seconds=0.1) as server:
        with server.connect() as raw:
            raw.sendall(begun)
            assert raw.recv(1000).startswith(b"HTTP/1.1 400 ")
        log = server.stop()
    assert [line["limit"] for line in log if line["event"] == "limit"] == ["slow"]


@pytest.mark.rule("N1")
@pytest.mark.security
def test_a_handshake_has_a_deadline(tls: tuple[Path, Path]) -> None:
    with served(*tls, workers=1, seconds=0.3) as server:
        with server.connect() as mute:
            assert mute.recv(1) == b""
        log = server.stop()
    assert [line["limit"] for line in log if line["event"] == "limit"] == ["handshake"]


@pytest.mark.rule("N1")
@pytest.mark.security
def test_nobody_but_the_trusted_proxy_is_let_in() -> None:
    with served(workers=1, proxies=["127.0.0.7"]) as server:
        with server.connect() as other:
            assert other.recv(1) == b""
        host, port = server.url.partition("://")[2].split(":")
        with socket.create_connection((host, int(port)), 10, source_address=("127.0.0.7", 0)) as proxy:
            proxy.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert proxy.recv(1000).startswith(b"HTTP/1.1 200")


@pytest.mark.rule("N1")
@pytest.mark.security
@pytest.mark.parametrize(
    "head",
    [b"GET /\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
)
def test_http_0_9_and_requests_without_one_host_are_refused(head: bytes) -> None:
    with served(workers=1) as server, server.connect() as raw:
        raw.sendall(head)
        assert raw.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_a_long_answer_comes_whole_and_a_body_goes_whole() -> None:
    with served(workers=1) as server:
        assert server.get("/long").content == b"x" * 8_000_000
        body = os.urandom(3_000_000)
        sent = httpx.post(f"{server.url}/upload", content=body, trust_env=False)
        assert sent.text == "3000000"
        chunks = httpx.post(f"{server.url}/upload", content=iter([body, body]), trust_env=False)
        assert chunks.text == "6000000"
        with server.connect() as old:
            old.sendall(b"GET /long HTTP/1.0\r\nHost: x\r\n\r\n")
            got = b""
            while data := old.recv(1_000_000):
                got += data
        assert got.endswith(b"\r\n\r\n" + b"x" * 8_000_000)
        assert httpx.head(f"{server.url}/long", trust_env=False).content == b""
        assert server.get().status_code == 200


@pytest.mark.rule("N1")
@pytest.mark.security
def test_answers_that_nobody_fetches_hold_threads_for_a_while_only() -> None:
    """As many as there are threads ask for what is long, and read nothing."""
    with served(workers=1, seconds=0.5) as server, ExitStack() as stack:
        for _ in range(serving.THREADS):
            deaf = socket.socket()
            stack.enter_context(deaf)
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", int(server.url.rpartition(":")[2])))
            deaf.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
        assert server.get().status_code == 200
        log = server.stop()
    assert "unfetched" in {line["limit"] for line in log if line["event"] == "limit"}


@pytest.mark.rule("N1")
@pytest.mark.security
def test_a_header_with_an_underscore_cannot_pass_for_the_one_that_a_proxy_sets() -> None:
    request = gateway.PageRequest("GET", b"/a%20b?q=1", [(b"x_forwarded_proto", b"https"), (b"host", b"h")], "1.1")
    environ = gateway.environ_of(request, secure=False, server=("h", 80), client=("c", 1))
    assert {name for name in environ if name.startswith("HTTP_")} == {"HTTP_HOST"}
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/a b", "q=1")


def test_an_answer_that_cannot_be_sent_is_a_fault_and_the_connection_goes_on() -> None:
    with served(workers=1) as server:
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            assert client.get("/broken").status_code == 500
            assert client.get("/").status_code == 200
        log = server.stop()
    assert "ValueError" in {line.get("kind") for line in log}


def test_a_line_break_leaves_in_no_header() -> None:
    answer = gateway.PageAnswer("200 OK", [("X", "a\r\nSet-Cookie: b")], b"")
    with pytest.raises(ValueError, match="line break"):
        gateway.head(answer, b"")


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
    for key in (tls[0], tls[1].with_name("absent.pem")):
        with pytest.raises(CarnetError, match=str(key)), pytest.raises(SystemExit):
            serving.serve(lambda _, __: [], serving.How("127.0.0.1:0", 1, tls[0], key), lambda: datetime.now(UTC))
