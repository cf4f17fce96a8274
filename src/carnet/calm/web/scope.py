"""What a person may know of (A1): each thing is looked up with the account in the same query, so that what is another
customer's answers as what does not exist: the same words, in the same time."""

from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404

from carnet.calm.control_rooms.models import ControlRoom, LicenseFile, RefusedFile, Request
from carnet.calm.customers.models import Account
from carnet.calm.licenses.models import Guid, Purchase
from carnet.calm.web.door import Desk

M = TypeVar("M", bound=Model)


def account_of(request: Desk, account: str) -> Account:
    return _one(_own(request, Account.objects.filter(id=account), "id"))


def guid_of(request: Desk, guid: str) -> Guid:
    return _one(_own(request, Guid.objects.select_related("account").filter(id=guid), "account_id"))


def room_of(request: Desk, room: str) -> ControlRoom:
    return _one(_own(request, ControlRoom.objects.select_related("account", "guid").filter(id=room), "account_id"))


def purchase_of(request: Desk, purchase: str) -> Purchase:
    rows = Purchase.objects.select_related("product", "account").filter(id=purchase)
    return _one(_own(request, rows, "account_id"))


def request_of(request: Desk, guid: Guid, lfr: str) -> Request:
    return _one(Request.objects.select_related("room").filter(id=lfr, enrolment__guid=guid))


def license_file_of(request: Desk, guid: Guid, file: str) -> LicenseFile:
    return _one(LicenseFile.objects.select_related("room").filter(id=file, enrolment__guid=guid))


def refused_of(request: Desk, number: int) -> RefusedFile:
    """A refused file is seen by those who see the GUID it was uploaded against."""
    rows = RefusedFile.objects.filter(pk=number)
    if request.person.account_id:
        rows = rows.filter(guid__in=Guid.objects.filter(account=request.person.account_id).values("id"))
    return _one(rows)


def _own(request: Desk, rows: "QuerySet[M]", column: str) -> "QuerySet[M]":
    own = request.person.account_id
    return rows.filter(**{column: own}) if own else rows


def _one(rows: "QuerySet[M]") -> M:
    found = rows.first()
    if found is None:
        raise Http404
    return found
