"""A3, A4: acts on people whose role may install licenses or audit. At the pages two administrators do them: one asks,
and another confirms. Whoever has the machine does them alone, and it is recorded that it was done there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from carnet.control_room.ledger.events import (
    AccessNoted,
    Event,
    PersonAsked,
    PersonMachineActed,
    PersonSettled,
)
from carnet.control_room.rules.decision import Command, Decision, Moment, Question, View
from carnet.control_room.rules.granting import people
from carnet.control_room.rules.granting.preconditions import malformed
from carnet.control_room.state.state import VOUCHED, AskedAct, MachineAct, State
from carnet.entitlements import new_id
from carnet.exchange.verdicts import Code, Refusal
from carnet.printable import is_printable
from carnet.times import stamp
from carnet.vouching import APART, Deed, Voucher, apart, is_same, is_two_identities, not_two_identities

MAX_REASON = 200  # characters


class Act(StrEnum):
    ADD = "add"
    ROLE = "role"
    LINK = "link"
    FACTORS = "second factors"


@dataclass(frozen=True)
class AskedAnswer:
    proposal: str
    act: str
    name: str
    asked_by: str
    anew: bool  # they begin without password and second factor of before, by an entry code (`people.begins_anew`)


@dataclass(frozen=True)
class TwoPeopleAnswer:
    waiting: list[AskedAct]  # the oldest first
    on_machine: list[MachineAct]  # of the last 30 days, the newest first


@dataclass(frozen=True)
class AskPersonAct(Command[AskedAnswer]):
    """`by`: who asks, the actor of the record. `role`: of somebody new, or the other role."""

    act: str
    name: str
    role: str | None
    reason: str
    by: str
    what: ClassVar[str] = "person ask"

    def decide(self, state: State, moment: Moment) -> Decision[AskedAnswer] | Refusal:
        refusal = (
            self._cannot_be(state)
            or _asked_before(state, self, moment.now)
            or _nobody_else(state, self.by, self.name, moment.now)
        )
        if refusal:
            return refusal
        proposal = new_id(moment.now, moment.random)
        event = PersonAsked(proposal=proposal, act=self.act, name=self.name, role=self.role, reason=self.reason)
        return Decision([event], _answer(state, proposal, self.by, self))

    def _cannot_be(self, state: State) -> Refusal | None:
        if not self.reason.strip() or len(self.reason) > MAX_REASON or not is_printable(self.reason):
            return malformed(f"Say why, in 1 to {MAX_REASON} characters.")
        if is_same(self.name, self.by):
            return Refusal(
                Code.NEEDS_SECOND_PERSON, "This is about yourself.", "Ask another administrator to ask for it."
            )
        effect = effect_of(state, self.act, self.name, self.role)
        return effect if isinstance(effect, Refusal) else None


@dataclass(frozen=True)
class SettlePersonAct(Command[AskedAnswer]):
    """Confirm what another administrator asked for, or take it back; anybody who administers may do that."""

    proposal: str
    confirmed: bool
    by: str
    what: ClassVar[str] = "person settle"

    def decide(self, state: State, moment: Moment) -> Decision[AskedAnswer] | Refusal:
        asked = state.asked_acts.get(self.proposal)
        if asked is None:
            return _settled_before(state, self.proposal)
        settled = PersonSettled(proposal=self.proposal, confirmed=self.confirmed)
        answer = _answer(state, asked.proposal, asked.by, asked)
        if not self.confirmed:
            return Decision([settled], answer)
        effect = _not_the_second(state, asked, self.by, moment.now) or effect_of(
            state, asked.act, asked.name, asked.role
        )
        return effect if isinstance(effect, Refusal) else Decision([settled, effect], answer)


@dataclass(frozen=True)
class GiveLink(Command[people.PersonAnswer]):
    """Somebody gets a link to a password; it is made by the pages, which keep passwords."""

    name: str
    on_machine: bool = False
    what: ClassVar[str] = "person link"

    def decide(self, state: State, _: Moment) -> Decision[people.PersonAnswer] | Refusal:
        return _alone(state, Act.LINK, self.name, on_machine=self.on_machine)


@dataclass(frozen=True)
class RemoveFactors(Command[people.PersonAnswer]):
    """Of somebody who lost theirs. The pages keep them, and remove them, with the password and every session."""

    name: str
    on_machine: bool = False
    what: ClassVar[str] = "person remove-factors"

    def decide(self, state: State, _: Moment) -> Decision[people.PersonAnswer] | Refusal:
        return _alone(state, Act.FACTORS, self.name, on_machine=self.on_machine)


@dataclass(frozen=True)
class VouchForPerson(Command[people.PersonAnswer]):
    """A4: whoever has the machine says that this is somebody of their own."""

    name: str
    what: ClassVar[str] = "person vouch"

    def decide(self, state: State, _: Moment) -> Decision[people.PersonAnswer] | Refusal:
        known = state.people.get(self.name)
        if known is None or known.role is None:
            return people.unknown(self.name)
        event = PersonMachineActed(act=VOUCHED, name=self.name)
        return Decision([event], people.PersonAnswer(self.name, known.role))


@dataclass(frozen=True)
class ListTwoPeople(Question[TwoPeopleAnswer]):
    what: ClassVar[str] = "people acts"

    def answer(self, view: View) -> TwoPeopleAnswer:
        since = view.now - APART
        recent = [act for act in reversed(view.state.machine_acts) if act.at > since]
        return TwoPeopleAnswer(sorted(view.state.asked_acts.values(), key=lambda asked: asked.at), recent)


def effect_of(state: State, act: str, name: str, role: str | None) -> Event | Refusal:
    """What an act does, as a fact; a refusal where it cannot be, or one administrator is enough for it."""
    if act == Act.ADD:
        return people.added(state, name, role or "")
    if act == Act.ROLE and role is not None:
        return people.changed(state, name, role)
    known = state.people.get(name)
    if known is None or known.role is None:
        return people.unknown(name)
    if act not in (Act.LINK, Act.FACTORS):
        return malformed("There is no such act.")
    return AccessNoted(what=_NOTED[Act(act)], about=name)


def _settled_before(state: State, proposal: str) -> Refusal:
    """N5: who came first."""
    settled = state.settled_acts.get(proposal)
    if settled is None:
        return Refusal(Code.NOTHING_TO_ACCEPT, "There is no such request.", "See People and roles.")
    what, first = "confirmed this" if settled.confirmed else "took this back", settled.touch
    return Refusal(Code.NOTHING_TO_ACCEPT, f"{first.by} {what} already, at {stamp(first.at)}.", "See People and roles.")


def _asked_before(state: State, asks: AskPersonAct, now: datetime) -> Refusal | None:
    """N5: two administrators ask for the same; where the second one may confirm it, nothing new is asked for."""
    for first in state.asked_acts.values():
        same = (first.act, first.name, first.role) == (asks.act, asks.name, asks.role)
        if same and _not_the_second(state, first, asks.by, now) is None:
            return Refusal(
                Code.SUPERSEDED,
                f"{first.by} asked for the same at {stamp(first.at)}, and it waits for a second administrator.",
                "Confirm it, or take it back: People and roles.",
            )
    return None


def _answer(state: State, proposal: str, asked_by: str, what: AskPersonAct | AskedAct) -> AskedAnswer:
    changes = what.act in (Act.ADD, Act.ROLE)
    anew = what.act == Act.FACTORS or (changes and people.begins_anew(state, what.name, what.role))
    return AskedAnswer(proposal, what.act, what.name, asked_by, anew)


_NOTED = {Act.LINK: people.Access.LINK_GIVEN, Act.FACTORS: people.Access.FACTORS_REMOVED}


def _alone(state: State, act: Act, name: str, *, on_machine: bool) -> Decision[people.PersonAnswer] | Refusal:
    """One person's act on somebody: of a role that takes one, or on the machine."""
    effect = effect_of(state, act, name, None)
    if isinstance(effect, Refusal):
        return effect
    role = state.people[name].role
    return people.decided(effect, act, name, role, on_machine=on_machine, anew=act == Act.FACTORS)


def _not_the_second(state: State, asked: AskedAct, by: str, now: datetime) -> Refusal | None:
    if is_same(asked.by, by):
        return _refused(f"{asked.by} asked for this at {stamp(asked.at)}, and a person cannot confirm their own.")
    asker = state.people.get(asked.by)
    if asker is None or people.Permission.ADMINISTER not in people.permissions_of(asker.role):
        return Refusal(
            Code.NOTHING_TO_ACCEPT,
            f"{asked.by}, who asked for this at {stamp(asked.at)}, administers no more.",
            "Take it back, and ask for it yourself if it is still needed.",
        )
    if is_same(asked.name, by):
        return _refused(f"This is about {by}, and a person cannot confirm what is about themselves.")
    if not _is_two_identities(state, asked.by, by):
        return _refused(not_two_identities(asked.by, by))
    voucher = _apart(state, asked.by, by, now)
    if voucher is None:
        return None
    return _refused(
        f"{voucher.by} vouched for {voucher.whom} at {stamp(voucher.at)}, so {asked.by} and {by} are not two people "
        "for one act: not for 30 days, and not until both have done an act with somebody else."
    )


def _refused(message: str) -> Refusal:
    return Refusal(Code.NEEDS_SECOND_PERSON, message, "Let another administrator confirm it.")


def _nobody_else(state: State, by: str, about: str, now: datetime) -> Refusal | None:
    others = [
        person.name
        for person in state.people.values()
        if people.Permission.ADMINISTER in people.permissions_of(person.role) and person.name not in (by, about)
    ]
    if any(_apart(state, by, other, now) is None and _is_two_identities(state, by, other) for other in others):
        return None
    return Refusal(
        Code.NEEDS_SECOND_PERSON,
        "This takes two administrators, and no other person here could confirm it.",
        "Have it done on this machine: it is recorded as done there.",
        run="control-room person add NAME --role ROLE",
    )


def _is_two_identities(state: State, one: str, other: str) -> bool:
    return is_two_identities(state.identities.get(one), state.identities.get(other))


def _apart(state: State, one: str, other: str, now: datetime) -> Voucher | None:
    vouchers: Sequence[Voucher] = [Voucher(each.by, each.name, each.at) for each in state.vouched]
    return apart(one, other, vouchers, [Deed(each.one, each.other, each.at) for each in state.acts_of_two], now)
