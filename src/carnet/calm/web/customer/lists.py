"""All files of an account, and all that happened there."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from carnet.calm.control_rooms.models import LicenseFile, RefusedFile, Request
from carnet.calm.overview.room import file_name
from carnet.calm.overview.timeline import Whose, by_cycle, events
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, opens
from carnet.calm.web.room.history import page_number
from carnet.calm.web.scope import account_of

SHOWN = 50


@opens(May.SEE)
@require_GET
def timeline(request: Desk, account: str) -> HttpResponse:
    customer = account_of(request, account)
    found = events(Whose(account=customer.id), page=page_number(request))
    context = {"title": customer.name, "found": found, "groups": by_cycle(found.items), "account_id": customer.id}
    return render(request, "calm/timeline.html", context)


@opens(May.SEE)
@require_GET
def files(request: Desk, account: str) -> HttpResponse:
    """The newest of each kind; the timeline has them all."""
    customer = account_of(request, account)
    issued = LicenseFile.objects.filter(room__account=customer).select_related("room", "enrolment").defer("raw")
    taken = Request.objects.filter(room__account=customer).select_related("room", "enrolment").defer("raw")
    refused = RefusedFile.objects.filter(account=customer.id).defer("raw")
    context = {
        "issued": [
            (file_name(row.room.name, row.sequence, "olf"), row) for row in issued.order_by("-issued_at", "-id")[:SHOWN]
        ],
        "taken": [
            (file_name(row.room.name, row.sequence, "lfr"), row)
            for row in taken.order_by("-accepted_at", "-id")[:SHOWN]
        ],
        "refused": refused.order_by("-at", "-id")[:SHOWN],
        "account": customer,
        "account_id": customer.id,
    }
    return render(request, "calm/customer/files.html", context)
