"""A3: the acts of two people on sites and accounts, and on CALM itself: each is proposed, and carried out once another
person has confirmed it (`use_cases.two_people`). Those on people are beside what they act on (`people`)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from carnet.calm.customers.windows import windows_of
from carnet.calm.use_cases import exposures, histories, losses, lost_key_sets, restorations, taking_back, windows
from carnet.calm.use_cases.accounts import find_open_account
from carnet.calm.use_cases.context import Act, Calm, act
from carnet.calm.use_cases.key_sets import make_next
from carnet.calm.use_cases.models import Proposal
from carnet.calm.use_cases.two_people import (
    Confirmed,
    Payload,
    Proposed,
    carries_out,
    confirm,
    done,
    list_proposals,
    propose,
    waiting_and_settled,
    withdraw,
)
from carnet.calm.use_cases.validate_lfr import find_room
from carnet.errors import UsageError
from carnet.exchange.verdicts import Refusal

__all__ = [  # who imports a confirmation from here has registered what it carries out
    "Confirmed",
    "Proposed",
    "confirm",
    "list_proposals",
    "propose_accept_history",
    "propose_readmission",
    "propose_resume",
    "propose_rotation",
    "propose_take_back",
    "propose_take_back_key_set",
    "propose_take_back_token",
    "propose_windows",
    "propose_write_off",
    "waiting_and_settled",
    "withdraw",
]

ACCEPT_HISTORY, WRITE_OFF, READMIT, ROTATE_KEYS = "accept_history", "write_off", "readmit", "rotate_keys"
TAKE_BACK, TAKE_BACK_TOKEN, TAKE_BACK_KEY_SET = "take_back", "take_back_token", "take_back_key_set"
SET_WINDOWS = "set_windows"


def propose_accept_history(
    calm: Calm,
    *,
    control_room: str,
    reason: str,
    now: datetime,
    by: str,
    site_confirms: bool = False,
    entered: Mapping[str, int] = histories.NOTHING_LOWER,
) -> Proposed | Refusal:
    """L2. `entered`: lower numbers of units to add, by line and period (`carrying.key_of`), for the same reason.

    Raises UsageError where one is lower than both histories prove, or higher than was computed.
    """
    with act(calm, now=now, by=by) as doing:
        found = histories.find_acceptable(doing, control_room, site_confirms=site_confirms)
        if isinstance(found, Refusal):
            return doing.refuse(found, "history.accept", control_room)
        would = tuple(histories.consequences(found, now, entered))
        refused, enrolment = found.refused.pk, found.room.enrolment_id
        payload: Payload = {"refused": refused, "site_confirms": site_confirms, "enrolment": enrolment}
        payload["lower"] = dict(entered)
        return propose(doing, ACCEPT_HISTORY, control_room, payload, reason, would)


@carries_out(ACCEPT_HISTORY, "asks to accept its history")
def _accept_history(doing: Act, row: Proposal, payload: Payload) -> Confirmed | Refusal:
    confirms, refused = payload["site_confirms"], payload["refused"]
    found = histories.find_acceptable(doing, row.subject, site_confirms=confirms, refused=refused)
    if isinstance(found, Refusal):
        return found
    entered = payload["lower"]
    did = tuple(histories.consequences(found, doing.now, entered))
    answer = histories.accept_history(doing, found, reason=row.reason, first=row.by, entered=entered)
    if isinstance(answer, Refusal):
        return answer
    return done(doing, row, did, lfr=answer[1].id)


def propose_write_off(
    calm: Calm, *, control_room: str, reason: str, now: datetime, by: str, return_unconsumed: bool = False
) -> Proposed | Refusal:
    with act(calm, now=now, by=by) as doing:
        room = losses.find_active(control_room)
        if isinstance(room, Refusal):
            return doing.refuse(room, "control_room.write_off", control_room)
        would = losses.consequences(room, now, return_unconsumed=return_unconsumed)
        payload = {"return_unconsumed": return_unconsumed, "enrolment": room.enrolment_id}
        return propose(doing, WRITE_OFF, room.id, payload, reason, would)


@carries_out(WRITE_OFF, "asks to write it off")
def _write_off(doing: Act, row: Proposal, payload: Payload) -> Confirmed | Refusal:
    room = losses.find_active(row.subject)
    if isinstance(room, Refusal):
        return room
    did = losses.consequences(room, doing.now, return_unconsumed=payload["return_unconsumed"])
    losses.write_off(doing, room, return_unconsumed=payload["return_unconsumed"])
    return done(doing, row, did)


def propose_readmission(calm: Calm, *, control_room: str, reason: str, now: datetime, by: str) -> Proposed | Refusal:
    """E11: that a Control Room enrols once more, though it was released and enrolled again within a year."""
    with act(calm, now=now, by=by) as doing:
        room = find_room(control_room)
        if room is None:
            raise UsageError(f"There is no Control Room “{control_room}”.", run="calm control-room list")
        refusal = exposures.find_readmissible(room, now)
        if refusal:
            return doing.refuse(refusal, "control_room.readmit", control_room)
        would = exposures.readmission_words(room, now)
        return propose(doing, READMIT, room.id, {"enrolment": room.enrolment_id}, reason, would)


@carries_out(READMIT, "asks to let it enrol once more")
def _readmit(doing: Act, row: Proposal, _: Payload) -> Confirmed | Refusal:
    room = find_room(row.subject)
    assert room is not None
    return exposures.find_readmissible(room, doing.now) or done(doing, row, exposures.readmit(room, doing.now))


def propose_rotation(
    calm: Calm, *, reason: str, now: datetime, by: str, with_roots: bool = False
) -> Proposed | Refusal:
    with act(calm, now=now, by=by) as doing:
        what = "new issuing keys and new roots" if with_roots else "new issuing keys"
        would = (f"{what}, in a new key set; sites learn of it in their next license file, in a token, or as a file",)
        return propose(doing, ROTATE_KEYS, "", {"with_roots": with_roots}, reason, would)


@carries_out(ROTATE_KEYS, "asks for new issuing keys", publishes=True)
def _rotate(doing: Act, row: Proposal, payload: Payload) -> Confirmed | Refusal:
    made = make_next(doing, with_roots=payload["with_roots"])
    return done(doing, row, (f"key set {made.version} issues from now on",))


def propose_resume(
    calm: Calm, *, reason: str, now: datetime, by: str, as_of: datetime | None = None, key_set: bytes | None = None
) -> Proposed | Refusal:
    """L6: that CALM was restored. `key_set`: the newest one of the time that was lost, where new roots were made in it.
    Raises UsageError where nothing says that it was restored, and `as_of` does not either."""
    restorations.check_reason(reason)
    with act(calm, now=now, by=by, on_older=True) as doing:
        goes_on = restorations.find_goes_on(calm, as_of)
        payload = {"size": goes_on.checkpoint.size, "root": goes_on.root, "key_set": lost_key_sets.as_text(key_set)}
        more = lost_key_sets.words_of(str(payload["key_set"]))
        if isinstance(more, Refusal):
            return doing.refuse(more, f"{restorations.RESUME}.propose", "")
        return propose(doing, restorations.RESUME, "", payload, reason, (*goes_on.words(), *more))


@carries_out(restorations.RESUME, "states that CALM was restored", publishes=True, on_older=True)
def _resume(doing: Act, row: Proposal, payload: Payload) -> Confirmed | Refusal:
    did = lost_key_sets.resume(doing, payload, row.reason, row.by)
    return did if isinstance(did, Refusal) else done(doing, row, did)


def propose_take_back(
    calm: Calm,
    *,
    control_room: str,
    reason: str,
    now: datetime,
    by: str,
    entered: Mapping[str, int] = histories.NOTHING_LOWER,
) -> Proposed | Refusal:
    """L6: what the newest LFR with the license proves of a Control Room that CALM forgot. `entered`: as with
    `propose_accept_history`, where that accepts another history, too."""
    with act(calm, now=now, by=by) as doing:
        found = taking_back.find_provable(control_room)
        if isinstance(found, Refusal):
            return doing.refuse(found, "control_room.take_back", control_room)
        enrolment = found.room.enrolment_id if found.room else None
        payload = {"refused": found.refused.pk, "enrolment": enrolment, "lower": dict(entered)}
        return propose(doing, TAKE_BACK, control_room, payload, reason, tuple(taking_back.consequences(found, entered)))


@carries_out(TAKE_BACK, "asks to take back what CALM forgot of it")
def _take_back(doing: Act, row: Proposal, payload: Payload) -> Confirmed | Refusal:
    found = taking_back.find_provable(row.subject, refused=payload["refused"])
    if isinstance(found, Refusal):
        return found
    entered = payload["lower"]
    did = tuple(taking_back.consequences(found, entered))
    answer = taking_back.take_back(doing, found, reason=row.reason, first=row.by, entered=entered)
    return answer if isinstance(answer, Refusal) else done(doing, row, did, lfr=answer.id)


def propose_take_back_token(calm: Calm, *, raw: bytes, reason: str, now: datetime, by: str) -> Proposed | Refusal:
    """L6: a token that CALM signed in the time that it forgot."""
    with act(calm, now=now, by=by) as doing:
        found = taking_back.keep_token(doing, raw)
        if isinstance(found, Refusal):
            return doing.refuse(found, "token.take_back", "")
        return propose(doing, TAKE_BACK_TOKEN, found.id, {}, reason, taking_back.token_words(found))


@carries_out(TAKE_BACK_TOKEN, "asks to take back a token that CALM forgot")
def _take_back_token(doing: Act, row: Proposal, _: Payload) -> Confirmed | Refusal:
    return done(doing, row, taking_back.take_token(row.subject))


def propose_take_back_key_set(calm: Calm, *, raw: bytes, reason: str, now: datetime, by: str) -> Proposed | Refusal:
    """L6: a key set that CALM made in the time that it forgot, mostly because it has new roots."""
    with act(calm, now=now, by=by) as doing:
        would = lost_key_sets.words_of(text := lost_key_sets.as_text(raw))
        if isinstance(would, Refusal):
            return doing.refuse(would, "key_set.take_back", "")
        return propose(doing, TAKE_BACK_KEY_SET, "", {"key_set": text}, reason, would)


@carries_out(TAKE_BACK_KEY_SET, "asks to take back a key set that CALM forgot", publishes=True)
def _take_back_key_set(doing: Act, row: Proposal, payload: Payload) -> Confirmed | Refusal:
    did = lost_key_sets.take_key_set(doing, payload["key_set"])
    return did if isinstance(did, Refusal) else done(doing, row, did)


def propose_windows(
    calm: Calm, *, account: str, changes: Mapping[str, Any], reason: str, now: datetime, by: str
) -> Proposed:
    """E18: `changes` by field of `Windows`. Raises UsageError where they cannot be, or would change nothing."""
    with act(calm, now=now, by=by) as doing:
        customer = find_open_account(account)
        was = windows_of(customer)
        will = windows.changed(was, changes)
        payload = {"was": msgspec.to_builtins(was), "windows": msgspec.to_builtins(will)}
        return propose(doing, SET_WINDOWS, customer.id, payload, reason, windows.differences(was, will))


@carries_out(SET_WINDOWS, "asks for other windows")
def _set_windows(doing: Act, row: Proposal, payload: Payload) -> Confirmed | Refusal:
    did = windows.set_windows(row.subject, payload)
    return did if isinstance(did, Refusal) else done(doing, row, did)
