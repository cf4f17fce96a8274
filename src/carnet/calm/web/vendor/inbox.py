"""What waits for vendor staff: approvals to decide, what needs attention, licenses that end soon."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from carnet.calm.customers.models import Approval
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, opens
from carnet.calm.web.portal import portal
from carnet.calm.web.room.history import page_number


@opens(May.SEE_VENDOR)
@require_GET
def inbox(request: Desk) -> HttpResponse:
    rows = Approval.objects.filter(state=Approval.State.REQUESTED).select_related("account").order_by("requested_at")
    return render(request, "calm/vendor/inbox.html", {"approvals": rows[:100]})


@opens(May.SEE_VENDOR)
@require_GET
def expiring(request: Desk) -> HttpResponse:
    page_number(request)
    return render(request, "calm/vendor/expiring.html", {})


@opens(May.SEE_VENDOR)
@require_GET
def settings_page(request: Desk) -> HttpResponse:
    """What this server runs with, and where to change it. Nothing secret."""
    mail = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}" if settings.EMAIL_HOST else ""
    context = {
        "vendor_name": portal().name,
        "mail": mail,
        "sender": settings.DEFAULT_FROM_EMAIL,
        "second_factor": settings.CARNET_SECOND_FACTOR,
        "hosts": settings.ALLOWED_HOSTS,
        "database": settings.DATABASES["default"]["ENGINE"].rpartition(".")[2],
    }
    return render(request, "calm/vendor/settings.html", context)
