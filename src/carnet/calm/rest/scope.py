"""What a path names, among what the caller may know of (A1); else there is nothing (404)."""

from django.shortcuts import get_object_or_404

from carnet.calm.control_rooms.models import AcceptedLfr, LicenseFile
from carnet.calm.people import visibility
from carnet.calm.rest.auth import Call


def own_account(call: Call, account: str) -> str:
    return get_object_or_404(visibility.accounts(call.person), id=account).id


def own_guid(call: Call, guid: str) -> str:
    return get_object_or_404(visibility.guids(call.person), id=guid).id


def own_lfr(guid: str, lfr: str) -> str:
    return get_object_or_404(AcceptedLfr.objects.defer("raw").filter(enrolment__guid=guid), id=lfr).id


def own_license_file(guid: str, file: str) -> str:
    return get_object_or_404(LicenseFile.objects.defer("raw").filter(enrolment__guid=guid), id=file).id
