"""The whole exchange (`both_sides`), with a CALM that is put back to an older state at any moment, also twice (L6).

What must hold then: no honest site is accused, none loses its identity, and each is licensed on.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.purchases.models import Purchase
from carnet.calm.queries.log_queries import verify_log
from carnet.calm.use_cases import proposals
from carnet.exchange.history import CheckpointFields
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.verdicts import Code, Refusal
from tests.calm.conftest import NOW, World
from tests.journeys.both_sides import FORGED, RUNS, Exchange, Machine
from tests.journeys.stored import code_of


@dataclass
class Backup:
    point: Any
    head: CheckpointFields | None
    accepted: dict[str, str]


class RestoredExchange(Exchange):
    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.backups: list[Backup] = []
        self.restored = 0

    def back_up_calm(self) -> None:
        head = deepcopy(self.world.calm.head.read())
        self.backups.append(Backup(transaction.savepoint(), head, dict(self.accepted)))

    def restore_calm(self, which: int, *, head: bool) -> None:
        """Two people state it at once. `head`: the log's head went back too, so that they say of which time it is."""
        if not self.backups:
            return
        place = which % len(self.backups)
        backup, self.backups = self.backups[place], self.backups[: place + 1]
        then = self.world.now
        transaction.savepoint_rollback(backup.point)
        calm = self.world.calm
        calm._head_checked = False
        if head:
            calm.head.head = backup.head  # type: ignore[attr-defined]
        self.accepted = {}
        self.counted = {}
        if calm.head_fault() is None and not head:
            return  # nothing was done since
        self.restored += 1
        # what was made before a break brings an older key set (E16), and is of a log that goes on no more (V2)
        self.forged = FORGED - {Code.KEY_SET_TOO_OLD, Code.LOG_MISMATCH}
        self.world.now = then + timedelta(minutes=1)
        as_of = None if calm.head_fault() else self._newest_record()
        asked = proposals.propose_resume(calm, reason="the disk was lost", as_of=as_of, **self.world.act)
        self._two_people(asked)
        self._buy_again()

    def _newest_record(self) -> Any:
        from carnet.calm.issuing_log.models import LogEntry

        newest = LogEntry.objects.order_by("-index").first()
        assert newest is not None
        return newest.at

    def _buy_again(self) -> None:
        """What was bought in the time that was lost is entered again."""
        for sku, purchase in self.sold.items():
            if not Purchase.objects.filter(id=purchase).exists():
                dates = {"valid_from": NOW - timedelta(days=1), "valid_until": self.world.now + timedelta(days=400)}
                self.sold[sku] = self.world.buy(sku, 9, **dates, **({"period": "month"} if sku == RUNS else {}))

    def issue(self, guid: str, wanted: dict[str, int], **statements: bool) -> Any:
        self._buy_again()
        return super().issue(guid, wanted, **statements)

    # --- what must always hold ----------------------------------------------------------------------------------

    def books(self) -> None:
        """After a restore CALM holds less than is out until it has taken it back (H1), and lists it then."""
        if not self.restored:
            super().books()

    # --- the way back -------------------------------------------------------------------------------------------

    def way_back(self, machine: Machine) -> None:
        identity = machine.room.store.ledger_id
        super().way_back(machine)
        assert machine.room.store.ledger_id == identity
        assert verify_log(self.world.calm).holds
        if machine.honest:
            self._held_covers(machine)  # H2: what CALM forgot, it knows again

    def _answer_history(self, machine: Machine, code: Code, kind: RequestKind | None = None) -> Code | None:
        if code is not Code.NOT_REMEMBERED:
            return super()._answer_history(machine, code, kind)
        if machine.room.state.installed is None:
            self.enable(machine)
            self.generate(machine, kind, since=self._asked_for(machine))
            answer = self.upload(self.requests[-1])
            return self._carry(machine, answer) if code_of(answer) is not Code.NOT_REMEMBERED else Code.NOT_REMEMBERED
        return self._prove(machine, kind)

    def _prove(self, machine: Machine, kind: RequestKind | None) -> Code | None:
        self.generate(machine, kind, since=self._asked_for(machine), with_license=True)
        answer = self.upload(self.requests[-1])
        if not isinstance(answer, Refusal):
            return self._license(machine)
        if answer.code is not Code.NOT_REMEMBERED:
            return super()._answer_history(machine, answer.code, kind)
        taken = self.take_back(machine)
        if isinstance(taken, Refusal) and taken.code is Code.NOT_REMEMBERED:
            self._buy_for(machine)
            taken = self.take_back(machine)
        if isinstance(taken, Refusal):
            return taken.code
        self.accepted[machine.guid] = str(taken.lfr)
        return self._license(machine) if kind is None else None

    def _asked_for(self, machine: Machine) -> int | None:
        """The size that CALM asks to be shown (L2); none where it does not know the Control Room."""
        room = ControlRoom.objects.filter(id=machine.room.store.ledger_id).first()
        return room.seen_size or None if room else None

    def take_back(self, machine: Machine) -> Any:
        room = machine.room.store.ledger_id
        return self._two_people(
            proposals.propose_take_back(self.world.calm, control_room=room, reason="it was lost", **self.world.act)
        )

    def _buy_for(self, machine: Machine) -> None:
        assert machine.room.state.installed is not None
        for line in machine.room.state.installed.lines:
            start = line.period.start if line.period else line.valid_from
            period = {"period": line.period.unit.value} if line.period else {}
            self.world.buy(line.sku, line.quantity, valid_from=start, valid_until=line.valid_until, **period)
