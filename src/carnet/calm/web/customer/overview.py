"""What waits for a customer, what it bought and where that is, and its License GUIDs."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from carnet.calm.overview.customer import customer_overview
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, opens
from carnet.calm.web.scope import account_of


@opens(May.SEE)
@require_GET
def customer(request: Desk, account: str) -> HttpResponse:
    return _shown(request, account, "overview")


@opens(May.SEE)
@require_GET
def customer_rooms(request: Desk, account: str) -> HttpResponse:
    return _shown(request, account, "rooms")


def _shown(request: Desk, account: str, template: str) -> HttpResponse:
    found = account_of(request, account)
    context = {"view": customer_overview(found.id, request.now), "account_id": found.id}
    return render(request, f"calm/customer/{template}.html", context)
