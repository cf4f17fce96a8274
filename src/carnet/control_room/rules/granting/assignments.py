"""Many assignments at once: each judged as if the good ones before it were carried out, and carried out together."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, Literal

from carnet.control_room.ledger.events import SeatAssigned, SeatUnassigned
from carnet.control_room.rules.decision import Command, Decision, Moment, Question, View
from carnet.control_room.rules.grant import ProductGrant
from carnet.control_room.rules.granting.assignment_file import MOST_ROWS, AssignmentFile, AssignmentRow, RefusedRow
from carnet.control_room.rules.granting.preconditions import malformed, may_take, not_granted
from carnet.control_room.rules.granting.users import check_assign
from carnet.control_room.state.names import Twins
from carnet.control_room.state.state import State
from carnet.entitlements import Taking
from carnet.exchange.verdicts import Code, Refusal

NAMED = 20  # rows named in a refusal


@dataclass(frozen=True)
class RowVerdict:
    """`already`: nothing is to be done. `code` and `message` say why a row is refused."""

    line: int
    outcome: Literal["assign", "unassign", "already", "refused"]
    code: str = ""
    message: str = ""


@dataclass(frozen=True)
class AssignmentsAnswer:
    """What becomes, or became, of each row, in the order of the rows."""

    rows: list[RowVerdict]
    assigned: int
    unassigned: int
    already: int
    refused: int


NO_ROWS = AssignmentsAnswer([], 0, 0, 0, 0)


def refused_rows(read: AssignmentFile, answer: AssignmentsAnswer) -> list[RefusedRow]:
    """Those rows of a file that cannot be carried out, by line: not read, or refused by what is licensed."""
    found = [RefusedRow(each.line, each.user, each.product, each.action, each.message) for each in read.errors]
    found += [
        RefusedRow(row.line, row.user, row.product, row.written, verdict.message)
        for row, verdict in zip(read.rows, answer.rows, strict=True)
        if verdict.outcome == "refused"
    ]
    return sorted(found, key=lambda row: row.line)


def refuse_rows(refused: Sequence[RefusedRow], count: int, code: Code = Code.MALFORMED) -> Refusal:
    """What is said where some of `count` rows cannot be carried out, and the others alone were not asked for."""
    words = f"{len(refused):,} of {count:,} rows cannot be carried out. Nothing was changed."
    evidence = tuple(f"Line {each.line}: {each.why}" for each in refused[:NAMED])
    more = (f"and {len(refused) - NAMED:,} more",) if len(refused) > NAMED else ()
    return Refusal(code, words, "Correct these rows, or carry out the others alone.", (*evidence, *more))


@dataclass(frozen=True)
class CheckAssignments(Question[AssignmentsAnswer | Refusal]):
    rows: list[AssignmentRow]
    what: ClassVar[str] = "assignments check"

    def answer(self, view: View) -> AssignmentsAnswer | Refusal:
        return _too_many(self.rows) or _answer(judge(view.state, self.rows, view.now))


@dataclass(frozen=True)
class AssignMany(Command[AssignmentsAnswer]):
    """In one transaction. All of the rows or nothing; with `only_good`, those that are not refused. (It names many
    products at once, so that it is open to people alone, and to no API key.)"""

    rows: list[AssignmentRow]
    only_good: bool = False
    what: ClassVar[str] = "assign many"

    def decide(self, state: State, moment: Moment) -> Decision[AssignmentsAnswer] | Refusal:
        refusal = _too_many(self.rows)
        if refusal:
            return refusal
        verdicts = judge(state, self.rows, moment.now)
        first = next((refusal for _, _, refusal in verdicts if refusal), None)
        if first and not self.only_good:
            refused = refused_rows(AssignmentFile(self.rows, []), _answer(verdicts))
            return refuse_rows(refused, len(self.rows), first.code)
        return Decision(
            [_event(row) for row, verdict, _ in verdicts if verdict.outcome == row.action], _answer(verdicts)
        )


@dataclass
class _Product:
    """Who would be assigned to a product, after some of the rows."""

    count: int
    grant: ProductGrant | Refusal
    come: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    twins: Twins = field(default_factory=Twins)  # of those who come


_Judged = tuple[AssignmentRow, RowVerdict, Refusal | None]


def judge(state: State, rows: Sequence[AssignmentRow], now: datetime) -> list[_Judged]:
    """Each row's verdict, with the refusal where there is one. The state stays as it is."""
    products: dict[str, _Product] = {}
    judged: list[_Judged] = []
    for row in _spelled(state, rows):
        if row.product not in products:
            products[row.product] = _product(state, row.product, now)
        product = products[row.product]
        there = row.user in product.come or (row.user in state.users.of(row.product) and row.user not in product.gone)
        refusal = _judge(state, row, product, there=there)
        if refusal is None and there != (row.action == "assign"):
            _move(product, row)
        judged.append((row, _verdict(row, refusal, there=there), refusal))
    return judged


def _spelled(state: State, rows: Iterable[AssignmentRow]) -> Iterator[AssignmentRow]:
    """G2: each with the user as they were spelled first, here or in a row before."""
    first: dict[str, str] = {}
    for row in rows:
        user = state.spelled(row.user)
        yield replace(row, user=first.setdefault(state.name_key(user), user))


def _product(state: State, sku: str, now: datetime) -> _Product:
    return _Product(len(state.users.of(sku)), may_take(state, sku, Taking.ASSIGN, now))


def _judge(state: State, row: AssignmentRow, product: _Product, *, there: bool) -> Refusal | None:
    if row.action == "assign":
        if isinstance(product.grant, Refusal):
            return product.grant
        twins = () if there or row.even_so else _twins(state, row, product)
        return None if there else check_assign(product.grant, row.user, product.count, twins)
    known = row.product in state.tallies or row.product in state.users.by_sku
    return None if known else not_granted(row.product)  # giving back is always granted, in every state


def _twins(state: State, row: AssignmentRow, product: _Product) -> Iterator[str]:
    """G2: who may be this person, of those who are assigned after the rows before."""
    yield from (each for each in state.users.twins_of(row.product, row.user) if each not in product.gone)
    yield from product.twins.of(row.user)


def _move(product: _Product, row: AssignmentRow) -> None:
    come, gone = (product.come, product.gone) if row.action == "assign" else (product.gone, product.come)
    come.add(row.user)
    gone.discard(row.user)
    product.count += 1 if row.action == "assign" else -1
    note = product.twins.add if row.action == "assign" else product.twins.remove
    note(row.user)


def _verdict(row: AssignmentRow, refusal: Refusal | None, *, there: bool) -> RowVerdict:
    if refusal:
        return RowVerdict(row.line, "refused", refusal.code.value, refusal.message)
    return RowVerdict(row.line, "already" if there == (row.action == "assign") else row.action)


def _event(row: AssignmentRow) -> SeatAssigned | SeatUnassigned:
    kind = SeatAssigned if row.action == "assign" else SeatUnassigned
    return kind(sku=row.product, user=row.user)


def _answer(judged: list[_Judged]) -> AssignmentsAnswer:
    verdicts = [verdict for _, verdict, _ in judged]
    outcomes = [verdict.outcome for verdict in verdicts]
    counts = (outcomes.count(each) for each in ("assign", "unassign", "already", "refused"))
    return AssignmentsAnswer(verdicts, *counts)


def _too_many(rows: list[AssignmentRow]) -> Refusal | None:
    if 1 <= len(rows) <= MOST_ROWS:
        return None
    return malformed(f"1 to {MOST_ROWS:,} assignments are made at once.")
