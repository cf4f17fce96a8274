"""G2, Q4: named users. Assigning twice is the same as once; unassigning frees at once; a check asks who is covered."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

import msgspec

from carnet.control_room.ledger.events import SeatAssigned, SeatUnassigned
from carnet.control_room.rules.decision import Command, Decision, Moment, Question, View
from carnet.control_room.rules.grant import ProductGrant, is_covered, lines_of
from carnet.control_room.rules.granting.preconditions import (
    check_name,
    exhausted,
    may_serve,
    may_take,
    no_longer_granted,
    not_covered,
    nothing_granted,
    product_of,
)
from carnet.control_room.state.names import foreign_letters
from carnet.control_room.state.state import State
from carnet.entitlements import Taking, granted
from carnet.exchange.verdicts import Code, Refusal


class UserAnswer(msgspec.Struct, frozen=True):
    sku: str
    user: str
    assigned: bool
    in_use: int
    granted: int


@dataclass(frozen=True)
class AssignUser(Command[UserAnswer]):
    """`even_so`: it was said that this is another person than the likely twin (G2)."""

    sku: str
    user: str
    even_so: bool = False
    what: ClassVar[str] = "assign"
    needs: ClassVar[str] = "assign"

    def decide(self, state: State, moment: Moment) -> Decision[UserAnswer] | Refusal:
        grant = may_take(state, self.sku, Taking.ASSIGN, moment.now)
        if isinstance(grant, Refusal):
            return grant
        users, user = state.users.of(self.sku), state.spelled(self.user)
        assigned, count = user in users, len(users)
        twins = () if assigned or self.even_so else state.users.twins_of(self.sku, user)
        refusal = None if assigned else check_assign(grant, user, count, twins)
        if refusal:
            return refusal
        events = [] if assigned else [SeatAssigned(sku=self.sku, user=user)]
        return Decision(events, UserAnswer(self.sku, user, True, count + len(events), grant.quantity))


def check_assign(grant: ProductGrant, user: str, count: int, twins: Iterable[str] = ()) -> Refusal | None:
    """Whether one more user may be assigned while so many are. `twins`: those among them who may be this person."""
    refusal = check_name(user, "user's name")
    if refusal:
        return refusal
    if grant.quantity == 0:
        return nothing_granted(grant, grant.line.sku)
    twin = next(iter(twins), None)
    if twin:
        return likely_twin(user, twin, grant.line.name)
    return exhausted(grant.line.name, grant.quantity) if count >= grant.quantity else None


def likely_twin(user: str, twin: str, product: str) -> Refusal:
    """G2: said before it costs a second license."""
    odd = [f"{name}: it holds {', '.join(foreign_letters(name))}." for name in (user, twin) if foreign_letters(name)]
    return Refusal(
        Code.LIKELY_TWIN,
        f"{user} is likely the same person as {twin}, who is assigned to {product} already.",
        f"Use the name {twin}. If these are two people, say that this is another person (“even so”).",
        tuple(odd),
        run="control-room user assign PRODUCT USER --even-so",
    )


@dataclass(frozen=True)
class UnassignUser(Command[UserAnswer]):
    """Giving back is always granted, in every state."""

    sku: str
    user: str
    what: ClassVar[str] = "unassign"
    needs: ClassVar[str] = "assign"

    def decide(self, state: State, moment: Moment) -> Decision[UserAnswer] | Refusal:
        users, limit = state.users.of(self.sku), granted(lines_of(state), self.sku, moment.now)
        user = state.spelled(self.user)
        if user not in users:
            return Decision([], UserAnswer(self.sku, user, False, len(users), limit))
        answer = UserAnswer(self.sku, user, False, len(users) - 1, limit)
        return Decision([SeatUnassigned(sku=self.sku, user=user)], answer)


def check_user(state: State, sku: str, user: str, now: datetime) -> UserAnswer | Refusal:
    """Whether the user may work now. A locked site still answers (E8); an uncovered user is refused (Q4)."""
    refusal = may_serve(state)
    if refusal:
        return refusal
    grant = product_of(state, sku, Taking.ASSIGN, now)
    if isinstance(grant, Refusal):
        return grant
    users, limit, user = state.users.of(sku), grant.quantity, state.spelled(user)
    if limit == 0:  # of what has ended, whether somebody is assigned to it is not the reason
        return no_longer_granted(state, sku, now)
    if user not in users:
        return Refusal(
            Code.NOT_GRANTED,
            f"{user} is not assigned to {grant.line.name}.",
            "Assign the user.",
            run="control-room user assign PRODUCT USER",
        )
    if not is_covered(state, sku, user, now):
        return not_covered(user, grant.line.name, limit)
    return UserAnswer(sku, user, True, len(users), limit)


@dataclass(frozen=True)
class CheckUser(Question[UserAnswer | Refusal]):
    sku: str
    user: str
    what: ClassVar[str] = "user check"
    needs: ClassVar[str] = "take"

    def answer(self, view: View) -> UserAnswer | Refusal:
        return check_user(view.state, self.sku, self.user, view.now)
