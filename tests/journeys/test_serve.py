"""`control-room serve` as an administrator runs it: a process of its own, its signals, its log, its certificate."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from carnet.edge.gate import KEPT_BACK
from tests.journeys.commands import PAGES, SEATS, Story
from tests.support.certificates import self_signed
from tests.support.kept_logs import keep, new_name
from tests.support.wire import Wire, request

COMMAND = "import sys; from carnet.control_room.wiring import main; main()"


@dataclass
class Serving:
    process: subprocess.Popen[str]
    url: str
    key: str
    log: list[str]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def post(self, name: str, body: Any, **options: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.key}"}
        url = f"{self.url}/api/v1/{name}"
        return httpx.post(url, json=body, headers=headers, trust_env=False, **options)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


@contextmanager
def serve(story: Story, *options: str, files: int | None = None, **environment: str) -> Iterator[Serving]:
    """`files`: how many may be open, as a service's unit says it."""
    made = story.site("api-key", "create", "--name", "bots", "--may", "take", "--may", "read", "--all-products")
    words = ["serve", "--data", str(story.site.data), "--port", "0", "--no-pages", *options]
    limited = ["prlimit", f"--nofile={files}:{files}"] if files else []
    process = subprocess.Popen(
        [*limited, sys.executable, "-c", COMMAND, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    log: list[str] = []
    name = new_name("serve")
    ready = threading.Event()

    def read() -> None:
        assert process.stderr
        for line in process.stderr:
            log.append(line)
            keep(name, line)
            ready.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert ready.wait(20)
        first = json.loads(log[0]) if log[0].startswith("{") else {}
        yield Serving(process, first.get("address", ""), made["key"], log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join()
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        process.stderr.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.mark.rule("G4", "G6")
def test_a_stop_answers_what_was_taken_and_a_start_remembers_it(story: Story) -> None:
    """Requests are under way while SIGTERM comes: each is answered, or its connection ends without a byte; what was
    answered is in the ledger."""
    asked = b'{"sku":"document-pages","units":1}'
    with serve(story) as serving:
        granted: list[int] = []

        def consume() -> None:
            with Wire(serving.port) as wire:
                while True:
                    try:
                        wire.send(request("/api/v1/units/consume", serving.key, asked) * 3)
                        for _ in range(3):
                            assert wire.read().status == 200
                            granted.append(1)
                    except (EOFError, OSError):
                        return

        callers = [threading.Thread(target=consume) for _ in range(8)]
        for caller in callers:
            caller.start()
        while len(granted) < 200:
            assert serving.process.poll() is None
        assert serving.stop() == 0
        for caller in callers:
            caller.join(timeout=10)
            assert not caller.is_alive()
        assert [json.loads(line)["event"] for line in serving.log] == ["ready", "stopping", "stopped"]
    consumed = story.consumed()
    assert len(granted) <= consumed <= len(granted) + 8 * 3
    assert story.site("ledger", "verify")["holds"]


@pytest.mark.rule("G4")
def test_one_request_under_way_is_answered_and_told_that_this_is_the_end(story: Story) -> None:
    with serve(story) as serving:
        body = b'{"sku":"document-pages","units":1}'
        sent = request("/api/v1/units/consume", serving.key, body)
        with Wire(serving.port) as busy, Wire(serving.port) as idle:
            idle.send(request("/health"))
            idle.read()
            serving.process.send_signal(signal.SIGSTOP)  # so that both wait for it
            busy.send(sent)
            serving.process.send_signal(signal.SIGTERM)
            serving.process.send_signal(signal.SIGCONT)
            assert busy.read().status == 200
            assert idle.ended()
        assert serving.process.wait(timeout=20) == 0
    assert story.consumed() == 1


def test_the_command_line_asks_the_running_server(story: Story) -> None:
    with serve(story) as serving:
        lease = serving.post("seats/acquire", {"sku": SEATS, "holder": "bot-17"}).json()
        assert story.site("seat", "renew", lease["lease_id"])["holder"] == "bot-17"
        story.site("units", "consume", PAGES, "5")
        assert serving.post("units/consume", {"sku": PAGES, "units": 1}).json()["remaining"] == 4994
        serving.stop()
    assert story.consumed() == 6


@pytest.mark.rule("A2")
def test_the_log_tells_no_secret(story: Story) -> None:
    secrets = ["idem-potent-1", "holder-name-1", "document-pages", "Bearer", "authorization"]
    with serve(story) as serving:
        body = {"sku": SEATS, "holder": "holder-name-1"}
        headers = {"authorization": f"Bearer {serving.key}", "idempotency-key": "idem-potent-1"}
        for _ in range(4):
            httpx.post(f"{serving.url}/api/v1/seats/acquire", json=body, headers=headers, trust_env=False)
        serving.post("seats/acquire", {"sku": "document-pages", "holder": "\x00"})
        with Wire(serving.port) as wire:
            wire.send(b"Bearer " + serving.key.encode() + b"\r\n\r\n")
            wire.read()
        serving.stop()
        printed = "".join(serving.log)
    assert not [word for word in [*secrets, serving.key, serving.key[13:]] if word in printed]
    for line in serving.log:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", json.loads(line)["at"])


def test_it_speaks_tls_from_1_2_on(story: Story, certificate: tuple[Path, Path]) -> None:
    with serve(story, "--certificate", str(certificate[0]), "--private-key", str(certificate[1])) as serving:
        assert serving.url.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=str(certificate[0]))
        answer = serving.post("seats/acquire", {"sku": SEATS, "holder": "bot-17"}, verify=trusted)
        assert answer.status_code == 200
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        with socket.create_connection(("127.0.0.1", serving.port)) as plain, pytest.raises((ssl.SSLError, OSError)):
            old.wrap_socket(plain)
        assert serving.stop() == 0


def test_systemd_is_told_when_it_is_ready_and_when_it_stops(story: Story, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20)
        with serve(story, NOTIFY_SOCKET=str(tmp_path / "notify")) as serving:
            assert listening.recv(100) == b"READY=1"
            serving.stop()
            assert listening.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--host", "0.0.0.0"), "other machines could read API keys"),
        (("--host", "oslo.example"), "other machines could read API keys"),
        (("--certificate", "no-such.pem"), "go together"),
        (("--certificate", "no-such.pem", "--private-key", "no-such.pem"), "There is no file"),
    ],
)
def test_what_it_does_not_do_it_says(first_story: Story, options: tuple[str, ...], says: str) -> None:
    _refused(first_story, *options, says=says)


def test_a_port_that_is_taken_is_said(first_story: Story) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        _refused(first_story, "--port", str(taken.getsockname()[1]), says="Address already in use")


def _refused(story: Story, *options: str, says: str) -> None:
    words = [sys.executable, "-c", COMMAND, "serve", "--data", str(story.site.data), "--no-pages", *options]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    assert (ran.returncode, says in ran.stderr) == (2, True), ran.stderr


def test_behind_a_proxy_it_may_listen_to_all(story: Story) -> None:
    with serve(story, "--host", "0.0.0.0", "--plain-http-behind-a-proxy", "--proxy", "127.0.0.1") as serving:
        assert httpx.get(f"http://127.0.0.1:{serving.port}/health", trust_env=False).status_code == 200
        assert serving.stop() == 0


@pytest.mark.rule("N1")
@pytest.mark.security
def test_behind_a_proxy_it_does_not_listen_where_others_could_pass_for_the_proxy(first_story: Story) -> None:
    _refused(first_story, "--host", "0.0.0.0", "--plain-http-behind-a-proxy", says="could pass for the proxy")


@pytest.mark.rule("N1")
@pytest.mark.security
def test_the_command_line_goes_on_beside_more_mute_connections_than_files(
    story: Story, certificate: tuple[Path, Path]
) -> None:
    """The local door's files are kept back."""
    files = KEPT_BACK + 20
    names = ("--certificate", str(certificate[0]), "--private-key", str(certificate[1]))
    trusted = ssl.create_default_context(cafile=str(certificate[0]))
    with serve(story, *names, files=files) as serving, ExitStack() as stack:
        for _ in range(files + 50):
            stack.enter_context(socket.create_connection(("127.0.0.1", serving.port), timeout=10))
        assert story.site("status")["state"] == "active"
        seat = {"sku": SEATS, "holder": "bot"}
        assert serving.post("seats/acquire", seat, verify=trusted).status_code == 200
        assert serving.stop() == 0
        told = [json.loads(line) for line in serving.log if '"limit"' in line]
    assert told[0] | {"at": ""} == {
        "at": "",
        "event": "limit",
        "limit": "descriptors",
        "connections": 20,
        "wanted": 1000,
    }
    assert {line["limit"] for line in told} == {"descriptors", "replaced"}


def test_only_one_server_runs_on_a_folder(story: Story) -> None:
    with serve(story) as serving:
        words = [sys.executable, "-c", COMMAND, "serve", "--data", str(story.site.data), "--port", "0", "--no-pages"]
        second = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
        assert second.returncode == 1
        assert "busy" in second.stderr
        assert serving.stop() == 0
