"""The Control Room's pages as people reach them: `control-room serve` in a process of its own, and browsers of httpx
that are signed in at it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx

COMMAND = (sys.executable, "-c", "from carnet.control_room.wiring import main; main()")
PASSWORD = "one long quiet evening 7"
FORM = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
OTHERS = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "CARNET_PASSPHRASE_FILE")


class ServedPages:
    """`address`: of the pages, once they answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = {name: value for name, value in os.environ.items() if name not in OTHERS}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"http://127.0.0.1:{probe.getsockname()[1]}"
        words = ["serve", "--data", str(folder), "--port", "0", "--pages", self.address.removeprefix("http://")]
        self._process = subprocess.Popen(
            [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.world
        )
        self.log: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._clients: dict[str, httpx.Client] = {}

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.log.append(line)
            if line.startswith("The pages answer"):
                self._ready.set()
        self._ready.set()

    def wait(self) -> ServedPages:
        assert self._ready.wait(60), self.log
        assert self._process.poll() is None, self.log
        return self

    def run(self, *words: str) -> Any:
        """A command on the same folder; its answer."""
        done = subprocess.run(
            [*COMMAND, *words, "--data", str(self.folder), "--json"], capture_output=True, text=True, env=self.world
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def client(self, name: str) -> httpx.Client:
        """Signed in as this person; one for each."""
        if name not in self._clients:
            link = self.run("person", "link", name, "--address", self.address)["link"]
            client = self._clients[name] = self.visitor()
            chosen = client.get(link, follow_redirects=True)
            post(client, str(chosen.url), chosen, password1=PASSWORD, password2=PASSWORD)
            entrance = client.get("/account/")
            signed_in = post(client, "/account/", entrance, login=name, password=PASSWORD)
            assert signed_in.status_code == 302, signed_in.text
        return self._clients[name]

    def visitor(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, trust_env=False, timeout=30)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=60)
        self._reader.join()
        assert self._process.stdout
        self._process.stdout.close()


def post(client: httpx.Client, path: str, page: httpx.Response, /, files: Any = None, **fields: str) -> httpx.Response:
    """Send a form of `page` to `path`."""
    found = FORM.search(page.text)
    assert found, page.text
    return client.post(path, data={"csrfmiddlewaretoken": found[1], **fields}, files=files)
