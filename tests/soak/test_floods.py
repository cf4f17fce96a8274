"""N1 with the limits that a server ships with: one machine attacks for 20 seconds, in each way, and bots, people and
the command line are answered meanwhile. How fast is measured in `bench/floods.py`, not here.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.room.site import Pages, serve_pages
from tests.support.own_site import COMMAND, ServeProcess, licensed_site

pytestmark = [pytest.mark.server, pytest.mark.deep, pytest.mark.security, pytest.mark.rule("N1")]
SECONDS, SEATS, ROOT = 20, "unattended-bot-runner", Path(__file__).parents[2]
WAYS = [("kept", 1_000), ("head", 1_000), ("body", 1_000), ("mute", 5_200)]


@contextmanager
def attacked(port: int, how: str, connections: int) -> Iterator[None]:
    words = ["--port", str(port), "--connections", str(connections), "--how", how]
    attack = subprocess.Popen([sys.executable, "-m", "bench.attack", *words], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert attack.stdout
        assert attack.stdout.readline() == b"holding\n"
        yield
        assert attack.poll() is None, "it attacked to the end"
    finally:
        attack.kill()
        attack.communicate()


@pytest.mark.parametrize(("how", "connections"), WAYS)
def test_bots_and_the_command_line_are_answered_for_as_long_as_it_lasts(
    tmp_path: Path, how: str, connections: int
) -> None:
    site = licensed_site(tmp_path / "site", {SEATS: 3})
    server = ServeProcess(site.folder)
    try:
        port, answered = server.wait(), 0
        command = [sys.executable, "-c", COMMAND, "status", "--json", "--data", str(site.folder)]
        with attacked(port, how, connections), httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as bot:
            bot.headers["Authorization"] = f"Bearer {site.key}"
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                taken = bot.post("/api/v1/seats/acquire", json={"sku": SEATS, "holder": "bot"})
                assert taken.status_code == 200, taken.text
                given = bot.post("/api/v1/seats/release", json={"lease_id": taken.json()["lease_id"]})
                assert given.status_code == 200, given.text
                answered += 1
            assert subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
            metrics = bot.get("/metrics").text
        assert answered > 0
        assert "carnet_limits_total{" in metrics, "a limit acted, and is counted"
        assert any("limit" in line for line in server.log), "and told in the log"
        assert server.stop() == 0
    finally:
        server.end()


@pytest.mark.parametrize(("how", "connections"), [("kept", 400), ("head", 400), ("mute", 400)])
def test_people_are_answered_at_the_pages_for_as_long_as_it_lasts(tmp_path: Path, how: str, connections: int) -> None:
    pages: Pages = serve_pages(tmp_path / "site")
    try:
        with attacked(httpx.URL(pages.address).port or 80, how, connections), pages.browser() as browser:
            assert browser.sign_in("ada").status_code == 302
            end, seen = time.monotonic() + SECONDS, 0
            while time.monotonic() < end:
                assert browser.get("/").status_code == 200
                seen += 1
        assert seen > 0
    finally:
        pages.end()
