"""What waits for vendor staff: approvals to decide, what needs attention, licenses that end soon."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from carnet.calm.overview.approvals import decided_approvals, waiting_approvals
from carnet.calm.overview.attention import REFUSALS, AttentionKind, attention
from carnet.calm.overview.expiring import expiring
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, opens
from carnet.calm.web.portal import portal
from carnet.calm.web.room.history import page_number

SOON = 30  # days


@opens(May.SEE_VENDOR)
@require_GET
def inbox(request: Desk) -> HttpResponse:
    only = {AttentionKind.PROPOSAL} if request.GET.get("only") == "two-person" else None
    decided = request.GET.get("approvals") == "decided"
    context = {
        "approvals": decided_approvals(size=50) if decided else waiting_approvals(size=50),
        "decided": decided,
        "attention": attention(request.now, kinds=only, page=page_number(request)),
        "only": only is not None,
        "refusals": REFUSALS,
    }
    return render(request, "calm/vendor/inbox.html", context)


@opens(May.SEE_VENDOR)
@require_GET
def expiring_page(request: Desk) -> HttpResponse:
    found = expiring(request.now, days=SOON, page=page_number(request), size=50)
    return render(request, "calm/vendor/expiring.html", {"found": found, "days": SOON})


@opens(May.SEE_VENDOR)
@require_GET
def settings_page(request: Desk) -> HttpResponse:
    """What this server runs with, and where to change it. Nothing secret."""
    context = {
        "vendor_name": portal().name,
        "mail": f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}" if settings.EMAIL_HOST else "",
        "sender": settings.DEFAULT_FROM_EMAIL,
        "second_factor": settings.NEEDS_SECOND_FACTOR,
        "hosts": settings.ALLOWED_HOSTS,
        "database": settings.DATABASES["default"]["ENGINE"].rpartition(".")[2],
    }
    return render(request, "calm/vendor/settings.html", context)
