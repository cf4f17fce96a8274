"""Row-level visibility (A1). Vendor staff see everything; a customer's people see their own account.

Pages and REST look things up in these querysets alone, so another customer's row looks like a missing one, and takes
the same time.
"""

from typing import TypeVar

from django.db.models import Model, QuerySet

from carnet.calm.control_rooms.models import ControlRoom, RefusedFile
from carnet.calm.customers.models import Account
from carnet.calm.people.models import Person
from carnet.calm.purchases.models import Guid, Purchase

M = TypeVar("M", bound=Model)


def accounts(person: Person) -> QuerySet[Account]:
    return _own(person, Account.objects.all(), "id")


def guids(person: Person) -> QuerySet[Guid]:
    return _own(person, Guid.objects.select_related("account"), "account_id")


def rooms(person: Person) -> QuerySet[ControlRoom]:
    return _own(person, ControlRoom.objects.select_related("account", "guid"), "account_id")


def purchases(person: Person) -> QuerySet[Purchase]:
    return _own(person, Purchase.objects.select_related("product", "account"), "account_id")


def refused_files(person: Person) -> QuerySet[RefusedFile]:
    """Those of the account's GUIDs and Control Rooms."""
    return _own(person, RefusedFile.objects.all(), "account")


def people(person: Person) -> QuerySet[Person]:
    return _own(person, Person.objects.all(), "account_id")


def _own(person: Person, rows: "QuerySet[M]", column: str) -> "QuerySet[M]":
    return rows if person.account_id is None else rows.filter(**{column: person.account_id})
