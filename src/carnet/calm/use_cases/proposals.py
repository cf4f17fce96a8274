"""A3: acts of two people. One proposes, with a reason; another confirms, and only then is the act judged again and
done. Nobody confirms their own, nor what is about themselves, nor what somebody proposed from whom they are set apart
(A4)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.customers.models import Account
from carnet.calm.customers.windows import windows_of
from carnet.calm.use_cases import (
    exposures,
    histories,
    losses,
    lost_key_sets,
    restorations,
    taking_back,
    vouchers,
    windows,
)
from carnet.calm.use_cases.accounts import find_open_account
from carnet.calm.use_cases.context import (
    Act,
    Calm,
    act,
    check_text,
    is_same_operator,
)
from carnet.calm.use_cases.key_sets import make_next
from carnet.calm.use_cases.models import Proposal
from carnet.calm.use_cases.validate_lfr import find_room
from carnet.entitlements import UnwritableError
from carnet.errors import UsageError
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import stamp

ACCEPT_HISTORY, WRITE_OFF, ROTATE_KEYS = "accept_history", "write_off", "rotate_keys"
SET_WINDOWS, MERGE_ACCOUNTS = "set_windows", "merge_accounts"
OF_ACCOUNTS = (SET_WINDOWS, MERGE_ACCOUNTS)  # their subject is an account
READMIT = "readmit"
RESUME_LOG, TAKE_BACK, TAKE_BACK_TOKEN = restorations.RESUME, "take_back", "take_back_token"
TAKE_BACK_KEY_SET = "take_back_key_set"
_NEW_KEY_SET = (ROTATE_KEYS, RESUME_LOG, TAKE_BACK_KEY_SET)


@dataclass(frozen=True)
class Proposed:
    proposal: str
    kind: str
    subject: str
    by: str
    at: datetime
    reason: str
    would: tuple[str, ...]  # what confirming it does, in words


@dataclass(frozen=True)
class ProposalShown:
    """`decided_by`: who confirmed it, or took it back."""

    proposal: str
    kind: str
    subject: str
    room_name: str  # empty where the subject is not a Control Room
    account: str  # empty where it is about neither a Control Room nor an account
    account_name: str
    person: str  # the address, where it is about somebody of the vendor
    by: str
    at: datetime
    reason: str
    state: str
    would: tuple[str, ...]
    did: tuple[str, ...]
    decided_by: str
    decided_at: datetime | None


@dataclass(frozen=True)
class Confirmed:
    proposal: str
    kind: str
    subject: str
    proposed_by: str
    confirmed_by: str
    did: tuple[str, ...]
    lfr: str | None = None  # accept_history: the LFR that can be answered now
    half: str = field(default="", repr=False)  # of an enrolment code, shown to who confirmed, once (A3)
    invited: str = ""  # whose link goes by mail, now that it is done


@dataclass(frozen=True)
class Withdrawn:
    proposal: str
    kind: str
    subject: str
    proposed_by: str
    withdrawn_by: str


CarryOut = Callable[[Act, Proposal, dict[str, Any]], Confirmed | Refusal]
_CARRIED_OUT_BY: dict[str, CarryOut] = {}


def carries_out(kind: str) -> Callable[[CarryOut], CarryOut]:
    """Register what a package above this one does when a proposal of this kind is confirmed."""

    def register(carry_out: CarryOut) -> CarryOut:
        _CARRIED_OUT_BY[kind] = carry_out
        return carry_out

    return register


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
        payload: dict[str, Any] = {"refused": refused, "site_confirms": site_confirms, "enrolment": enrolment}
        payload["lower"] = dict(entered)
        return propose(doing, ACCEPT_HISTORY, control_room, payload, reason, would)


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


def propose_rotation(
    calm: Calm, *, reason: str, now: datetime, by: str, with_roots: bool = False
) -> Proposed | Refusal:
    with act(calm, now=now, by=by) as doing:
        what = "new issuing keys and new roots" if with_roots else "new issuing keys"
        would = (f"{what}, in a new key set; sites learn of it in their next license file, in a token, or as a file",)
        return propose(doing, ROTATE_KEYS, "", {"with_roots": with_roots}, reason, would)


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
            return doing.refuse(more, f"{RESUME_LOG}.propose", "")
        return propose(doing, RESUME_LOG, "", payload, reason, (*goes_on.words(), *more))


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


def propose_take_back_token(calm: Calm, *, raw: bytes, reason: str, now: datetime, by: str) -> Proposed | Refusal:
    """L6: a token that CALM signed in the time that it forgot."""
    with act(calm, now=now, by=by) as doing:
        found = taking_back.keep_token(doing, raw)
        if isinstance(found, Refusal):
            return doing.refuse(found, "token.take_back", "")
        return propose(doing, TAKE_BACK_TOKEN, found.id, {}, reason, taking_back.token_words(found))


def propose_take_back_key_set(calm: Calm, *, raw: bytes, reason: str, now: datetime, by: str) -> Proposed | Refusal:
    """L6: a key set that CALM made in the time that it forgot, mostly because it has new roots."""
    with act(calm, now=now, by=by) as doing:
        would = lost_key_sets.words_of(text := lost_key_sets.as_text(raw))
        if isinstance(would, Refusal):
            return doing.refuse(would, "key_set.take_back", "")
        return propose(doing, TAKE_BACK_KEY_SET, "", {"key_set": text}, reason, would)


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


def propose(
    doing: Act, kind: str, subject: str, payload: dict[str, Any], reason: str, would: tuple[str, ...]
) -> Proposed:
    """The row and the record of what waits for a second person. Raises UsageError where the reason is none."""
    check_text(reason, "reason", 2000)
    proposal = Proposal(
        id=doing.new_id(),
        kind=kind,
        subject=subject,
        payload=msgspec.json.encode(payload).decode(),
        would=msgspec.json.encode(would).decode(),
        reason=reason,
        by=doing.by,
        at=doing.now,
        state=Proposal.State.OPEN,
    )
    proposal.save(force_insert=True)
    doing.record(f"{kind}.proposed", proposal.id, reason, about=subject, **payload)
    return Proposed(proposal.id, kind, subject, doing.by, doing.now, reason, would)


def confirm(calm: Calm, *, proposal: str, now: datetime, by: str) -> Confirmed | Refusal:
    answer = _confirm(calm, proposal, now, by)
    if isinstance(answer, Confirmed) and answer.kind in _NEW_KEY_SET:
        calm.publish()
    return answer


def _confirm(calm: Calm, proposal: str, now: datetime, by: str) -> Confirmed | Refusal:
    with act(calm, now=now, by=by, on_older=_resumes(proposal)) as doing:
        row = _find(proposal)
        if row.state != Proposal.State.OPEN:
            return doing.refuse(_settled(row), f"{row.kind}.confirm", row.id)
        if is_same_operator(row.by, by):
            return doing.refuse(_same_person(row), f"{row.kind}.confirm", row.id)
        if refusal := _about_oneself(row, by) or _set_apart(row, by, now):
            return doing.refuse(refusal, f"{row.kind}.confirm", row.id)
        answer = _try_to_carry_out(doing, row)
        if isinstance(answer, Refusal):
            return doing.refuse(answer, f"{row.kind}.confirm", row.id)
        row.state, row.confirmed_by, row.confirmed_at = Proposal.State.DONE, by, now
        row.did = msgspec.json.encode(answer.did).decode()
        row.save(force_update=True)
        doing.record(f"{row.kind}.confirmed", row.id, row.reason, about=row.subject, proposed_by=row.by, did=answer.did)
        return answer


def withdraw(calm: Calm, *, proposal: str, now: datetime, by: str) -> Withdrawn:
    """Anybody may take a proposal back, also who made it: nothing comes of it."""
    with act(calm, now=now, by=by, on_older=_resumes(proposal)) as doing:
        row = _find_open(proposal)
        withdraw_open(doing, row)
        return Withdrawn(row.id, row.kind, row.subject, row.by, by)


def withdraw_open(doing: Act, row: Proposal) -> None:
    """Take back a proposal that is open, in an act that has begun."""
    row.state, row.confirmed_by, row.confirmed_at = Proposal.State.WITHDRAWN, doing.by, doing.now
    row.save(force_update=True)
    doing.record(f"{row.kind}.withdrawn", row.id, row.reason, about=row.subject, proposed_by=row.by)


def list_proposals(*, state: str = Proposal.State.OPEN, page: int = 1, size: int = 50) -> tuple[ProposalShown, ...]:
    """Newest first; `state`: open, done or withdrawn."""
    rows = Proposal.objects.filter(state=state).order_by("-at", "-id")
    return _shown(rows[(page - 1) * size : page * size])


def open_proposals(subject: str) -> tuple[ProposalShown, ...]:
    """Those about one Control Room, or one account."""
    return _shown(Proposal.objects.filter(subject=subject, state=Proposal.State.OPEN).order_by("at", "id"))


def _shown(rows: Iterable[Proposal]) -> tuple[ProposalShown, ...]:
    found = list(rows)
    rooms = ControlRoom.objects.select_related("account").in_bulk([row.subject for row in found if row.subject])
    accounts = Account.objects.in_bulk([row.subject for row in found if row.kind in OF_ACCOUNTS])
    return tuple(_shown_one(row, rooms.get(row.subject), accounts.get(row.subject)) for row in found)


def _shown_one(row: Proposal, room: ControlRoom | None, account: Account | None) -> ProposalShown:
    account = room.account if room else account
    return ProposalShown(
        row.id,
        row.kind,
        row.subject,
        room.name if room else "",
        account.id if account else "",
        account.name if account else "",
        row.subject if row.kind in _CARRIED_OUT_BY and account is None else "",
        row.by,
        row.at,
        row.reason,
        row.state,
        tuple(msgspec.json.decode(row.would, type=list[str])),
        tuple(msgspec.json.decode(row.did, type=list[str])),
        row.confirmed_by,
        row.confirmed_at,
    )


def _find(proposal: str) -> Proposal:
    row = Proposal.objects.filter(id=proposal).first()
    if row is None:
        raise UsageError(f"There is no open proposal “{proposal}”.", "It was never made.")
    return row


def _find_open(proposal: str) -> Proposal:
    row = _find(proposal)
    if row.state != Proposal.State.OPEN:
        raise UsageError(f"There is no open proposal “{proposal}”.", "It was confirmed or withdrawn already.")
    return row


def _settled(row: Proposal) -> Refusal:
    word = "taken back" if row.state == Proposal.State.WITHDRAWN else "confirmed"
    when = f" at {stamp(row.confirmed_at)}" if row.confirmed_at else ""
    return Refusal(
        Code.NOTHING_TO_ACCEPT,
        f"The proposal was {word} by {row.confirmed_by}{when} already.",
        "Propose it again if it is still needed.",
    )


def _resumes(proposal: str) -> bool:
    """L6: that, and no other act, is done on a database that is older than its head."""
    return Proposal.objects.filter(id=proposal, kind=RESUME_LOG).exists()


def _same_person(row: Proposal) -> Refusal:
    return Refusal(
        Code.NEEDS_SECOND_PERSON,
        f"{row.by} proposed this at {stamp(row.at)}, and a person cannot confirm their own proposal.",
        "Let somebody else confirm it.",
        run=f"calm confirm {row.id} --as OPERATOR",
    )


def _about_oneself(row: Proposal, by: str) -> Refusal | None:
    if not is_same_operator(row.subject, by):
        return None
    return Refusal(
        Code.NEEDS_SECOND_PERSON,
        f"This is about {row.subject}, and a person cannot confirm what is about themselves.",
        "Let somebody else confirm it.",
    )


def _set_apart(row: Proposal, by: str, now: datetime) -> Refusal | None:
    """A4."""
    voucher = vouchers.apart(row.by, by, now)
    if voucher is None:
        return None
    return Refusal(
        Code.NEEDS_SECOND_PERSON,
        f"{voucher.by} vouched for {voucher.whom} at {stamp(voucher.at)}, so {row.by} and {by} are not two people for "
        "one act: not for 30 days, and not until both have done an act with somebody else.",
        "Let somebody else confirm it; or the vendor's machine vouches for that person.",
        run=f"calm person vouch {voucher.whom} --reason …",
    )


def _try_to_carry_out(doing: Act, row: Proposal) -> Confirmed | Refusal:
    """What can no longer be done is refused, and nothing of it stays."""
    try:
        with transaction.atomic():
            return _carry_out(doing, row)
    except (UsageError, UnwritableError) as error:
        return Refusal(
            Code.NOTHING_TO_ACCEPT,
            f"What {row.by} proposed at {stamp(row.at)} can no longer be done: {error}",
            "Take it back, and propose again what is still needed.",
            run=f"calm confirm {row.id} --withdraw",
        )


def _carry_out(doing: Act, row: Proposal) -> Confirmed | Refusal:
    """The conditions are judged again: much can have happened since."""
    payload = msgspec.json.decode(row.payload)
    room = find_room(row.subject)
    if room and room.enrolment_id != payload["enrolment"]:
        return _enrolled_anew(row, room)
    if row.kind == ACCEPT_HISTORY:
        return _accept_history(doing, row, payload)
    if row.kind == WRITE_OFF:
        return _write_off(doing, row, payload)
    if row.kind == READMIT:
        assert room is not None
        refusal = exposures.find_readmissible(room, doing.now)
        return refusal or done(doing, row, exposures.readmit(room, doing.now))
    if row.kind == TAKE_BACK:
        return _take_back(doing, row, payload)
    if row.kind == TAKE_BACK_TOKEN:
        return done(doing, row, taking_back.take_token(row.subject))
    if row.kind == RESUME_LOG:
        return done_or_refused(doing, row, lost_key_sets.resume(doing, payload, row.reason, row.by))
    if row.kind == TAKE_BACK_KEY_SET:
        return done_or_refused(doing, row, lost_key_sets.take_key_set(doing, payload["key_set"]))
    if row.kind == SET_WINDOWS:
        return done_or_refused(doing, row, windows.set_windows(row.subject, payload))
    if row.kind != ROTATE_KEYS:
        return _CARRIED_OUT_BY[row.kind](doing, row, payload)
    made = make_next(doing, with_roots=payload["with_roots"])
    return done(doing, row, (f"key set {made.version} issues from now on",))


def _enrolled_anew(row: Proposal, room: ControlRoom) -> Refusal:
    return Refusal(
        Code.NOTHING_TO_ACCEPT,
        f"{room.name} enrolled again since {row.by} proposed this at {stamp(row.at)}: it was about an enrolment that "
        "ended.",
        "Take it back, and propose it again if it is still needed.",
        run=f"calm confirm {row.id} --withdraw",
    )


def _accept_history(doing: Act, row: Proposal, payload: dict[str, Any]) -> Confirmed | Refusal:
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


def _take_back(doing: Act, row: Proposal, payload: dict[str, Any]) -> Confirmed | Refusal:
    found = taking_back.find_provable(row.subject, refused=payload["refused"])
    if isinstance(found, Refusal):
        return found
    entered = payload["lower"]
    did = tuple(taking_back.consequences(found, entered))
    answer = taking_back.take_back(doing, found, reason=row.reason, first=row.by, entered=entered)
    return answer if isinstance(answer, Refusal) else done(doing, row, did, lfr=answer.id)


def _write_off(doing: Act, row: Proposal, payload: dict[str, Any]) -> Confirmed | Refusal:
    room = losses.find_active(row.subject)
    if isinstance(room, Refusal):
        return room
    did = losses.consequences(room, doing.now, return_unconsumed=payload["return_unconsumed"])
    losses.write_off(doing, room, return_unconsumed=payload["return_unconsumed"])
    return done(doing, row, did)


def done_or_refused(doing: Act, row: Proposal, did: tuple[str, ...] | Refusal) -> Confirmed | Refusal:
    return did if isinstance(did, Refusal) else done(doing, row, did)


def done(doing: Act, row: Proposal, did: tuple[str, ...], lfr: str | None = None) -> Confirmed:
    """The answer of a proposal that was carried out."""
    return Confirmed(row.id, row.kind, row.subject, row.by, doing.by, did, lfr)
