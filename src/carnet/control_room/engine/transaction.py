"""A transaction: what several orders add up to. The state moves with each; the disk moves once, in `commit`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from carnet.control_room.authority.decision import Command, Decision, FileCommand
from carnet.control_room.authority.evolve import evolve_event
from carnet.control_room.authority.history import product_of_order
from carnet.control_room.authority.trusted_time import Anchor, Reading
from carnet.control_room.engine.book import Head
from carnet.control_room.engine.draft import Draft
from carnet.control_room.engine.idempotency import first_answer, remember
from carnet.control_room.engine.order import Order, Outcome
from carnet.control_room.engine.passing_time import passing_time
from carnet.control_room.engine.refusals import is_sampled
from carnet.control_room.engine.store import Commit
from carnet.control_room.granting.permissions import refuse
from carnet.control_room.ledger.events import (
    CLEAR,
    AnswerRemembered,
    ClockLowered,
    ClockRaised,
    Event,
    LicenseInstalled,
    RefusalsCounted,
    Refused,
)
from carnet.control_room.ledger.record import SYSTEM, Answered, Record, answer_name
from carnet.entitlements import UnwritableError
from carnet.errors import CarnetError, StorageError, UsageError
from carnet.exchange.verdicts import Code, Refusal

if TYPE_CHECKING:
    from carnet.control_room.engine.engine import Engine

_MAY_NOT = (Code.UNAUTHENTICATED, Code.NOT_PERMITTED)


class Transaction:
    def __init__(self, engine: Engine, reading: Reading) -> None:
        self._engine, self._reading = engine, reading
        self._moment = engine.moment(reading)
        self._epoch = engine.epoch()
        self._draft = Draft(engine.book, self._epoch, engine.random)
        self._documents: dict[str, bytes] = {}
        self._secrets: dict[str, bytes] = {}
        self._answered: dict[bytes, Record] = {}  # in this very transaction
        self._counted: list[RefusalsCounted] = []
        self._new_epoch = False

    def let_time_pass(self, orders: Sequence[Order]) -> None:
        """What time alone changed since the last record is recorded before a decision is taken on it."""
        engine = self._engine
        self.append(passing_time(engine.state, engine.anchor, self._reading, self._now), SYSTEM)
        if not orders or engine.refusals.due(self._now):
            self._write_counts()

    def add(self, order: Order) -> Outcome:
        """Decide one order. What breaks over it is its own outcome: the others are not touched by it. Raises
        StorageError where the disk broke, and that is no order's own."""
        mark, moment = self._draft.mark(), self._moment
        try:
            return self._decide(order)
        except StorageError:
            raise
        except (UnwritableError, CarnetError) as error:
            self._draft.back_to(mark)
            self._moment = moment
            if isinstance(error, CarnetError):
                return error
            return UsageError(f"This cannot be recorded: {error}.", "Nothing was changed.")

    @property
    def _now(self) -> datetime:
        """Trusted time; an order of this transaction may have moved it (T1, T3)."""
        return self._moment.now

    def _decide(self, order: Order) -> Outcome:
        command, name = order.command, answer_name(order.actor, order.key) if order.key else None
        refusal = refuse(order.api_key, command, self._engine.state) if order.api_key else None  # A1
        if refusal and refusal.code in _MAY_NOT:
            return self._refuse(order, refusal)
        if name:
            answered = self._find_answer(name, order)
            if answered:
                return first_answer(command, answered)
        if refusal:  # an id out of scope, answered as an unknown one: also under a key that was used before
            return self._refuse(order, refusal)
        if not is_sampled(command):  # it may state totals, and they include every refusal before it (G7)
            self._write_counts()
        decision = command.decide(self._engine.state, self._moment)
        if isinstance(decision, Refusal):
            return self._refuse(order, decision)
        self._take(decision, order, name)
        return decision.answer

    def _write_counts(self) -> None:
        counted = self._engine.refusals.take()
        if counted:
            self._counted.append(counted)
            self.append([counted], SYSTEM)

    def give_up(self) -> None:
        """It could not be committed: what it took from the engine's own memory goes back there."""
        for counted in self._counted:
            self._engine.refusals.give_back(counted)

    def _refuse(self, order: Order, refusal: Refusal) -> Refusal:
        command, sku = order.command, product_of_order(self._engine.state, order.command)
        sampled = is_sampled(command)
        if not sampled or self._engine.refusals.gets_a_record(command.what, refusal.code.value, sku, self._now):
            self.append([_refused(command, refusal, sku)], order.actor)
        return refusal

    def _find_answer(self, name: bytes, order: Order) -> Answered | None:
        record = self._answered.get(name)
        if record is None:
            index = self._engine.answers.find(name)
            record = None if index is None else self._engine.book.record(index)
        asked = record and (record.actor, record.key) == (order.actor, order.key)  # the index only says where to look
        return record.answered if record and asked else None

    def _take(self, decision: Decision, order: Order, name: bytes | None) -> None:
        events, answered = decision.events, remember(order.command, decision.answer) if name else None
        carries = bool(events) and events[-1].kind not in CLEAR
        boxes = [self._engine.keys.wrap(key, self._moment.random) for key in decision.new_keys]
        written = self._write(events, order.actor, order.key, answered if carries else None, decision.moved)
        if decision.documents:
            # files are made of the ledger with these records in it, and of the state as it was before them
            self._documents |= decision.documents(self._draft)
        if answered and not carries:
            written += self._write([AnswerRemembered()], order.actor, order.key, answered)
        self._secrets |= dict(boxes)
        self._evolve(written)
        if name:
            self._answered[name] = written[-1][0]

    def append(self, events: Sequence[Event], actor: str) -> None:
        self._evolve(self._write(events, actor))

    def _write(
        self,
        events: Sequence[Event],
        actor: str,
        key: str | None = None,
        answered: Answered | None = None,
        moved: datetime | None = None,
    ) -> list[tuple[Record, Event]]:
        """Draft the events' records; the last one carries the answer."""
        written, now, last = [], self._now, len(events) - 1
        for place, event in enumerate(events):
            if moved and isinstance(event, ClockLowered | ClockRaised):
                now = moved  # T1, T3: this record, and all after it
            record = self._draft.append(event, now, actor, key, answered if place == last else None)
            written.append((record, event))
        if now != self._now:
            self._moment = replace(self._moment, now=now)
        return written

    def _evolve(self, written: list[tuple[Record, Event]]) -> None:
        for record, event in written:
            evolve_event(self._engine.state, record, event)
            self._new_epoch = self._new_epoch or isinstance(event, LicenseInstalled)

    def commit(self) -> None:
        draft, engine, book = self._draft, self._engine, self._engine.book
        if not draft.rows:
            return
        checkpoint = draft.checkpoint
        new_key = (self._epoch.key_id, self._epoch.salt) if self._epoch.since == book.peaks.size else None
        beside = [*_named("document", self._documents), *_named("secret", self._secrets)]
        kept = book.kept.with_(beside, new_key) if beside or new_key else book.kept
        move = engine.answers.next_move(checkpoint.size, len(draft.rows), self._now)
        anchor = Anchor(trusted=max(self._now, engine.state.mark), uptime=self._reading.uptime, boot=self._reading.boot)
        head = Head(
            size=checkpoint.size, root=checkpoint.root.hex(), anchor=anchor, kept=kept.digests, answers=move.mark
        )
        engine.store.commit(
            Commit(
                draft.rows,
                book.seal(head, engine.random),
                self._documents,
                self._secrets,
                new_key,
                move.stored,
                move.kept_from,
            )
        )
        book.turn_to(head, draft.peaks, checkpoint, kept)
        engine.answers.moved(move)
        engine.answers.note_all(self._answered)
        engine.answers.size = checkpoint.size
        if self._new_epoch:
            engine.end_epoch()


def _named(what: str, bodies: dict[str, bytes]) -> list[tuple[str, bytes]]:
    """As `Store.kept` names them."""
    return [(f"{what}:{name}", body) for name, body in bodies.items()]


def _refused(command: Command, refusal: Refusal, sku: str | None) -> Refused:
    digest = sha256(command.raw).hexdigest() if isinstance(command, FileCommand) else None
    message = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in refusal.message)
    return Refused(what=command.what, code=refusal.code.value, message=message, file_sha256=digest, sku=sku)
