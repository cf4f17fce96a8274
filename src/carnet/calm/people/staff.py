"""Adding people, changing what they may, and letting them go. Each act is in the issuing log (V1).

On the vendor's own staff two people act (A3, `staff_acts`); here whoever has the machine does (`on_machine`), which
sets nobody apart (A4) and is shown for a time. To let somebody go, one person is enough.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from carnet.calm.customers.models import Account
from carnet.calm.people.access import CUSTOMER_ROLES, VENDOR_ROLES, Permission, Role, may
from carnet.calm.people.models import ApiToken, EntryCode, Person
from carnet.calm.use_cases import identities, vouchers
from carnet.calm.use_cases.accounts import find_account
from carnet.calm.use_cases.context import (
    Act,
    Calm,
    act,
    check_text,
)
from carnet.calm.use_cases.models import Proposal
from carnet.calm.use_cases.two_people import withdraw_open
from carnet.errors import UsageError
from carnet.printable import is_printable


@dataclass(frozen=True)
class PersonShown:
    email: str
    name: str
    role: str
    account: str | None
    account_name: str
    active: bool
    added_at: datetime
    last_seen: datetime | None


def add_person(
    calm: Calm,
    *,
    email: str,
    name: str,
    role: str,
    account: str | None,
    now: datetime,
    by: str,
    on_machine: bool = False,
) -> PersonShown:
    """Without a password: the person chooses one through a link that is good once.

    Raises:
        UsageError: The address, name, role or account is none, or somebody has the address; or the act takes two
            people (A3).
    """
    address = check_address(email)
    check_text(name, "name")
    with act(calm, now=now, by=by) as doing:
        customer = _account_for(check_role(role), account)
        _check_alone(role, on_machine=on_machine)
        check_free(address)
        _note_on_machine(doing, address, role, "added", on_machine=on_machine)
        return insert(doing, address, name, role, customer, on_machine=on_machine)


def insert(
    doing: Act, address: str, name: str, role: str, customer: Account | None = None, **detail: Any
) -> PersonShown:
    """The row and the record of somebody new."""
    person = Person(email=address, name=name, role=role, account=customer, added_at=doing.now)
    person.set_unusable_password()
    person.save(force_insert=True)
    doing.record("person.added", address, role=role, account=customer.id if customer else "", **detail)
    return shown(person)


def change_role(calm: Calm, *, email: str, role: str, now: datetime, by: str, on_machine: bool = False) -> PersonShown:
    """Raises UsageError where it is a role of the other side, the last operator's, or takes two people (A3)."""
    with act(calm, now=now, by=by) as doing:
        person = find_person(email)
        check_change(person, role)
        _check_alone(role, on_machine=on_machine)
        put_role(doing, person, role, on_machine=on_machine)
        _note_on_machine(doing, person.email, role, "role", on_machine=on_machine)
        return shown(person)


def check_change(person: Person, role: str) -> None:
    """Raises UsageError where the person cannot have that role."""
    if (check_role(role) in CUSTOMER_ROLES) != (person.account is not None):
        raise UsageError(
            "A customer's people stay customer's, and vendor staff stay vendor's.",
            "Add the person again, with another address.",
        )
    _check_not_last(person, role)


def put_role(doing: Act, person: Person, role: str, **detail: Any) -> None:
    doing.record("person.role_changed", person.email, role=[person.role, role], **detail)
    if not may(role, Permission.OPERATE):
        _take_back_proposals(doing, person)
    person.role = role
    person.save(update_fields=["role"])


def set_active(
    calm: Calm, *, email: str, active: bool, now: datetime, by: str, on_machine: bool = False
) -> PersonShown:
    """Who is let go is signed out at once, and their API tokens end. Raises UsageError where it takes two people."""
    with act(calm, now=now, by=by) as doing:
        person = find_person(email)
        if active:
            _check_alone(person.role, on_machine=on_machine)
            _note_on_machine(doing, person.email, person.role, "let_in", on_machine=on_machine)
        else:
            _check_not_last(person, "")
            end_tokens(person, doing.now)
        put_active(doing, person, active=active, on_machine=on_machine)
        return shown(person)


def put_active(doing: Act, person: Person, *, active: bool, **detail: Any) -> None:
    if not active:
        _take_back_proposals(doing, person)
        identities.forget(person.email)
    person.is_active = active
    person.save(update_fields=["is_active"])
    doing.record("person.activated" if active else "person.deactivated", person.email, **detail)


def _take_back_proposals(doing: Act, person: Person) -> None:
    """A3: what somebody proposed who may no longer do so is not confirmed after that."""
    for row in Proposal.objects.filter(by=person.email, state=Proposal.State.OPEN):
        withdraw_open(doing, row)


def end_tokens(person: Person, now: datetime) -> None:
    """A5: all API tokens of this person end."""
    ApiToken.objects.filter(person=person, revoked_at=None).update(revoked_at=now)


def note_password_chosen(calm: Calm, *, person: Person, now: datetime) -> None:
    """A5: the tokens of the old password end."""
    with act(calm, now=now, by=person.email) as doing:
        ended = ApiToken.objects.filter(person=person, revoked_at=None, expires_at__gt=now).count()
        end_tokens(person, now)
        doing.record("person.password_chosen", person.email, api_tokens_ended=ended)


def give_link(calm: Calm, *, email: str, now: datetime, by: str, on_machine: bool = False) -> PersonShown:
    """A person who has the link can choose the password. The log records that it was given, and to whom.

    Raises:
        UsageError: There is no such person, or it takes two people (A3).
    """
    with act(calm, now=now, by=by) as doing:
        person = find_person(email)
        _check_alone(person.role, on_machine=on_machine)
        doing.record("person.link_given", person.email, on_machine=on_machine)
        _note_on_machine(doing, person.email, person.role, "link", on_machine=on_machine)
        return shown(person)


def remove_second_factors(calm: Calm, *, email: str, now: datetime, by: str, on_machine: bool = False) -> PersonShown:
    """Of somebody who lost theirs. Their password, sessions and API tokens end too: a new link begins anew.

    Raises:
        UsageError: There is no such person, or it takes two people (A3).
    """
    with act(calm, now=now, by=by) as doing:
        person = find_person(email)
        _check_alone(person.role, on_machine=on_machine)
        drop_second_factors(doing, person, on_machine=on_machine)
        _note_on_machine(doing, person.email, person.role, "second_factors", on_machine=on_machine)
        return shown(person)


def drop_second_factors(doing: Act, person: Person, **detail: Any) -> None:
    """A3: whoever has the lost phone may know the password too, or be signed in: all of that ends."""
    from allauth.mfa.models import Authenticator  # of the sign-in package, which only the portal's settings install
    from allauth.usersessions.models import UserSession

    Authenticator.objects.filter(user_id=person.pk).delete()
    for session in UserSession.objects.filter(user_id=person.pk):
        session.end()
    EntryCode.objects.filter(name=person.email, given_at__isnull=False).delete()
    end_tokens(person, doing.now)
    identities.forget(person.email)
    person.set_unusable_password()  # also ends sessions and links that nothing above knows of
    person.save(update_fields=["password"])
    doing.record("person.second_factors_removed", person.email, **detail)


def unlock(calm: Calm, *, email: str, now: datetime, by: str) -> PersonShown:
    """A5: what was tried with wrong passwords or codes is forgotten. One person is enough: it opens nothing."""
    from carnet.web_kit.sign_in import locks  # needs the portal's settings

    with act(calm, now=now, by=by) as doing:
        person = find_person(email)
        doing.record("person.unlocked", person.email)
        locks.unlock(person.email, person.pk)
        return shown(person)


def vouch(calm: Calm, *, email: str, reason: str, now: datetime, by: str) -> PersonShown:
    """A4: whoever has the machine says that this person is somebody of their own: nothing sets them apart any more."""
    check_text(reason, "reason", 2000)
    with act(calm, now=now, by=by) as doing:
        person = find_person(email)
        doing.record("person.vouched", person.email, reason)
        vouchers.note_on_machine(doing, person.email, vouchers.VOUCHED)
        return shown(person)


def _check_alone(role: str, *, on_machine: bool) -> None:
    """A3: on the vendor's staff no one acts alone but on the machine."""
    if role in VENDOR_ROLES and not on_machine:
        raise UsageError(
            "An act on the vendor's staff takes two people.", "Propose it in the portal; or do it on CALM's machine."
        )


def _note_on_machine(doing: Act, address: str, role: str, what: str, *, on_machine: bool) -> None:
    if on_machine and role in VENDOR_ROLES:
        vouchers.note_on_machine(doing, address, what)


def find_person(email: str) -> Person:
    person = Person.objects.select_related("account").filter(email=email.strip().lower()).first()
    if person is None:
        raise UsageError(f"There is no person with the address {email}.", run="calm person list")
    return person


def list_people(account: str | None = None) -> list[PersonShown]:
    rows = Person.objects.select_related("account").order_by("account__name", "email")
    return [shown(person) for person in (rows.filter(account=find_account(account)) if account else rows)]


def anybody_can_sign_in() -> bool:
    return any(person.has_usable_password() for person in Person.objects.filter(is_active=True).only("password"))


def addresses_of(account: str) -> list[str]:
    """Who hears of an account's deadlines: its license administrators."""
    people = Person.objects.filter(account=account, role=Role.ADMINISTRATOR, is_active=True)
    return list(people.order_by("email").values_list("email", flat=True))


def staff_addresses() -> list[str]:
    """Who of the vendor's own people hears of ends, and of what becomes less (S): its operators."""
    people = Person.objects.filter(role=Role.OPERATOR, is_active=True)
    return list(people.order_by("email").values_list("email", flat=True))


def shown(person: Person) -> PersonShown:
    return PersonShown(
        person.email,
        person.name,
        person.role,
        person.account_id,
        person.account.name if person.account else "",
        person.is_active,
        person.added_at,
        person.last_login,
    )


def check_address(email: str) -> str:
    """As it is kept. Raises UsageError."""
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise UsageError(f"“{email}” is not an e-mail address.", "Write name@example.com.") from error
    if not is_printable(address):  # N3: two people whose addresses look the same
        raise UsageError(f"“{email}” holds a character that is not seen.", "Write name@example.com.")
    return address


def check_free(address: str) -> None:
    if Person.objects.filter(email=address).exists():
        raise UsageError(f"There is somebody with the address {address} already.")


def check_role(role: str) -> Role:
    if role not in set(Role):
        raise UsageError(f"There is no role “{role}”.", f"Choose one of: {', '.join(Role)}.")
    return Role(role)


def _account_for(role: Role, account: str | None) -> Account | None:
    if role in CUSTOMER_ROLES:
        if not account:
            raise UsageError(f"A customer's {role} belongs to an account.", "Name the account.")
        return find_account(account)
    if account:
        raise UsageError(f"Vendor staff ({role}) belong to no account.", "Name none.")
    return None


def _check_not_last(person: Person, role: str) -> None:
    """The last operator cannot be removed."""
    if person.role != Role.OPERATOR or role == Role.OPERATOR:
        return
    if not Person.objects.filter(role=Role.OPERATOR, is_active=True).exclude(pk=person.pk).exists():
        raise UsageError(f"{person.email} is the last operator.", "Make somebody else an operator first.")
