"""Asking to license offline (E1), and the enablement token that an approval opens (E2)."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from carnet.calm.customers.models import Approval
from carnet.calm.issuing import accounts as use_cases
from carnet.calm.issuing import tokens
from carnet.calm.issuing.models import Token
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, needs, opens
from carnet.calm.web.scope import account_of
from carnet.ui.downloads import download
from carnet.ui.forms import Asking, Reason


class Request(Reason):
    industry = forms.CharField(max_length=200, label=gettext_lazy("Industry"))
    version = forms.CharField(
        max_length=32,
        label=gettext_lazy("Control Room version"),
        help_text=gettext_lazy("v.40 or above, for example 40.0.0."),
    )
    field_order = ("industry", "version", "reason")

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.fields["reason"].label = _("Why no connection is possible")
        self.fields["reason"].help_text = _("Vendor staff decide on it, and it stays in the issuing log.")


@opens(May.SEE)
@require_http_methods(["GET", "POST"])
def approval(request: Desk, account: str) -> HttpResponse:
    customer = account_of(request, account)
    form = Request(request.POST or None)
    if request.method == "POST" and needs(request, May.ASK):
        asked = form.ask(
            lambda fields: use_cases.request_approval(request.calm, account=customer.id, **fields, **request.who)
        )
        if asked:
            messages.success(request, _("Your request is with license operations."))
            return redirect("customer-approval", account=customer.id)
    rows = list(Approval.objects.filter(account=customer).order_by("-requested_at", "-id"))
    states = {row.state for row in rows}
    page = {
        "form": form,
        "approvals": rows,
        "granted": Approval.State.GRANTED in states,
        "waits": Approval.State.REQUESTED in states,
        "account": customer,
        "account_id": customer.id,
    }
    return render(request, "calm/customer/approval.html", page, status=form.status)


@opens(May.EXCHANGE)
@require_http_methods(["GET", "POST"])
def token(request: Desk, account: str) -> HttpResponse:
    """POST makes a new one, and sends it: it is not kept in a form that could be sent again."""
    customer = account_of(request, account)
    form = Asking(request.POST or None)
    if request.method == "POST":
        made = form.ask(lambda _asked: tokens.download_token(request.calm, account=customer.id, **request.who))
        if made:
            return download(made.raw, f"{customer.name}.token")
    rows = Token.objects.filter(account=customer).order_by("-downloaded_at")[:10]
    approved = use_cases.is_approved(customer.id)
    page = {"form": form, "tokens": rows, "approved": approved, "account": customer, "account_id": customer.id}
    return render(request, "calm/customer/token.html", page, status=form.status)
