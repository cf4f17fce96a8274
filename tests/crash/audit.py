"""What lies in the folder after a kill, read without the engine, against what callers were told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from carnet.control_room.engine.cipher import Cipher
from carnet.control_room.engine.ledger_reader import LedgerReader
from carnet.control_room.ledger.record import Record
from carnet.control_room.ledger.verify import verify
from carnet.control_room.wiring import evidence_of
from carnet.merkle import Checkpoint
from tests.crash.load import QUANTITIES, SEATS, Asked
from tests.support.own_site import OwnSite


@dataclass
class Ledger:
    """A fold of its own: who holds what, what was consumed, and which key carries which answer."""

    size: int = 0
    carried: dict[str, Any] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)  # lease: holder
    users: set[str] = field(default_factory=set)
    reserved: dict[str, int] = field(default_factory=dict)
    consumed: int = 0

    def add(self, record: Record) -> None:
        body = msgspec.json.decode(record.body)
        self.size = record.index + 1
        if record.key and record.answered:
            assert record.key not in self.carried, f"{record.key} was done twice"
            self.carried[record.key] = msgspec.json.decode(record.answered.answer)
        match record.kind:
            case "seat.acquired":
                assert body["lease_id"] not in self.held
                self.held[body["lease_id"]] = body["holder"]
                assert len(self.held) <= QUANTITIES[SEATS], "more hold a seat than there are"
            case "seat.renewed":
                assert body["lease_id"] in self.held
            case "seat.released":
                del self.held[body["lease_id"]]
            case "seat.assigned":
                self.users.add(body["user"])
            case "seat.unassigned":
                self.users.remove(body["user"])
            case "units.reserved":
                self.reserved[body["reservation_id"]] = body["units"]
            case "reservation.cancelled":
                del self.reserved[body["reservation_id"]]
            case "units.settled":
                assert body["units"] <= self.reserved.pop(body["reservation_id"])
                self.consumed += body["units"]
            case "units.consumed":
                self.consumed += body["units"]
            case "seat.expired" | "reservation.expired":
                raise AssertionError("nothing expires here")


@dataclass
class Auditor:
    site: OwnSite
    ledger: Ledger = field(default_factory=Ledger)
    checkpoint: Checkpoint | None = None
    told: dict[str, Any] = field(default_factory=dict)  # by key: all that was ever granted to a caller
    units: int = 0  # that callers were told they consumed
    leases: dict[str, str] = field(default_factory=dict)  # which holder each was given to
    promised: dict[str, Any] = field(default_factory=dict)  # done before a kill and not answered: by key, the answer

    def look(self) -> None:
        """The ledger holds, goes on from where it was, and is folded up to its end."""
        with self.site.store() as store:
            keys = self.site.keys(store)
            report = verify(evidence_of(store, keys.masters, self.checkpoint))
            assert report.holds, report
            book = LedgerReader(store, Cipher(keys.masters, store))
            book.check_head()
            for record in book.records(self.ledger.size):
                self.ledger.add(record)
            self.checkpoint = book.checkpoint
        assert report.size == self.ledger.size == self.checkpoint.size

    def hear(self, answered: Iterable[Asked]) -> None:
        """What callers were told. Asked again, a request that was done gets the first answer."""
        for asked in answered:
            assert asked.status in (200, 409), asked  # 409: all seats are held
            assert asked.status == 200 or asked.answer["code"] == "exhausted", asked
            for key, answer in asked.granted.items():
                assert key not in self.told
                self.told[key] = answer
                self.units += answer["units"] if "owed" in answer else 0
            if asked.path == "seats/acquire" and asked.status == 200:
                assert asked.answer["lease_id"] not in self.leases, "one lease, two holders"
                self.leases[asked.answer["lease_id"]] = asked.answer["holder"]
            for key in asked.keys:
                promised = self.promised.pop(key, None)
                assert promised is None or asked.granted.get(key) == promised, (asked, promised)

    def judge(self, unanswered: Sequence[Asked]) -> tuple[int, int]:
        """After `look`: what was told is there, and beside it only whole requests that got no answer. How many of those
        were done, and how many not."""
        ledger = self.ledger
        for key, answer in self.told.items():
            assert ledger.carried.get(key) == answer, f"{key} was granted and is not there"
        done = [asked for asked in unanswered if asked.keys[0] in ledger.carried]
        for asked in unanswered:
            there = [key for key in asked.keys if key in ledger.carried]
            assert there in ([], asked.keys), f"half of it is there: {asked}"
            self.promised |= {key: ledger.carried[key] for key in there}
        more = {key for asked in done for key in asked.keys}
        assert set(ledger.carried) == set(self.told) | more, "something is there that nobody asked for"
        unheard = [ledger.carried[key] for key in more]
        assert ledger.consumed == self.units + sum(answer["units"] for answer in unheard if "owed" in answer)
        return len(done), len(unanswered) - len(done)
