"""Verify: started, looked at as it goes (each second by script, by loading the page again without), and stopped."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from carnet.control_room.granting.people import May
from carnet.control_room.web.door import Visit, opens
from carnet.control_room.web.ledger import verifying
from carnet.control_room.web.models import VerifyRun


@opens(May.AUDIT)
@require_http_methods(["GET", "POST"])
def verify(request: Visit) -> HttpResponse:
    """POST starts one, or shows the one that runs."""
    if request.method == "POST":
        began = verifying.start(request.person.name, request.now, request.status.checkpoint.size)
        if not began:
            messages.info(request, _("A check runs already. There is one at a time."))
    if request.htmx and request.method == "GET":
        return render(request, "room/ledger/verify.html", verify_context())
    return redirect("ledger")


@opens(May.AUDIT)
@require_POST
def stop(request: Visit) -> HttpResponse:
    if verifying.stop():
        messages.info(request, _("The check is stopped. Nothing is changed."))
    return redirect("ledger")


def verify_context() -> dict[str, Any]:
    """Whether one runs is read before what is kept: of one that ends just now, the page is a moment behind."""
    run = verifying.newest()
    return {
        "run": run,
        "running": run is not None and run.running,
        "last": VerifyRun.objects.order_by("-at", "-pk").first(),
        "last_good": VerifyRun.objects.filter(holds=True).order_by("-at", "-pk").first(),
    }
