"""A3: acts of two people. One proposes, with a reason; another confirms, and only then is the act judged again and
done. Nobody confirms their own, nor what is about themselves, nor what somebody proposed from whom they are set apart
(A4). Each act registers here, under its kind, how it is asked for and what carries it out (`carries_out`)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Q

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.customers.models import Account
from carnet.calm.use_cases import identities, vouchers
from carnet.calm.use_cases.context import Act, Calm, act, check_text, is_same_operator
from carnet.calm.use_cases.models import Proposal
from carnet.entitlements import UnwritableError
from carnet.errors import UsageError
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import stamp
from carnet.vouching import not_two_identities

Payload = dict[str, Any]


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


CarryOut = Callable[[Act, Proposal, Payload], Confirmed | Refusal]


@dataclass(frozen=True)
class Kind:
    """What there is to know of the proposals of one kind."""

    asks: str  # as in “olga asks to write it off”
    carry_out: CarryOut  # judges the conditions again: much can have happened since
    publishes: bool = False  # a key set comes of it, for the files that sites fetch
    of_staff: bool = False  # its subject is the address of somebody of the vendor
    on_older: bool = False  # also on a database that is older than its head (L6)


_KINDS: dict[str, Kind] = {}


def carries_out(kind: str, asks: str, **more: bool) -> Callable[[CarryOut], CarryOut]:
    """Register what is done when a proposal of this kind is confirmed. `more`: as in `Kind`."""

    def register(carry_out: CarryOut) -> CarryOut:
        _KINDS[kind] = Kind(asks, carry_out, **more)
        return carry_out

    return register


def asked(row: Proposal) -> str:
    """Who asks for what, in words."""
    return f"{row.by} {_KINDS[row.kind].asks}: {row.reason}"


def asks_of(kind: str) -> str:
    """As in “olga asks to write it off”."""
    return _KINDS[kind].asks


def propose(doing: Act, kind: str, subject: str, payload: Payload, reason: str, would: tuple[str, ...]) -> Proposed:
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
    if isinstance(answer, Confirmed) and _KINDS[answer.kind].publishes:
        calm.publish()
    return answer


def _confirm(calm: Calm, proposal: str, now: datetime, by: str) -> Confirmed | Refusal:
    with act(calm, now=now, by=by, on_older=_is_on_older(proposal)) as doing:
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
    with act(calm, now=now, by=by, on_older=_is_on_older(proposal)) as doing:
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
    return tuple(_shown(*each) for each in with_subjects(rows[(page - 1) * size : page * size]))


def waiting_and_settled(since: datetime) -> tuple[ProposalShown, ...]:
    """Every open one, and those decided later than `since`."""
    rows = Proposal.objects.filter(Q(state=Proposal.State.OPEN) | Q(confirmed_at__gt=since)).order_by("at", "id")
    return tuple(_shown(*each) for each in with_subjects(rows))


def open_proposals(subject: str) -> tuple[ProposalShown, ...]:
    """Those about one Control Room, or one account."""
    rows = Proposal.objects.filter(subject=subject, state=Proposal.State.OPEN).order_by("at", "id")
    return tuple(_shown(*each) for each in with_subjects(rows))


def with_subjects(rows: Iterable[Proposal]) -> Iterator[tuple[Proposal, ControlRoom | None, Account | None]]:
    """Each with the Control Room that it is about, and with whose it is."""
    found = list(rows)
    subjects = [row.subject for row in found if row.subject]
    rooms, accounts = ControlRoom.objects.select_related("account").in_bulk(subjects), Account.objects.in_bulk(subjects)
    for row in found:
        room = rooms.get(row.subject)
        yield row, room, room.account if room else accounts.get(row.subject)


def _shown(row: Proposal, room: ControlRoom | None, account: Account | None) -> ProposalShown:
    return ProposalShown(
        row.id,
        row.kind,
        row.subject,
        room.name if room else "",
        account.id if account else "",
        account.name if account else "",
        row.subject if _KINDS[row.kind].of_staff else "",
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
        settled = _settled(row)  # whoever comes second hears who decided, and that nothing of theirs was done
        raise UsageError(f"There is no open proposal “{proposal}”. {settled.message}", "Nothing was changed by you.")
    return row


def _settled(row: Proposal) -> Refusal:
    word = "taken back" if row.state == Proposal.State.WITHDRAWN else "confirmed"
    when = f" at {stamp(row.confirmed_at)}" if row.confirmed_at else ""
    return Refusal(
        Code.NOTHING_TO_ACCEPT,
        f"The proposal was {word} by {row.confirmed_by}{when} already.",
        "Propose it again if it is still needed.",
    )


def _is_on_older(proposal: str) -> bool:
    kinds = [name for name, kind in _KINDS.items() if kind.on_older]
    return Proposal.objects.filter(id=proposal, kind__in=kinds).exists()


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
    """A3: two identities of one issuer, or none; and A4."""
    if not identities.are_two(row.by, by):
        return Refusal(
            Code.NEEDS_SECOND_PERSON,
            not_two_identities(row.by, by),
            "Let somebody else confirm it; or bind an identity, under “Single sign-on”.",
        )
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
    payload = msgspec.json.decode(row.payload)
    room = ControlRoom.objects.filter(id=row.subject).first()
    if room and room.enrolment_id != payload["enrolment"]:
        return _enrolled_anew(row, room)
    return _KINDS[row.kind].carry_out(doing, row, payload)


def _enrolled_anew(row: Proposal, room: ControlRoom) -> Refusal:
    return Refusal(
        Code.NOTHING_TO_ACCEPT,
        f"{room.name} enrolled again since {row.by} proposed this at {stamp(row.at)}: it was about an enrolment that "
        "ended.",
        "Take it back, and propose it again if it is still needed.",
        run=f"calm confirm {row.id} --withdraw",
    )


def done(doing: Act, row: Proposal, did: tuple[str, ...], **more: Any) -> Confirmed:
    """The answer of a proposal that was carried out. `more`: as in `Confirmed`."""
    return Confirmed(row.id, row.kind, row.subject, row.by, doing.by, did, **more)
