"""A concurrent history: callers that await the real writer over a real SQLite file, steps that a test chooses, and a
watch that tells each transaction to the reference as the writer decides it.

What went wrong is collected in `wrong`: nothing is raised inside the writer, which would take it for a broken order.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from carnet.control_room.engine.engine import Engine, QueuedCommand
from carnet.control_room.engine.key_ring import KeyRing
from carnet.control_room.engine.sqlite import DATABASE, SqliteStore
from carnet.control_room.engine.writer import Writer
from carnet.control_room.ledger.verify import verify
from carnet.control_room.rules.activation.generate_request import REQUEST, GenerateRequest
from carnet.control_room.rules.activation.install_license import InstallLicense
from carnet.control_room.rules.granting.api_keys import RevokeApiKey
from carnet.control_room.rules.granting.features import CheckFeature
from carnet.control_room.rules.granting.reservations import CancelUnits, ReserveUnits, SettleUnits
from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat, RenewSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, CheckUser, UnassignUser
from carnet.control_room.wiring import evidence_of
from carnet.entitlements import Period, PeriodUnit
from carnet.errors import BusyError
from carnet.exchange.verdicts import Refusal
from tests.support import reference
from tests.support.cast import MONDAY, seeded
from tests.support.reference import Answer, Clock, Reference
from tests.support.room import VERSION, Room
from tests.support.vendor_simulator import Vendor, line

UNKNOWN = "00000000-0000-7000-8000-000000000000"
COMMANDS: dict[str, Any] = {
    "assign": AssignUser,
    "unassign": UnassignUser,
    "acquire": AcquireSeat,
    "renew": RenewSeat,
    "release": ReleaseSeat,
    "consume": ConsumeUnits,
    "reserve": ReserveUnits,
    "settle": SettleUnits,
    "cancel": CancelUnits,
}
FACTS = {  # kinds of record, and what of their body tells which fact it is
    "seat.assigned": "user",
    "seat.unassigned": "user",
    "seat.acquired": "lease_id",
    "seat.renewed": "lease_id",
    "seat.released": "lease_id",
    "units.consumed": "units",
    "units.reserved": "reservation_id",
    "units.settled": "reservation_id",
    "reservation.cancelled": "reservation_id",
}


@dataclass(frozen=True)
class Base:
    """A licensed site that all histories begin with: its database, its vendor, and API keys by the caller's name."""

    folder: Path
    room: Room
    vendor: Vendor
    keys: dict[str, Any]
    lines: list[reference.Line]


@dataclass
class Operation:
    """One order of a caller. `invoked` and `answered` are moments of a count that all callers share."""

    name: tuple[Any, ...]
    order: QueuedCommand
    invoked: int
    answered: int | None = None
    decided: bool = False
    outcome: Any = None
    refused_by_queue: bool = False


@dataclass
class Caller:
    name: str
    scope: Any = None  # permissions and products, of an API key
    api_key: Any = None
    waiting: list[Any] = field(default_factory=list)  # steps that it has not yet begun
    task: asyncio.Task[None] | None = None
    last: Any = None  # what it asked last under a key


def real_line(each: reference.Line) -> Any:
    made = line(
        each["sku"],
        each["quantity"],
        each["since"],
        each["until"],
        line_id=each["id"],
        period=Period(unit=PeriodUnit.MONTH, start=each["since"]) if each["monthly"] else None,
        overage=each["overage"],
        grace=each["grace"],
    )
    assert made.metric.value == each["metric"]
    return made


class History:
    def __init__(self, base: Base, folder: Path, scopes: dict[str, Any], *, waiting: int) -> None:
        self.base, self.folder, self.waiting = base, folder, waiting
        self.callers = {name: Caller(name) for name in ("anna", "bert")}
        for name, key in base.keys.items():
            self.callers[name] = Caller(f"cnk_{key.key_id}", scopes[name], key)
        self.reading = base.room.reading
        mark = base.room.state.mark
        self.model = Reference(base.lines, Clock(mark, self.reading.uptime, self.reading.boot))
        self.operations: dict[int, Operation] = {}  # by id() of the order, which `Operation` keeps alive
        self.decided: list[Operation] = []
        self.leases: list[str] = []
        self.reservations: list[str] = []
        self.files: dict[bytes, tuple[Any, ...]] = {}
        self.wrong: list[str] = []
        self.reached: Counter[str] = Counter()
        self._moment = 0
        self._open()

    # --- lives ----------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self.store = SqliteStore.open(self.folder, writing=True)
        random = seeded(f"life {self._moment}")
        self.engine = Engine(self.store, KeyRing(self.base.room.vault, self.store.secret), random, VERSION)
        self._watch()

    def play(self, steps: list[tuple[Any, ...]]) -> None:
        """All steps; each restart ends an event loop, and what waited in it."""
        while steps:
            end = next((at for at, step in enumerate(steps) if step[0] == "restart"), len(steps))
            asyncio.run(self._live(steps[:end], steps[end] if end < len(steps) else ("restart", "stop")))
            self.store.close()
            if end < len(steps) and steps[end][1] == "reboot":
                self.reading = replace(self.reading, uptime=5, boot=f"{self.reading.boot}+")
            steps = steps[end + 1 :]
            self._moment += 1
            self._open()
        self._look()
        self.store.close()

    async def _live(self, steps: list[tuple[Any, ...]], end: tuple[Any, ...]) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self.wrong.append(str(context)))
        self.writer = Writer(self.engine, lambda: self.reading, waiting=self.waiting, snapshot_every=2**40)
        for step in steps:
            getattr(self, f"_step_{step[0]}")(*step[1:])
            for _ in range(step[-1] if step[0] == "turn" else 0):
                await asyncio.sleep(0)
        if end[1] == "stop":
            while any(caller.waiting or caller.task for caller in self.callers.values()):
                await asyncio.sleep(0)
            await self.writer.close()
        else:  # the process is killed: nothing that waits is decided
            self.writer._queue.clear()
            self.writer._waiting = 0
        for caller in self.callers.values():
            caller.waiting.clear()
            if caller.task:
                caller.task.cancel()
                with suppress(asyncio.CancelledError):
                    await caller.task
            caller.task = None

    # --- steps ----------------------------------------------------------------------------------------------------

    def _step_turn(self, _: int) -> None:
        """The loop runs."""

    def _step_order(self, who: str, name: str, arguments: tuple[Any, ...], key: str | None) -> None:
        self._begin(self.callers[who], (name, arguments, key))

    def _step_again(self, who: str) -> None:
        """The same request under the same key, as one does that heard no answer."""
        self._begin(self.callers[who], ("again", (), None))

    def _step_exchange(self, name: str, arguments: tuple[Any, ...] = ()) -> None:
        self._begin(self.callers["anna"], (name, arguments, None))

    def _step_goes_away(self, who: str) -> None:
        caller = self.callers[who]
        if caller.task:
            caller.task.cancel()

    def _step_pass(self, seconds: int) -> None:
        system = self.reading.system + timedelta(seconds=seconds)
        self.reading = replace(self.reading, system=system, uptime=self.reading.uptime + seconds)

    def _step_set_clock(self, seconds: int) -> None:
        self.reading = replace(self.reading, system=self.reading.system + timedelta(seconds=seconds))

    def _step_snapshot(self) -> None:
        self.engine.keep_snapshot(every=1)

    def _step_ask(self, sku: str, user: str) -> None:
        now = self.model.clock.now(self.reading.system, self.reading.uptime, self.reading.boot)
        for question, expected in (
            (CheckUser(sku, user), self.model.check(sku, user, now)),
            (CheckFeature(sku), self.model.feature(sku, now)),
        ):
            self._compare(question.what, told(self.writer.ask(question)), expected)

    # --- callers --------------------------------------------------------------------------------------------------

    def _begin(self, caller: Caller, what: Any) -> None:
        caller.waiting.append(what)
        if caller.task is None:
            self._go_on(caller)

    def _go_on(self, caller: Caller) -> None:
        """One thing after the other, as a caller does; where it went away, another one takes its place."""
        caller.task = asyncio.get_running_loop().create_task(self._call(caller))

        def done(task: asyncio.Task[None]) -> None:
            caller.task = None
            if not task.cancelled() and task.exception():
                self.wrong.append(repr(task.exception()))
            if caller.waiting:
                self._go_on(caller)

        caller.task.add_done_callback(done)

    async def _call(self, caller: Caller) -> None:
        while caller.waiting:
            name, arguments, key = caller.waiting.pop(0)
            if name != "again":
                operation = self._operation(caller, name, arguments, key)
            elif caller.last:
                operation = Operation(caller.last.name, copy(caller.last.order), self._tick())
            else:
                continue
            caller.last = operation if operation.order.key else caller.last
            await self._one(operation)

    async def _one(self, operation: Operation) -> None:
        self.operations[id(operation.order)] = operation
        try:
            (operation.outcome,) = await self.writer.execute([operation.order])
        except BusyError:
            operation.refused_by_queue = True
            self.reached["busy"] += 1
            return
        operation.answered = self._tick()
        if not operation.decided:
            self.wrong.append(f"{operation.name} was answered and never decided")

    def _operation(self, caller: Caller, name: str, arguments: tuple[Any, ...], key: str | None) -> Operation:
        if name in ("renew", "release"):
            arguments = (self._known(self.leases, arguments[0]),)
        elif name in ("settle", "cancel"):
            arguments = (self._known(self.reservations, arguments[0]), *arguments[1:])
        made = {"revoke": self._revoke, "request": self._request, "install": self._install}.get(name)
        told, command = made(*arguments) if made else ((name, *arguments), COMMANDS[name](*arguments))
        return Operation(told, QueuedCommand(command, caller.name, key, caller.api_key), self._tick())

    @staticmethod
    def _known(ids: list[str], number: int) -> str:
        return ids[-1 - number] if number < len(ids) else UNKNOWN

    def _revoke(self, who: str) -> tuple[Any, Any]:
        key = self.base.keys[who]
        return ("revoke", f"cnk_{key.key_id}"), RevokeApiKey(key.key_id)

    def _request(self) -> tuple[Any, Any]:
        return ("request",), GenerateRequest()

    def _install(self, lines: list[reference.Line]) -> tuple[Any, Any]:
        """A file that answers the newest request; the same one again where `lines` is empty."""
        if not lines and self.files:
            raw = list(self.files)[-1]
            return self.files[raw], InstallLicense(raw)
        newest, issued_at = self.store.document(REQUEST), self.engine.now(self.reading)
        raw = self.base.vendor.olf(newest, [real_line(each) for each in lines or self.base.lines], issued_at)
        self.files[raw] = (
            "install",
            f"file {len(self.files)}",
            self.model.requests,
            lines or self.base.lines,
            issued_at,
        )
        return self.files[raw], InstallLicense(raw)

    def _tick(self) -> int:
        self._moment += 1
        return self._moment

    # --- the watch ------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        real = self.engine.execute_all

        def execute_all(orders: list[QueuedCommand], reading: Any) -> Any:
            time = reading.system, reading.uptime, reading.boot
            self.model.begin(*time)
            if self.model.now != self.engine.now(reading):
                self.wrong.append(f"trusted time is {self.engine.now(reading)}, not {self.model.now}")
            size = self.engine.checkpoint.size
            outcomes = real(orders, reading)
            for order, outcome in zip(orders, outcomes, strict=True):
                self._decide(self.operations[id(order)], outcome)
            self.model.end(*time[1:], wrote=self.engine.checkpoint.size > size)
            return outcomes

        self.engine.execute_all = execute_all  # type: ignore[method-assign]

    def _decide(self, operation: Operation, outcome: Any) -> None:
        if operation.decided:
            self.wrong.append(f"{operation.name} was decided twice")
        operation.decided = True
        self.decided.append(operation)
        order, given = operation.order, told(outcome)
        if operation.name[0] in ("revoke", "request", "install") and given[0] == "granted":
            given = "granted", "a file or key"
        scope = next(each.scope for each in self.callers.values() if each.name == order.actor)
        expected = self.model.execute(order.actor, scope, order.key, operation.name, given)
        if expected[0] == "granted" and given[1] == "a file or key":
            expected = given
        self._compare(f"{order.actor} {operation.name} {order.key}", given, expected)
        if given[0] == "granted" and operation.name[0] == "acquire":
            self.leases.append(given[1]["lease_id"])
        if given[0] == "granted" and operation.name[0] == "reserve":
            self.reservations.append(given[1]["reservation_id"])

    def _compare(self, what: str, given: Answer, expected: Answer) -> None:
        self.reached[what.split("'")[1] if "'" in what else what] += given[0] == "granted"
        self.reached[given[1] if given[0] == "refused" else "granted"] += 1
        if given != expected:
            self.wrong.append(f"{what}: answered {given}, the reference says {expected}")

    # --- the end --------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._real_time()
        found = list(self._facts())
        if found != self.model.facts:
            self.wrong.append(f"the ledger tells {found}, the reference {self.model.facts}")
        if (mine := self._state()) != (theirs := self._reference_state()):
            self.wrong.append(f"at the end there is {mine}, the reference has {theirs}")
        report = verify(evidence_of(self.store, self.engine.keys.masters))
        self.wrong += report.problems
        self.store.keep_snapshot(b"")
        folded = Engine(self.store, self.engine.keys, seeded("fold"), VERSION)
        if folded.state != self.engine.state or folded.checkpoint != self.engine.checkpoint:
            self.wrong.append("the ledger folded anew is not what was in memory")

    def _real_time(self) -> None:
        """What had ended before another began comes first in the ledger's order."""
        begun = 0
        for operation in self.decided:
            if operation.answered is not None and operation.answered < begun:
                self.wrong.append(f"{operation.name} was decided after one that began when it had its answer")
            begun = max(begun, operation.invoked)
        for operation in self.operations.values():
            if operation.refused_by_queue and operation.decided:
                self.wrong.append(f"{operation.name} was refused as too many, and decided")

    def _facts(self) -> Iterator[tuple[Any, ...]]:
        for record in self.engine.reader.records():
            if record.kind in FACTS:
                body = msgspec.json.decode(record.body)
                yield record.kind, body["sku"], body[FACTS[record.kind]]

    def _state(self) -> dict[str, Any]:
        state, now = self.engine.state, self.engine.now(self.reading)
        return {
            "users": {sku: list(users) for sku, users in state.users.items() if users},
            "leases": {
                key: (sku, leases.by_id[key].holder, leases.by_id[key].expires_at)
                for sku, leases in state.leases.items()
                for key in leases.running(now)
            },
            "consumed": {
                (line_id, datetime.fromisoformat(start) if start else None): units
                for line_id, meter in state.meters.items()
                for start, units in meter.items()
            },
            "reserved": {
                key: (state.reservations.by_id[key].units, state.reservations.by_id[key].expires_at)
                for key in state.reservations.running(now)
            },
            "locked": state.locked,
            "time": now,
        }

    def _reference_state(self) -> dict[str, Any]:
        model, now = self.model, self.model.clock.now(self.reading.system, self.reading.uptime, self.reading.boot)
        return {
            "users": {sku: users for sku, users in model.users.items() if users},
            "leases": {
                key: (lease["sku"], lease["holder"], lease["expires"])
                for key, lease in model.leases.items()
                if now < lease["expires"]
            },
            "consumed": model.consumed,
            "reserved": {key: (each["units"], each["expires"]) for key, each in model.open(now).items()},
            "locked": model.locked,
            "time": now,
        }


def told(outcome: Any) -> Answer:
    if isinstance(outcome, Refusal):
        return "refused", outcome.code.value
    if isinstance(outcome, Exception):
        return "broke", repr(outcome)
    fields = asdict(outcome) if is_dataclass(outcome) else msgspec.structs.asdict(outcome)  # type: ignore[call-overload]
    return "granted", {name: value for name, value in fields.items() if name != "name"}  # of the product, for people


def found_base(folder: Path, lines: list[reference.Line], scopes: dict[str, Any]) -> Base:
    from carnet.control_room.rules.granting.api_keys import CreateApiKey

    vendor = Vendor()
    room = Room(vendor.trust)
    room.enable(vendor.token(MONDAY))
    keys = {}
    for name, (permissions, products) in scopes.items():
        answer = room.do(CreateApiKey(name, products, list(permissions)))
        keys[name] = room.state.api_keys[answer.key_id]
    room.install(vendor.olf(room.request(), [real_line(each) for each in lines], MONDAY))
    assert room.state_name == "active"
    folder.mkdir(parents=True)
    room.store.copy_to(folder / DATABASE)
    return Base(folder, room, vendor, keys, lines)
