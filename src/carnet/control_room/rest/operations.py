"""The table of operations. Routing, the OpenAPI document and the guide's table are made of it and of nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from msgspec import UNSET

from carnet.control_room.queries import questions
from carnet.control_room.rest import bodies
from carnet.control_room.rules.decision import Command, Question
from carnet.control_room.rules.granting import (
    features,
    preconditions,
    reservations,
    seats,
    units,
    users,
)
from carnet.control_room.rules.granting.permissions import ASSIGN, READ, TAKE
from carnet.exchange.verdicts import Refusal

PREFIX = "/api/v1/"


@dataclass
class Counts:
    """How often an operation was granted, and refused by code: plain numbers, for /metrics."""

    granted: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def refuse(self, code: str) -> None:
        self.refused[code] = self.refused.get(code, 0) + 1


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked for. Exactly one of `command` and `question` makes what the engine gets."""

    method: str
    name: str  # its path after PREFIX
    says: str
    needs: str  # the permission
    body: type[bodies.Body]  # of a GET: its query
    answers: type
    command: Callable[[Any], Command[object]] | None = None
    question: Callable[[Any], Question[object]] | None = None

    @property
    def path(self) -> str:
        return PREFIX + self.name


def _ttl(given: Any) -> int:
    return preconditions.DEFAULT_TTL if given is UNSET else given


def _acquire(body: bodies.Seat) -> Command[seats.SeatAnswer]:
    return seats.AcquireSeat(body.sku, bodies.name(body.holder), _ttl(body.ttl_seconds), body.resume is True)


def _usage(query: bodies.Page) -> Question[object]:
    after = "" if query.after is UNSET else query.after
    return questions.Usage(after, questions.HOLDERS if query.limit is UNSET else query.limit)


B = TypeVar("B", bound=bodies.Body)
A = TypeVar("A")  # an answer


def _change(
    name: str, says: str, body: type[B], command: Callable[[B], Command[A]], kind: type[A], needs: str = TAKE
) -> Operation:
    return Operation("POST", name, says, needs, body, kind, command=command)


def _check(
    name: str, says: str, body: type[B], question: Callable[[B], Question[A | Refusal]], kind: type[A]
) -> Operation:
    return Operation("POST", name, says, TAKE, body, kind, question=question)


def _look(name: str, says: str, question: type[Question[object]]) -> Operation:
    return Operation("GET", name, says, READ, bodies.Nothing, question.answers, question=lambda _: question())


OPERATIONS: Sequence[Operation] = (
    _change("seats/acquire", "Lease a seat; renew it before it expires.", bodies.Seat, _acquire, seats.SeatAnswer),
    _change(
        "seats/renew",
        "Give a lease another time to live.",
        bodies.Lease,
        lambda body: seats.RenewSeat(body.lease_id),
        seats.SeatAnswer,
    ),
    _change(
        "seats/release",
        "Give a seat back.",
        bodies.Lease,
        lambda body: seats.ReleaseSeat(body.lease_id),
        seats.SeatAnswer,
    ),
    _change(
        "units/consume",
        "Consume units, all or nothing.",
        bodies.Units,
        lambda body: units.ConsumeUnits(body.sku, body.units),
        units.UnitsAnswer,
    ),
    _change(
        "units/reserve",
        "Set units aside for work whose size is known at its end.",
        bodies.Reserve,
        lambda body: reservations.ReserveUnits(body.sku, body.units, _ttl(body.ttl_seconds)),
        reservations.ReservationAnswer,
    ),
    _change(
        "units/settle",
        "Consume of what is reserved; the rest returns.",
        bodies.Settle,
        lambda body: reservations.SettleUnits(body.reservation_id, body.units),
        units.UnitsAnswer,
    ),
    _change(
        "units/cancel",
        "Give a reservation back.",
        bodies.Reservation,
        lambda body: reservations.CancelUnits(body.reservation_id),
        reservations.ReservationAnswer,
    ),
    _change(
        "users/assign",
        "Assign a named-user license. Twice is the same as once.",
        bodies.Assign,
        lambda body: users.AssignUser(body.sku, bodies.name(body.user), body.even_so is True),
        users.UserAnswer,
        ASSIGN,
    ),
    _change(
        "users/unassign",
        "Take a named-user license back; it is free at once.",
        bodies.User,
        lambda body: users.UnassignUser(body.sku, bodies.name(body.user)),
        users.UserAnswer,
        ASSIGN,
    ),
    _check(
        "users/check",
        "Whether a user may work now.",
        bodies.User,
        lambda body: users.CheckUser(body.sku, bodies.name(body.user)),
        users.UserAnswer,
    ),
    _check(
        "features/check",
        "Whether a feature is granted now.",
        bodies.Product,
        lambda body: features.CheckFeature(body.sku),
        features.FeatureAnswer,
    ),
    _look("status", "The state, the nearest deadline, what is licensed and used, and the clock.", questions.Status),
    Operation(
        "GET",
        "usage",
        "Who holds what, in pages, and what was consumed.",
        READ,
        bodies.Page,
        questions.Usage.answers,
        question=_usage,
    ),
)
