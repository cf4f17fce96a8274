"""Acts of two people (A3): what waits for the second, and writing a Control Room off (E12)."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from carnet.calm.issuing import proposals
from carnet.calm.issuing.models import Proposal
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, opens
from carnet.calm.web.scope import room_of
from carnet.ui.forms import Asking, Reason


@opens(May.SEE_VENDOR)
@require_GET
def confirmations(request: Desk) -> HttpResponse:
    done = [one for state in ("done", "withdrawn") for one in proposals.list_proposals(state=state)]
    done.sort(key=lambda one: one.decided_at or one.at, reverse=True)
    return render(request, "calm/vendor/confirmations.html", {"open": proposals.list_proposals(), "done": done})


@opens(May.CONFIRM)
@require_POST
def confirmation(request: Desk, proposal: str) -> HttpResponse:
    """Confirm, or take back."""
    get_object_or_404(Proposal, id=proposal)
    form = Asking(request.POST)
    if request.POST.get("decision") == "withdraw":
        taken = form.ask(lambda _asked: proposals.withdraw(request.calm, proposal=proposal, **request.who))
        if taken:
            messages.success(request, _("It is taken back: nothing comes of it."))
    else:
        done = form.ask(lambda _asked: proposals.confirm(request.calm, proposal=proposal, **request.who))
        if done:
            messages.success(request, _("Confirmed and done: %(did)s.") % {"did": "; ".join(done.did)})
    if form.refusal or form.errors:
        return render(
            request, "calm/refused_act.html", {"form": form, "back_url": reverse("confirmations")}, status=422
        )
    return redirect("confirmations")


class WriteOff(Reason):
    return_unconsumed = forms.BooleanField(
        required=False,
        label=gettext_lazy("Also return the units that it did not report as consumed"),
        help_text=gettext_lazy("Else they count as spent. Seats and users return either way."),
    )
    name = forms.CharField(label=gettext_lazy("Type the name of the Control Room"))
    field_order = ("reason", "return_unconsumed", "name")


@opens(May.OPERATE)
@require_http_methods(["GET", "POST"])
def write_off(request: Desk, room: str) -> HttpResponse:
    lost = room_of(request, room)
    form = WriteOff(request.POST or None)
    if request.method == "POST" and form.is_valid() and form.cleaned_data["name"].strip() != lost.name:
        form.add_error("name", _("This is not %(name)s.") % {"name": lost.name})
    if request.method == "POST" and form.is_valid():
        asked = form.ask(
            lambda fields: proposals.propose_write_off(
                request.calm,
                control_room=lost.id,
                reason=fields["reason"],
                return_unconsumed=fields["return_unconsumed"],
                **request.who,
            )
        )
        if asked:
            messages.success(request, _("A second person must confirm it. Until then nothing is changed."))
            return redirect("confirmations")
    return render(request, "calm/vendor/write_off.html", {"form": form, "room": lost}, status=form.status)
