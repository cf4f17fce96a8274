"""A licensed Control Room in a folder as `control-room serve` finds it: a real clock, and a passphrase beside its keys.

Its keys stay open here, so that a test looks into the ledger without stretching the passphrase once more.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from carnet.control_room.engine.engine import Engine
from carnet.control_room.engine.founding import found
from carnet.control_room.engine.key_ring import KeyRing
from carnet.control_room.engine.sqlite import DATABASE, SqliteStore
from carnet.control_room.rules.activation.generate_request import REQUEST, GenerateRequest
from carnet.control_room.rules.activation.install_license import InstallLicense
from carnet.control_room.rules.activation.install_token import InstallToken
from carnet.control_room.rules.granting.api_keys import CreateApiKey
from carnet.control_room.wiring import VERSION, Site
from carnet.entitlements import new_id
from carnet.exchange.strict import encode
from carnet.files import write_file
from carnet.vault import Vault
from tests.support.cast import seeded
from tests.support.kept_logs import keep, new_name, secret, secret_bytes
from tests.support.vendor_simulator import Vendor, line

PHRASE = b"correct horse battery staple"
WORLD = {"CARNET_ROOM_SECOND_FACTOR": "optional"}  # tests sign in with a password, but where they say so
COMMAND = "import sys; from carnet.control_room.wiring import main; main()"


@dataclass
class OwnSite:
    folder: Path
    vault: Vault = field(repr=False)
    key: str = field(default="", repr=False)  # an API key that may do all

    @contextmanager
    def store(self) -> Iterator[SqliteStore]:
        """What is stored, of one moment; no lock is taken."""
        with closing(SqliteStore.open(self.folder, writing=False)) as store:
            store.stand_still()
            yield store

    def keys(self, store: SqliteStore) -> KeyRing:
        return KeyRing(self.vault, store.secret)


def licensed_site(folder: Path, quantities: dict[str, int], vendor: Vendor | None = None) -> OwnSite:
    """Set up, enabled and licensed for a year, a minute ago."""
    folder.mkdir(mode=0o700)
    write_file(folder / "passphrase", PHRASE, 0o600)
    reading, random, vendor = Site(folder).reading(), seeded(str(folder)), vendor or Vendor()
    now = reading.system
    vault, lock = Vault.create(PHRASE, random)
    with closing(SqliteStore.create(str(folder / DATABASE), new_id(now, random))) as store:
        engine = found(store, vault, lock, vendor.trust, "Oslo", VERSION, reading, random)
        write_file(folder / "trust.json", encode(vendor.trust), 0o600)
        engine.execute(InstallToken(vendor.token(now)), reading, "anna")
        engine.execute(GenerateRequest(None, None, new_keys=False), reading, "anna")
        lfr = store.document(REQUEST)
        assert lfr
        start, end = now - timedelta(days=1), now + timedelta(days=365)
        lines = [line(sku, quantity, start, end) for sku, quantity in quantities.items()]
        engine.execute(InstallLicense(vendor.olf(lfr, lines, now)), reading, "anna")
        key: Any = engine.execute(CreateApiKey("bots", None, ["take", "assign", "read"]), reading, "anna")
        _note_secrets(engine.keys, key.key)
    return OwnSite(folder, vault, key.key)


def _note_secrets(keys: KeyRing, api_key: str) -> None:
    secret(PHRASE.decode(), "a passphrase")
    secret(api_key, "an API key")
    secret_bytes(keys.first_master, "the ledger's master key")
    for purpose in ("second-factors", "passwords"):
        secret_bytes(keys.derived(purpose), f"the key for {purpose}")
    secret_bytes(keys.sessions, "the key for sessions")


class ServeProcess:
    """`control-room serve` in a process of its own. `wait` until it is ready; its log is what it wrote so far."""

    def __init__(
        self,
        folder: Path,
        before: Sequence[str] = (),
        options: Sequence[str] = ("--no-pages",),
        program: Sequence[str] = ("-c", COMMAND),
        world: Mapping[str, str] | None = None,
    ) -> None:
        words = [sys.executable, *program, "serve", "--data", str(folder), "--port", "0", *options]
        self.process = subprocess.Popen(
            [*before, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=WORLD | os.environ | (world or {}),
        )
        self.log: list[str] = []
        self._name = new_name("control-room-serve")
        self._more = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for text in self.process.stdout:
            with self._more:
                self.log.append(text)
                keep(self._name, text)
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def wait_for(self, words: str) -> str:
        """The first line with these words."""

        def found() -> bool:
            return self._ended or any(words in text for text in self.log)

        with self._more:
            assert self._more.wait_for(found, 60), self.log
        line = next((text for text in self.log if words in text), None)
        assert line is not None, self.log
        return line

    def wait(self) -> int:
        """The port at which it listens."""
        ready = json.loads(self.wait_for('"event": "ready"'))
        return int(ready["address"].rpartition(":")[2])

    def ended(self) -> None:
        """Waits until nobody writes to its output any more: neither the server, nor a process that it started."""
        with self._more:
            assert self._more.wait_for(lambda: self._ended, 60), self.log

    def kill(self) -> None:
        self.process.kill()

    def stop(self) -> int:
        """Its exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=20)
        self._reader.join()
        assert self.process.stdout
        self.process.stdout.close()


def engine_of(site: OwnSite, store: SqliteStore) -> Engine:
    return Engine(store, site.keys(store), seeded("another"), VERSION)
