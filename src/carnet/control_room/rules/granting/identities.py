"""A3, A5: which identity of an issuer is whose. One identity is one person's; the pages keep who it is at the issuer,
and the ledger a digest of it."""

import re
from dataclasses import dataclass
from typing import ClassVar

from carnet.control_room.ledger.events import PersonIdentityBound
from carnet.control_room.rules.decision import Command, Decision, Moment, Question, View
from carnet.control_room.rules.granting import people
from carnet.control_room.rules.granting.preconditions import malformed
from carnet.control_room.state.state import State
from carnet.exchange.verdicts import Code, Refusal

_IDENTITY = re.compile(r"[0-9a-f]{24}:[0-9a-f]{64}")


@dataclass(frozen=True)
class IdentityAnswer:
    holds: bool


@dataclass(frozen=True)
class BindIdentity(Command[IdentityAnswer]):
    """`identity`: the issuer's id, a colon, and the SHA-256 of who it is there. By the person themselves."""

    name: str
    identity: str
    what: ClassVar[str] = "person bind"

    def decide(self, state: State, _: Moment) -> Decision[IdentityAnswer] | Refusal:
        known = state.people.get(self.name)
        if known is None or known.role is None:
            return people.unknown(self.name)
        if not _IDENTITY.fullmatch(self.identity):
            return malformed("An identity is an issuer's id, a colon, and a SHA-256.")
        if self.identity in [identity for name, identity in state.identities.items() if name != self.name]:
            return Refusal(
                Code.NOT_PERMITTED,
                "This identity is somebody else's already. One identity is one person.",
                "Sign in at the issuer as yourself.",
            )
        return Decision([PersonIdentityBound(name=self.name, identity=self.identity)], IdentityAnswer(holds=True))


@dataclass(frozen=True)
class IsIdentity(Question[IdentityAnswer]):
    """Whether this person, who may sign in, is known by this identity."""

    name: str
    identity: str
    what: ClassVar[str] = "person identity"

    def answer(self, view: View) -> IdentityAnswer:
        known = view.state.people.get(self.name)
        bound = view.state.identities.get(self.name)
        return IdentityAnswer(holds=known is not None and known.role is not None and bound == self.identity)
