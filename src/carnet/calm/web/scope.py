"""What an address names, among what the person may know of (A1); else there is nothing (404)."""

from django.shortcuts import get_object_or_404

from carnet.calm.control_rooms.models import ControlRoom, LicenseFile, RefusedFile
from carnet.calm.customers.models import Account
from carnet.calm.licenses.models import Guid, Purchase
from carnet.calm.people import sight
from carnet.calm.people.models import Person
from carnet.calm.web.door import Desk


def account_of(request: Desk, account: str) -> Account:
    return get_object_or_404(sight.accounts(request.person), id=account)


def guid_of(request: Desk, guid: str) -> Guid:
    return get_object_or_404(sight.guids(request.person), id=guid)


def room_of(request: Desk, room: str) -> ControlRoom:
    return get_object_or_404(sight.rooms(request.person), id=room)


def purchase_of(request: Desk, purchase: str) -> Purchase:
    return get_object_or_404(sight.purchases(request.person), id=purchase)


def license_file_of(guid: Guid, file: str) -> LicenseFile:
    return get_object_or_404(LicenseFile.objects.select_related("room").filter(enrolment__guid=guid), id=file)


def refused_of(request: Desk, number: int) -> RefusedFile:
    return get_object_or_404(sight.refused_files(request.person), pk=number)


def person_of(request: Desk, person: int) -> Person:
    return get_object_or_404(sight.people(request.person), pk=person)
