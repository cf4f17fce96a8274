"""What a site takes to trust the vendor: an enablement token, once per enrolment (E2), or a key set as a file of its
own (E16).
"""

from dataclasses import dataclass
from typing import ClassVar

from carnet.control_room.ledger.events import (
    StateChanged,
    TokenInstalled,
)
from carnet.control_room.rules.activation.lfr_draft import KEY_SET
from carnet.control_room.rules.activation.take_key_set import new_break_words, take_key_set
from carnet.control_room.rules.decision import Decision, FileCommand, Moment
from carnet.control_room.rules.site_state import ENABLED
from carnet.control_room.state.state import State
from carnet.exchange.enablement_token import (
    ReadToken,
    Token,
    enrolment_proof,
    read_token,
    version_tuple,
)
from carnet.exchange.key_set import read_key_set
from carnet.exchange.license_file_request import Enrolment
from carnet.exchange.strict import encode
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.windows import token_window


@dataclass(frozen=True)
class TokenAnswer:
    token_id: str
    account: str
    key_set_version: int
    state: str
    log_breaks: list[str]  # L6: what the key set in it newly states of the vendor's log


@dataclass(frozen=True)
class InstallToken(FileCommand[TokenAnswer]):
    what: ClassVar[str] = "token"

    def decide(self, state: State, moment: Moment) -> Decision[TokenAnswer] | Refusal:
        read = read_token(self.raw, state.pinned)
        if isinstance(read, Refusal):
            return read
        token = read.token
        refusal = (
            # by the machine's own clock: a mark poisoned before a release must not lock the site out
            token_window(token.issued_at, token.expires_at, token.windows, moment.reading.system)
            or _version(token, moment.version)
            or _seen(token, state)
            or _enabled(state)
        )
        return refusal or _installed(read, state)


def _version(token: Token, own: str) -> Refusal | None:
    if version_tuple(own) >= version_tuple(token.min_control_room_version):
        return None
    return Refusal(
        Code.VERSION_TOO_OLD,
        f"The token needs a Control Room of version {token.min_control_room_version}; this is {own}.",
        "Upgrade the Control Room, then install the token.",
    )


def _seen(token: Token, state: State) -> Refusal | None:
    if token.token_id not in state.tokens_seen:
        return None
    return Refusal(
        Code.TOKEN_SEEN,
        "This Control Room enrolled with this very token before.",
        "Download a new token from CALM if it is to enrol again. Otherwise nothing is to be done.",
    )


def _enabled(state: State) -> Refusal | None:
    if state.enrolment is None or state.released or state.installed is None:
        return None
    return Refusal(
        Code.ALREADY_ENABLED,
        f"This Control Room is enabled and licensed for {state.account_name}. A token is installed once.",
        "For any change generate an LFR. To enrol again, release first.",
    )


def _installed(read: ReadToken, state: State) -> Decision[TokenAnswer]:
    token = read.token
    assert state.signing_key is not None
    assert state.sealing_key is not None
    kids = (state.signing_key.kid, state.sealing_key.kid)
    proof = enrolment_proof(token.enrolment_secret, token.token_id, state.control_room_id, *kids)
    events = take_key_set(read.key_set, state)
    enrolment = Enrolment(token_id=token.token_id, proof=proof)
    events.append(
        TokenInstalled(
            token_id=token.token_id,
            account_id=token.account_id,
            account_name=token.account_name,
            enrolment=enrolment,
            windows=token.windows,
            reads=token.reads,
        )
    )
    if state.state_name != ENABLED:
        events.append(StateChanged(was=state.state_name, now=ENABLED))
    breaks = new_break_words(read.key_set, state)
    answer = TokenAnswer(token.token_id, token.account_name, read.key_set.version, ENABLED, breaks)
    return Decision(events, answer, documents=lambda _: {KEY_SET: encode(token.key_set)})


@dataclass(frozen=True)
class KeySetAnswer:
    version: int
    was: int
    log_breaks: list[str]  # L6: what it newly states of the vendor's log


@dataclass(frozen=True)
class InstallKeySet(FileCommand[KeySetAnswer]):
    what: ClassVar[str] = "key set"

    def decide(self, state: State, moment: Moment) -> Decision[KeySetAnswer] | Refusal:  # noqa: ARG002 - a key set has no window
        key_set = read_key_set(self.raw, state.pinned)
        if isinstance(key_set, Refusal):
            return key_set
        was = state.pinned.version
        if key_set.version == was:
            return Decision([], KeySetAnswer(was, was, []))
        return Decision(
            take_key_set(key_set, state),
            KeySetAnswer(key_set.version, was, new_break_words(key_set, state)),
            documents=lambda _: {KEY_SET: self.raw},
        )
