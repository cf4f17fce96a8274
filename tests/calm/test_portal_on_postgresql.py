"""The portal's own server on PostgreSQL, which goes away under it and comes back."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.support.kept_logs import keep, secret
from tests.support.postgres import PASSWORD, running

CALM = Path(sys.executable).with_name("calm")


@pytest.mark.postgres
def test_a_database_that_goes_away_is_spoken_of_and_comes_back(tmp_path: Path) -> None:
    with running() as postgres, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        places = os.environ | {"DATABASE_URL": postgres.create("portal")}
        subprocess.run([CALM, "init", "--data", tmp_path / "calm"], env=places, check=True, stdout=subprocess.DEVNULL)
        command = [CALM, "serve", "--plain-http", "--bind", f"127.0.0.1:{port}", "--data", tmp_path / "calm"]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, env=places, **streams) as server:  # type: ignore[call-overload]
            try:
                assert any("CALM answers" in line for line in iter(server.stdout.readline, ""))
                asked = _ask(port)
                assert asked == {"/sign-in/": 200, "/": 302, "/api/v1/accounts": 401}
                postgres.stop()
                asked = _ask(port)
                assert set(asked.values()) == {503}, asked
                postgres.start()
                for _ in range(20):
                    if _ask(port)["/"] == 302:
                        break
                    time.sleep(0.2)
                assert _ask(port) == {"/sign-in/": 200, "/": 302, "/api/v1/accounts": 401}
            finally:
                server.send_signal(signal.SIGTERM)
                _, log = server.communicate(timeout=30)
        secret(PASSWORD, "a database's password")
        keep("calm-serve-on-postgresql", log)
        kinds = {line.get("kind") for line in map(json.loads, log.splitlines())}
        assert "OperationalError" in kinds
        assert "Traceback" not in log


def _ask(port: int) -> dict[str, int]:
    found = {}
    headers = {"Cookie": "calm_session=" + "x" * 32, "Authorization": "Bearer calm_" + "x" * 60}
    for path in ("/sign-in/", "/", "/api/v1/accounts"):
        answer = httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers, trust_env=False, timeout=20)
        found[path] = answer.status_code
        if answer.status_code == 503:
            assert "does not answer" in answer.text, answer.text
            assert "Nothing was changed" not in answer.text
    return found
