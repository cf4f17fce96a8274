"""What a caller may know of (A1): looked up with the account in the same query, so that another's answers 404."""

from django.http import Http404

from carnet.calm.api.opening import Call
from carnet.calm.control_rooms.models import LicenseFile, Request
from carnet.calm.customers.models import Account
from carnet.calm.licenses.models import Guid


def own_account(call: Call, account: str) -> str:
    rows = Account.objects.filter(id=account)
    return _one(rows.filter(id=call.person.account_id) if call.person.account_id else rows)


def own_guid(call: Call, guid: str) -> str:
    rows = Guid.objects.filter(id=guid)
    return _one(rows.filter(account=call.person.account_id) if call.person.account_id else rows)


def own_request(guid: str, request: str) -> str:
    return _one(Request.objects.filter(id=request, enrolment__guid=guid))


def own_license_file(guid: str, file: str) -> str:
    return _one(LicenseFile.objects.filter(id=file, enrolment__guid=guid))


def _one(rows: "object") -> str:
    found = rows.values_list("pk", flat=True).first()  # type: ignore[attr-defined]
    if found is None:
        raise Http404
    return str(found)
