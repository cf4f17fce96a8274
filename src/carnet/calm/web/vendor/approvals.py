"""Who may license offline: requests, and decisions with a reason (E1)."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from carnet.calm.customers.models import Approval
from carnet.calm.issuing import accounts as use_cases
from carnet.calm.licenses.models import Guid, Purchase
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, needs, opens
from carnet.calm.web.forms import Reason

DECISIONS = {
    "grant": use_cases.grant_approval,
    "refuse": use_cases.refuse_approval,
    "withdraw": use_cases.withdraw_approval,
}


@opens(May.SEE_VENDOR)
@require_http_methods(["GET", "POST"])
def approval(request: Desk, approval: str) -> HttpResponse:
    found = Approval.objects.select_related("account").filter(id=approval).first()
    if found is None:
        raise Http404
    form = Reason(request.POST or None)
    decide = DECISIONS.get(request.POST.get("decision", ""))
    if decide and needs(request, May.DECIDE):
        decided = form.ask(lambda asked: decide(request.calm, approval=found.id, reason=asked["reason"], **request.who))
        if decided:
            messages.success(request, _("%(name)s: %(state)s.") % {"name": found.account.name, "state": decided.state})
            return redirect("inbox")
    return render(
        request, "calm/vendor/approval.html", {"approval": found, "form": form} | _facts(found), status=form.status
    )


def _facts(found: Approval) -> dict[str, object]:
    """What a decision is taken on, beside the request's own words."""
    return {
        "purchases": Purchase.objects.filter(account=found.account).count(),
        "guids": Guid.objects.filter(account=found.account).count(),
        "earlier": Approval.objects.filter(account=found.account).exclude(pk=found.pk).order_by("-requested_at"),
    }
