"""Who may license offline: requests, and decisions with a reason (E1)."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from carnet.calm.customers.models import Approval
from carnet.calm.issuing import accounts as use_cases
from carnet.calm.overview.approvals import approval_case
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, needs, opens
from carnet.ui.forms import Reason

DECISIONS = {
    "grant": use_cases.grant_approval,
    "refuse": use_cases.refuse_approval,
    "withdraw": use_cases.withdraw_approval,
}


@opens(May.SEE_VENDOR)
@require_http_methods(["GET", "POST"])
def approval(request: Desk, approval: str) -> HttpResponse:
    found = get_object_or_404(Approval.objects.select_related("account"), id=approval)
    form = Reason(request.POST or None)
    decide = DECISIONS.get(request.POST.get("decision", ""))
    if decide and needs(request, May.DECIDE):
        decided = form.ask(lambda asked: decide(request.calm, approval=found.id, reason=asked["reason"], **request.who))
        if decided:
            messages.success(request, _("%(name)s: %(state)s.") % {"name": found.account.name, "state": decided.state})
            return redirect("inbox")
    context = {"case": approval_case(found.id, request.now), "form": form}
    return render(request, "calm/vendor/approval.html", context, status=form.status)
