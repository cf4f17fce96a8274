"""A Control Room in a test: the real engine on a real SQLite database (in memory), with a clock that the test sets."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from carnet.control_room.engine.engine import Engine, view_of
from carnet.control_room.engine.founding import found
from carnet.control_room.engine.key_ring import KeyRing
from carnet.control_room.engine.sqlite import SnapshotPlace, SqliteStore
from carnet.control_room.ledger.events import LedgerRestored
from carnet.control_room.ledger.record import SYSTEM
from carnet.control_room.ledger.verify import Report, verify
from carnet.control_room.rules.activation.generate_request import REQUEST, GenerateRequest
from carnet.control_room.rules.activation.install_license import RECEIPT, InstallLicense
from carnet.control_room.rules.activation.install_token import InstallToken
from carnet.control_room.rules.site_state import state_name
from carnet.control_room.state.state import State
from carnet.control_room.state.trusted_time import Reading
from carnet.control_room.wiring import evidence_of
from carnet.entitlements import new_id
from carnet.exchange.key_set import Trust
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.verdicts import Refusal
from carnet.vault import Vault
from tests.support.cast import MONDAY, seeded

VERSION = "40.0.0"


class Room:
    def __init__(
        self,
        trust: Trust,
        seed: str = "room",
        now: datetime = MONDAY,
        version: str = VERSION,
        name: str = "Oslo",
        names: Literal["exact", "fold"] = "fold",
    ) -> None:
        self.random, self.version = seeded(seed), version
        self.reading = Reading(now, 1000, "boot-1")
        self.vault = Vault(self.random(64))
        self.store = SqliteStore.create(":memory:", new_id(now, self.random))
        self.engine = found(self.store, self.vault, b"lock", trust, name, version, self.reading, self.random, names)

    # --- time ---------------------------------------------------------------------------------------------------

    def wait(self, **span: float) -> datetime:
        """Time passes: the system clock and the uptime go on together."""
        passed = timedelta(**span)
        uptime = self.reading.uptime + int(passed.total_seconds())
        self.reading = replace(self.reading, system=self.reading.system + passed, uptime=uptime)
        return self.now

    def set_clock(self, system: datetime) -> None:
        """Somebody sets the system clock; the uptime knows nothing of it."""
        self.reading = replace(self.reading, system=system)

    def reboot(self, boot: str = "boot-2") -> None:
        self.reading = Reading(self.reading.system, 5, boot)
        self.reopen()

    @property
    def now(self) -> datetime:
        return self.engine.now(self.reading)

    # --- acts ---------------------------------------------------------------------------------------------------

    def do(self, command: Any, actor: str = "anna") -> Any:
        return self.engine.execute(command, self.reading, actor)

    def ask(self, question: Any) -> Any:
        return question.answer(view_of(self.engine, self.reading))

    def enable(self, token: bytes) -> Any:
        return self.do(InstallToken(token))

    def request(self, kind: RequestKind | None = None, since: int | None = None, **options: bool) -> bytes:
        """Generate an LFR that must be granted; its bytes. `options`: as the command's."""
        answer = self.do(GenerateRequest(kind, since, **options))
        assert not isinstance(answer, Refusal), answer
        raw = self.store.document(REQUEST)
        assert raw is not None
        return raw

    def install(self, olf: bytes) -> Any:
        return self.do(InstallLicense(olf))

    @property
    def receipt(self) -> bytes:
        raw = self.store.document(RECEIPT)
        assert raw is not None
        return raw

    # --- looking ------------------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        return self.engine.state

    @property
    def state_name(self) -> str:
        return state_name(self.state, self.now)

    def kinds(self) -> list[str]:
        return [record.kind for record in self.engine.reader.records()]

    def dump(self) -> dict[str, Any]:
        """All that is stored, but for refusals and what time alone changed (T2, G6): to see that nothing moved."""
        passing = (
            "refused",
            "clock.set_back",
            "clock.caught_up",
            "leases.extended",
            "seat.expired",
            "reservation.expired",
        )
        kept = [(r.kind, bytes(r.body)) for r in self.engine.reader.records() if r.kind not in passing]
        documents = self.store._db.execute("SELECT * FROM document ORDER BY name").fetchall()
        secrets = self.store._db.execute("SELECT * FROM secret ORDER BY name").fetchall()
        return {"records": kept, "documents": documents, "secrets": secrets}

    def verify(self) -> Report:
        return verify(evidence_of(self.store, self.engine.keys.masters))

    # --- machines -----------------------------------------------------------------------------------------------

    def reopen(self) -> None:
        """The process ends and another one starts on the same database."""
        self.engine = Engine(self.store, KeyRing(self.vault, self.store.secret), self.random, self.version)

    def copy(self, seed: str = "copy") -> Room:
        """A byte-for-byte copy of this machine: a backup, or a clone."""
        other = Room.__new__(Room)
        other.random, other.version, other.reading, other.vault = seeded(seed), self.version, self.reading, self.vault
        db = sqlite3.connect(":memory:", isolation_level=None)
        self.store._db.backup(db)
        other.store = SqliteStore(db, SnapshotPlace(None))
        other.reopen()
        return other

    def restore(self, backup: Room) -> None:
        """Put a backup back, as the command does: the ledger records it."""
        self.store = backup.copy(self.random(8).hex()).store
        self.reopen()
        restored = LedgerRestored(size=self.engine.checkpoint.size, nonce=self.random(32).hex())
        self.engine.record([restored], self.reading, SYSTEM)
