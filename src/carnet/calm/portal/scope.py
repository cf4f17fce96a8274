"""What an address names, among what the person may know of (A1); else there is nothing (404)."""

from django.shortcuts import get_object_or_404

from carnet.calm.control_rooms.models import ControlRoom, LicenseFile, RefusedFile
from carnet.calm.customers.models import Account
from carnet.calm.people import visibility
from carnet.calm.people.models import Person
from carnet.calm.portal.door import AuthorizedRequest
from carnet.calm.purchases.models import Guid, Purchase


def account_of(request: AuthorizedRequest, account: str) -> Account:
    return get_object_or_404(visibility.accounts(request.person), id=account)


def guid_of(request: AuthorizedRequest, guid: str) -> Guid:
    return get_object_or_404(visibility.guids(request.person), id=guid)


def room_of(request: AuthorizedRequest, room: str) -> ControlRoom:
    return get_object_or_404(visibility.rooms(request.person), id=room)


def purchase_of(request: AuthorizedRequest, purchase: str) -> Purchase:
    return get_object_or_404(visibility.purchases(request.person), id=purchase)


def license_file_of(guid: Guid, file: str) -> LicenseFile:
    return get_object_or_404(LicenseFile.objects.select_related("room").filter(enrolment__guid=guid), id=file)


def refused_of(request: AuthorizedRequest, number: int) -> RefusedFile:
    return get_object_or_404(visibility.refused_files(request.person), pk=number)


def person_of(request: AuthorizedRequest, person: int) -> Person:
    return get_object_or_404(visibility.people(request.person), pk=person)
