"""All files of an account, and all that happened there."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from carnet.calm.overview import lists
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
    issued, taken = lists.license_files(account=customer.id), lists.requests(account=customer.id)
    context = {
        "issued": [(file_name(row.room.name, row.sequence, "olf"), row) for row in issued[:SHOWN]],
        "taken": [(file_name(row.room.name, row.sequence, "lfr"), row) for row in taken[:SHOWN]],
        "refused": lists.refused_files(account=customer.id)[:SHOWN],
        "account": customer,
        "account_id": customer.id,
    }
    return render(request, "calm/customer/files.html", context)
