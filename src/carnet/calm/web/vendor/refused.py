"""A refused file: what does not match, from where, and who decides what. Two people may accept another history (L2)."""

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from carnet.calm.issuing import proposals
from carnet.calm.overview.evidence import evidence as read_evidence
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, opens
from carnet.calm.web.scope import refused_of
from carnet.ui.downloads import download
from carnet.ui.forms import Reason


class Accept(Reason):
    no_copy = forms.BooleanField(label=gettext_lazy("The site confirmed that no second copy is running"))
    site_confirms = forms.BooleanField(
        required=False, label=gettext_lazy("The site confirmed, by other means, that this is its newest request")
    )


@opens(May.SEE)
@require_GET
def evidence(request: Desk, number: int) -> HttpResponse:
    return _shown(request, number, Accept())


def _shown(request: Desk, number: int, form: Accept) -> HttpResponse:
    row = refused_of(request, number)
    found = read_evidence(row.pk)
    context = {"found": found, "form": form, "account_id": found.account or None}
    return render(request, "calm/refused.html", context, status=form.status)


@opens(May.SEE)
@require_GET
def file(request: Desk, number: int) -> HttpResponse:
    """The very bytes, to be checked with other tools."""
    row = refused_of(request, number)
    return download(bytes(row.raw), f"refused-{row.digest[:16]}.{'lfr' if row.kind == 'request' else row.kind}")


@opens(May.OPERATE)
@require_POST
def accept(request: Desk, number: int) -> HttpResponse:
    """Proposes it; another person confirms (A3)."""
    row = refused_of(request, number)
    if not row.room:
        raise Http404
    form = Accept(request.POST)
    asked = form.ask(
        lambda fields: proposals.propose_accept_history(
            request.calm,
            control_room=row.room,
            reason=fields["reason"],
            site_confirms=fields["site_confirms"],
            **request.who,
        )
    )
    if asked is None:
        return _shown(request, number, form)
    messages.success(request, _("A second person must confirm it. Until then nothing is changed."))
    return redirect("confirmations")
