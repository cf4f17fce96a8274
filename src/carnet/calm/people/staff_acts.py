"""A3: acts of two people by which somebody of the vendor gets into CALM. One proposes, another confirms, and both vouch
for the person (A4). The person gets a link by mail; where no mail server is set, a code in two halves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from carnet.calm.people import staff
from carnet.calm.people.access import VENDOR_ROLES, Permission, Role, may
from carnet.calm.people.models import EntryCode, Person
from carnet.calm.use_cases import identities, two_people, vouchers
from carnet.calm.use_cases.context import Act, Calm, act, check_text, is_same_operator
from carnet.calm.use_cases.models import Proposal
from carnet.errors import UsageError
from carnet.exchange.verdicts import Code, Refusal
from carnet.web_kit.sign_in import half_codes

ADD, ROLE, LINK, LET_IN = "add_staff", "change_staff_role", "give_staff_link", "let_staff_in"
FACTORS = "remove_staff_factors"
KINDS = (ADD, ROLE, LINK, LET_IN, FACTORS)
_ENTER = (ADD, LINK, FACTORS)  # who it is about chooses a password after it
_CONFIRMING = [role.value for role in Role if may(role, Permission.CONFIRM)]


@dataclass(frozen=True)
class StaffAct:
    """What is asked for. `name` is for somebody new, `role` for somebody new and for another role."""

    kind: str
    email: str
    reason: str
    name: str = ""
    role: str = ""


@dataclass(frozen=True)
class StaffProposed:
    proposed: two_people.Proposed
    half: str = field(repr=False)  # of an entry code, shown once; empty where the link goes by mail, or none does


def propose(calm: Calm, asked: StaffAct, *, by_mail: bool, now: datetime, by: str) -> StaffProposed | Refusal:
    """`by_mail`: a mail server is set, so that the link goes there. A refusal where nobody else could confirm.

    Raises:
        UsageError: There is no such person or role, it would change nothing, or it is about who proposes it.
    """
    address = staff.check_address(asked.email)
    with act(calm, now=now, by=by) as doing:
        would = _would(asked, address, by)
        if refusal := _nobody_else(address, by, now):
            return doing.refuse(refusal, asked.kind, address)
        payload = {"name": asked.name, "role": asked.role, "by_mail": by_mail}
        proposed = two_people.propose(doing, asked.kind, address, payload, asked.reason, (would,))
        halves = asked.kind in _ENTER and not by_mail
        half = half_codes.begin(EntryCode, proposed.proposal, address, doing.random(10)) if halves else ""
        return StaffProposed(proposed, half)


def _would(asked: StaffAct, address: str, by: str) -> str:
    """In words, where it can be done. Raises UsageError."""
    if is_same_operator(address, by):
        raise UsageError("This is about yourself.", "Ask a colleague to propose it.")
    if asked.kind == ADD:
        check_text(asked.name, "name")
        _check_vendor_role(asked.role)
        staff.check_free(address)
        return f"{asked.name} ({address}) is added as {asked.role}"
    return _would_change(asked, _find(address))


def _would_change(asked: StaffAct, person: Person) -> str:
    if asked.kind == ROLE:
        _check_vendor_role(asked.role)
        staff.check_change(person, asked.role)
        _check(person.role != asked.role, f"{person.email} is {asked.role} already.")
        return f"{person.email}: {person.role} → {asked.role}"
    if asked.kind == LET_IN:
        _check(not person.is_active, f"{person.email} is in already.")
        return f"{person.email} ({person.role}) is let in again"
    _check(asked.kind in KINDS, "There is no such act.")
    _check(person.is_active, f"{person.email} was let go.")
    what = (
        "chooses a new password"
        if asked.kind == LINK
        else "loses every second factor and the password, is signed out, and chooses a new password"
    )
    return f"{person.email} ({person.role}) {what}"


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise UsageError(otherwise)


def _check_vendor_role(role: str) -> None:
    if role not in VENDOR_ROLES:
        raise UsageError(f"“{role}” is not a role of the vendor's staff.", "Choose operator, approver or auditor.")


def _find(address: str) -> Person:
    person = staff.find_person(address)
    if not person.is_vendor:
        raise UsageError(f"{address} is not of the vendor's staff.")
    return person


def _nobody_else(address: str, by: str, now: datetime) -> Refusal | None:
    """Where no one could confirm: said at once, with the way that there is."""
    others = Person.objects.filter(role__in=_CONFIRMING, is_active=True).exclude(email__in=(address, by.casefold()))
    if any(vouchers.apart(by, other.email, now) is None and identities.are_two(by, other.email) for other in others):
        return None
    return Refusal(
        Code.NEEDS_SECOND_PERSON,
        "This takes two people, and no other person here could confirm it.",
        "Have it done on CALM's machine: it is recorded as done there.",
        run=f"calm person add {address} --role …",
    )


def _carried_out(do: Callable[[Act, Proposal, dict[str, Any]], None]) -> two_people.CarryOut:
    def carry_out(doing: Act, row: Proposal, payload: dict[str, Any]) -> two_people.Confirmed | Refusal:
        asked = StaffAct(row.kind, row.subject, row.reason, payload["name"], payload["role"])
        try:
            did = _would(asked, row.subject, "")
        except UsageError as error:
            return Refusal(Code.NOTHING_TO_ACCEPT, f"{error} It was proposed before that.", "Take it back.")
        do(doing, row, payload)
        vouchers.note(doing, row.subject, row.kind, row.by)
        return _answered(doing, row, payload, did)

    return carry_out


def _answered(doing: Act, row: Proposal, payload: dict[str, Any], did: str) -> two_people.Confirmed:
    half = half_codes.complete(EntryCode, row.id, doing.random(10), doing.now)
    invited = row.subject if row.kind in _ENTER and payload["by_mail"] else ""
    return two_people.done(doing, row, (did,), half=half, invited=invited)


def _add(doing: Act, row: Proposal, payload: dict[str, Any]) -> None:
    staff.insert(doing, row.subject, payload["name"], payload["role"], asked_by=row.by)


def _change_role(doing: Act, row: Proposal, payload: dict[str, Any]) -> None:
    staff.put_role(doing, _find(row.subject), payload["role"], asked_by=row.by)


def _give_link(doing: Act, row: Proposal, _: dict[str, Any]) -> None:
    doing.record("person.link_given", row.subject, asked_by=row.by)


def _let_in(doing: Act, row: Proposal, _: dict[str, Any]) -> None:
    staff.put_active(doing, _find(row.subject), active=True, asked_by=row.by)


def _remove_factors(doing: Act, row: Proposal, _: dict[str, Any]) -> None:
    staff.drop_second_factors(doing, _find(row.subject), asked_by=row.by)


for _kind, _do, _asks in (
    (ADD, _add, "asks to add somebody to the staff"),
    (ROLE, _change_role, "asks for another role for somebody of the staff"),
    (LINK, _give_link, "asks for a new link for somebody of the staff"),
    (LET_IN, _let_in, "asks to let somebody of the staff in again"),
    (FACTORS, _remove_factors, "asks to remove somebody's second factors"),
):
    two_people.carries_out(_kind, _asks, of_staff=True)(_carried_out(_do))
