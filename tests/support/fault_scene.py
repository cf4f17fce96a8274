"""A site on a disk that fails: a sequence of changes, and what must be true after each of them, failed or not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from carnet.control_room.engine.engine import Engine, QueuedCommand
from carnet.control_room.engine.key_ring import KeyRing
from carnet.control_room.engine.sqlite import DATABASE, SnapshotPlace, SqliteStore
from carnet.control_room.engine.writer import Writer
from carnet.control_room.ledger.record import answer_name
from carnet.control_room.ledger.verify import verify
from carnet.control_room.queries.questions import Status, Usage
from carnet.control_room.rules.activation.generate_request import REQUEST, GenerateRequest
from carnet.control_room.rules.activation.install_license import InstallLicense
from carnet.control_room.rules.granting.reservations import ReserveUnits, SettleUnits
from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat, RenewSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser
from carnet.control_room.wiring import evidence_of
from carnet.errors import CarnetError, StorageError
from carnet.exchange.verdicts import Code, Refusal
from tests.support.cast import MONDAY, seeded
from tests.support.failing_disk import Disk
from tests.support.room import VERSION, Room
from tests.support.vendor_simulator import Vendor, line

USERS, SEATS, PAGES = "bot-creator", "unattended-bot-runner", "document-pages"
SNAPSHOT_EVERY = 11  # records
WAL_PAGES = 12  # after which what was committed moves into the database


@dataclass
class Origin:
    """A licensed site in a folder, to be copied; and its vendor."""

    folder: Path
    room: Room
    vendor: Vendor

    @classmethod
    def make(cls, folder: Path) -> Origin:
        vendor = Vendor()
        room = Room(vendor.trust)
        room.enable(vendor.token(MONDAY))
        room.install(vendor.olf(room.request(), _lines(3, 2, 1000), MONDAY))
        folder.mkdir()
        room.store.copy_to(folder / DATABASE)
        return cls(folder, room, vendor)

    def olf(self, lfr: bytes) -> bytes:
        """The answer to this request; the vendor is as before afterwards."""
        log, sequence = deepcopy(self.vendor.log), self.vendor.sequence
        try:
            return self.vendor.olf(lfr, _lines(4, 3, 2000), MONDAY)
        finally:
            self.vendor.log, self.vendor.sequence = log, sequence


def _lines(users: int, seats: int, pages: int) -> list[Any]:
    quantities = {USERS: users, SEATS: seats, PAGES: pages}
    return [line(sku, quantity, MONDAY, MONDAY + timedelta(days=365)) for sku, quantity in quantities.items()]


@dataclass
class Scene:
    origin: Origin
    folder: Path
    disk: Disk
    store: SqliteStore
    engine: Engine
    faults: int = 0  # orders that were refused
    asked: list[QueuedCommand] = field(default_factory=list)  # all that were granted in the end
    complaints: list[Any] = field(default_factory=list)  # what the loop was told

    def __post_init__(self) -> None:
        self.reading = self.origin.room.reading
        self.writer = Writer(self.engine, lambda: self.reading, snapshot_every=SNAPSHOT_EVERY)

    def wait(self, **span: float) -> None:
        passed = timedelta(**span)
        uptime = self.reading.uptime + int(passed.total_seconds())
        self.reading = replace(self.reading, system=self.reading.system + passed, uptime=uptime)

    # --- the sequence -------------------------------------------------------------------------------------------

    async def play(self) -> None:
        (seat,) = await self.do(AcquireSeat(SEATS, "bot-1"))
        await self.do(ConsumeUnits(PAGES, 5), AssignUser(USERS, "anna"), AcquireSeat(SEATS, "bot-2"))
        (refused,) = await self.do(AcquireSeat(SEATS, "bot-3"))
        assert isinstance(refused, Refusal)
        (reserved,) = await self.do(ReserveUnits(PAGES, 20))
        await self.do(GenerateRequest(None, None, new_keys=False))
        await self.do(RenewSeat(seat.lease_id), AssignUser(USERS, "bert"))
        with self.disk.sound():
            lfr = self.store.document(REQUEST)
        assert lfr
        await self.do(InstallLicense(self.origin.olf(lfr)))
        await self.do(*[ConsumeUnits(PAGES, 1) for _ in range(80)])  # enough answers to move in several commits
        await self.do(SettleUnits(reserved.reservation_id, 7), UnassignUser(USERS, "anna"))
        await self.do(ReleaseSeat(seat.lease_id))
        self.wait(hours=25)  # all that ran has expired, and the first answers are a generation old
        await self.do(AcquireSeat(SEATS, "bot-4"), ConsumeUnits(PAGES, 3))
        await self.do(AcquireSeat(SEATS, "bot-5"))
        self.end()

    def end(self) -> None:
        usage: Any = self.writer.ask(Usage())
        products = {product.sku: product for product in usage.products}
        assert products[PAGES].consumed == 5 + 80 + 7 + 3
        assert {each.holder for each in usage.holders} == {"bert", "bot-4", "bot-5"}

    # --- one change ---------------------------------------------------------------------------------------------

    async def do(self, *commands: Any) -> list[Any]:
        """The changes in one commit. Where the disk fails: what is true then, and that they are granted later."""
        first = len(self.asked)
        orders = [QueuedCommand(command, "anna", f"key-{first + place}") for place, command in enumerate(commands)]
        before = self.image(self.engine)
        outcomes = await self.writer.execute(orders)
        if any(isinstance(outcome, CarnetError) for outcome in outcomes):
            self.faults += 1
            await self._refused(orders, outcomes, before)
            outcomes = await self.writer.execute(orders)
        assert not [outcome for outcome in outcomes if isinstance(outcome, CarnetError)], outcomes
        self.asked += orders
        assert self.writer.storage == ""
        self.look()
        if not isinstance(outcomes[0], Refusal):
            with self.disk.sound():
                assert await self.writer.execute(orders) == outcomes, "the same key gets the first answer"
        return outcomes

    async def _refused(self, orders: Sequence[QueuedCommand], outcomes: list[Any], before: Any) -> None:
        self._all_failed(outcomes, before)
        calls = self.disk.calls.copy()
        self._all_failed(await self.writer.execute(orders), before)
        assert calls == self.disk.calls, "the disk is not tried twice in a second"
        if self.disk.stays:
            self.wait(seconds=1)
            self._all_failed(await self.writer.execute(orders), before)
            self.wait(seconds=1)
            await self.writer.execute([])  # as the sweep does
            self._all_failed([], before)
        with self.disk.sound():
            self._killed_now(orders)
        self.disk.heal()
        self.wait(seconds=1)

    def _all_failed(self, outcomes: list[Any], before: Any) -> None:
        for outcome in outcomes:
            assert isinstance(outcome, StorageError), outcome
            assert outcome.code == Code.STORAGE_FAILED
            assert outcome.next_step
        assert self.writer.storage, "status says so"
        self._read()
        assert self.image(self.engine) == before, "nothing moved"
        self.look()

    def _read(self) -> None:
        status: Any = self.writer.ask(Status())
        assert status.storage == self.writer.storage
        self.writer.ask(Usage())

    # --- looking ------------------------------------------------------------------------------------------------

    def image(self, engine: Engine) -> Any:
        state = msgspec.json.encode(engine.state)  # byte by byte: the order of holders counts (Q4)
        return state, engine.checkpoint, engine.reader.head, engine.reader.kept.digests

    def look(self) -> None:
        """What the engine knows is what anybody else finds on the disk, with the snapshot and without it."""
        with self.disk.sound():
            for ignore in (False, True):
                with opened(self.origin, self.folder, ignore_snapshot=ignore) as fresh:
                    assert self.image(fresh) == self.image(self.engine)
                    for order in self.asked:
                        name = answer_name(order.actor, order.key or "")
                        assert fresh.answers.find(name) == self.engine.answers.find(name)
            self._verify(self.store)

    def _verify(self, store: SqliteStore) -> None:
        report = verify(evidence_of(store, self.engine.keys.masters))
        assert report.holds, report

    def _killed_now(self, orders: Sequence[QueuedCommand]) -> None:
        """Were the process killed here: what failed is there wholly or not at all, and asked again it is done once."""
        copy = self.folder.with_name(f"{self.folder.name}-killed")
        copy.mkdir()
        for name in (DATABASE, f"{DATABASE}-wal"):
            if (self.folder / name).exists():
                shutil.copyfile(self.folder / name, copy / name)
        with opened(self.origin, copy) as other:
            assert other.checkpoint.size >= self.engine.checkpoint.size
            assert isinstance(other.store, SqliteStore)
            self._verify(other.store)
            done = [other.answers.find(answer_name("anna", order.key or "")) is not None for order in orders]
            assert any(done) == all(done), "half of it is there"
            outcomes = other.execute_all(orders, self.reading)
            assert not [outcome for outcome in outcomes if isinstance(outcome, CarnetError)]
            again = other.execute_all(orders, self.reading)
            assert [a for a in again if not isinstance(a, Refusal)] == [
                a for a in outcomes if not isinstance(a, Refusal)
            ]
            keys = [record.key for record in other.reader.records() if record.answered]
            assert len(keys) == len(set(keys)), "done twice"
            self._verify(other.store)
        shutil.rmtree(copy)


@dataclass
class Unread(Scene):
    """On a disk of which now and then nothing can be read. Nothing is kept in memory for it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.store._db.execute("PRAGMA cache_size = 0")

    async def do(self, *commands: Any) -> list[Any]:
        first = len(self.asked)
        orders = [QueuedCommand(command, "anna", f"key-{first + place}") for place, command in enumerate(commands)]
        outcomes = await self.writer.execute(orders)
        if any(isinstance(outcome, CarnetError) for outcome in outcomes):
            self.faults += 1
            assert {type(outcome) for outcome in outcomes} == {StorageError}, "all of them failed, or none"
            with suppress(StorageError):
                self.writer.ask(Status())
            await self.writer.execute([])
            self.disk.heal()
            self.wait(seconds=1)
            before, outcomes = outcomes, await self.writer.execute(orders)
            for told, again in zip(before, outcomes, strict=True):
                assert isinstance(told, CarnetError) or told == again, "the same key gets the first answer"
        assert not [outcome for outcome in outcomes if isinstance(outcome, CarnetError)], outcomes
        self.asked += orders
        self.look()
        return outcomes


@contextmanager
def opened(origin: Origin, folder: Path, *, ignore_snapshot: bool = False) -> Iterator[Engine]:
    """Another process' view."""
    with closing(SqliteStore.open(folder, writing=False)) as store:
        if ignore_snapshot:
            store._snapshot = SnapshotPlace(None)
        yield Engine(store, KeyRing(origin.room.vault, store.secret), seeded("another"), VERSION)


@contextmanager
def scene(origin: Origin, folder: Path, disk: Disk, kind: type[Scene] = Scene) -> Iterator[Scene]:
    shutil.copytree(origin.folder, folder)
    with closing(SqliteStore.open(folder, writing=True)) as store:
        store._db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
        engine = Engine(store, KeyRing(origin.room.vault, store.secret), seeded("desk"), VERSION)
        yield kind(origin, folder, disk, store, engine)
