"""Adding people, changing what they may, and letting them go. Each act is in the issuing log (V1)."""

from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from carnet.calm.customers.models import Account
from carnet.calm.people.access import CUSTOMER_ROLES, Role
from carnet.calm.people.models import ApiToken, Person
from carnet.calm.use_cases.accounts import find_account
from carnet.calm.use_cases.context import (
    Act,
    Calm,
    act,
    check_text,
)
from carnet.errors import UsageError


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
    calm: Calm, *, email: str, name: str, role: str, account: str | None, now: datetime, by: str
) -> PersonShown:
    """Without a password: the person chooses one through a link that is good once."""
    address = _address(email)
    check_text(name, "name")
    with act(calm, now=now, by=by) as doing:
        customer = _account_for(_role(role), account)
        if Person.objects.filter(email=address).exists():
            raise UsageError(f"There is somebody with the address {address} already.")
        person = Person(email=address, name=name, role=role, account=customer, added_at=now)
        person.set_unusable_password()
        person.save(force_insert=True)
        doing.record("person.added", address, role=role, account=customer.id if customer else "")
        return shown(person)


def change_role(calm: Calm, *, email: str, role: str, now: datetime, by: str) -> PersonShown:
    with act(calm, now=now, by=by) as doing:
        person = find_person(email)
        if (_role(role) in CUSTOMER_ROLES) != (person.account is not None):
            raise UsageError(
                "A customer's people stay customer's, and vendor staff stay vendor's.",
                "Add the person again, with another address.",
            )
        _check_not_last(person, role)
        doing.record("person.role_changed", person.email, role=[person.role, role])
        person.role = role
        person.save(update_fields=["role"])
        return shown(person)


def set_active(calm: Calm, *, email: str, active: bool, now: datetime, by: str) -> PersonShown:
    """Who is let go is signed out at once, and their API tokens end."""
    with act(calm, now=now, by=by) as doing:
        person = find_person(email)
        if not active:
            _check_not_last(person, "")
            _end_tokens(doing, person)
        person.is_active = active
        person.save(update_fields=["is_active"])
        doing.record("person.activated" if active else "person.deactivated", person.email)
        return shown(person)


def _end_tokens(doing: Act, person: Person) -> None:
    ApiToken.objects.filter(person=person, revoked_at=None).update(revoked_at=doing.now)


def give_link(calm: Calm, *, email: str, now: datetime, by: str) -> PersonShown:
    """A person who has the link can choose the password. The log records that it was given, and to whom."""
    with act(calm, now=now, by=by) as doing:
        person = find_person(email)
        doing.record("person.link_given", person.email)
        return shown(person)


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


def _address(email: str) -> str:
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise UsageError(f"“{email}” is not an e-mail address.", "Write name@example.com.") from error
    return address


def _role(role: str) -> Role:
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
