"""Reporting a Control Room as lost (E12): the customer says so, license operations decide."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from carnet.calm.control_rooms.models import ControlRoom, LossReport
from carnet.calm.issuing import losses
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, opens
from carnet.calm.web.scope import guid_of
from carnet.ui.forms import Reason


class Lost(Reason):
    name = forms.CharField(label=gettext_lazy("Type the name of the Control Room"))


@opens(May.EXCHANGE)
@require_POST
def found(request: Desk, guid: str) -> HttpResponse:
    """It turned up again: the report is taken back."""
    slot = guid_of(request, guid)
    row = get_object_or_404(LossReport, guid=slot, state=LossReport.State.OPEN)
    losses.withdraw_report(request.calm, report=row.id, reason=_("it was found again"), **request.who)
    messages.success(request, _("The report is taken back. Nothing else is changed."))
    return redirect("room", guid=slot.id)


@opens(May.EXCHANGE)
@require_http_methods(["GET", "POST"])
def report(request: Desk, guid: str) -> HttpResponse:
    slot = guid_of(request, guid)
    room = get_object_or_404(ControlRoom, guid=slot)
    form = Lost(request.POST or None)
    if request.method == "POST" and form.is_valid() and form.cleaned_data["name"].strip() != room.name:
        form.add_error("name", _("This is not %(name)s.") % {"name": room.name})
    if request.method == "POST" and form.is_valid():
        reported = form.ask(
            lambda asked: losses.report_lost(request.calm, guid=slot.id, reason=asked["reason"], **request.who)
        )
        if reported:
            messages.success(
                request, _("Reported. License operations decide on writing it off; two people are needed.")
            )
            return redirect("room", guid=slot.id)
    context = {
        "form": form,
        "title": _("Report %(name)s as lost") % {"name": room.name},
        "lede": _("Only where it can make no request any more. Until license operations decide, nothing is changed."),
        "send": _("Report as lost"),
        "account_id": slot.account_id,
    }
    return render(request, "ui/form_page.html", context, status=form.status)
