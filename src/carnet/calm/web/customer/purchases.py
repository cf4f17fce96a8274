"""What an account bought; adding a purchase, and a whole order from a file."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from carnet.calm.issuing import guids, purchases
from carnet.calm.licenses.models import Product
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, opens
from carnet.calm.web.scope import account_of
from carnet.entitlements import MAX_QUANTITY, PeriodUnit, Policy, PurchaseKind
from carnet.exchange.verdicts import Refusal
from carnet.ui.forms import Asking, DayField


@opens(May.SEE)
@require_GET
def customer_purchases(request: Desk, account: str) -> HttpResponse:
    customer = account_of(request, account)
    rows = purchases.list_purchases(now=request.now, account=customer.id)
    page = {"purchases": rows, "account": customer, "account_id": customer.id}
    return render(request, "calm/customer/purchases.html", page)


class NewPurchase(Asking):
    sku = forms.ChoiceField(label=gettext_lazy("Product"))
    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY, label=gettext_lazy("Quantity"))
    valid_from = DayField(label=gettext_lazy("From"))
    valid_until = DayField(label=gettext_lazy("Until"), help_text=gettext_lazy("The first day that is too late."))
    kind = forms.ChoiceField(choices=[(kind.value, kind.value) for kind in PurchaseKind], label=gettext_lazy("Kind"))
    period = forms.ChoiceField(
        required=False,
        choices=[("", gettext_lazy("the whole time")), *((unit.value, unit.value) for unit in PeriodUnit)],
        label=gettext_lazy("Counted by"),
    )
    overage_percent = forms.IntegerField(
        min_value=0, max_value=100, initial=0, required=False, label=gettext_lazy("Overage allowed, %")
    )
    grace_days = forms.IntegerField(
        min_value=0, max_value=365, initial=0, required=False, label=gettext_lazy("Days of grace after the end")
    )

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        products = Product.objects.order_by("metric", "name")
        self.fields["sku"].choices = [(p.sku, f"{p.name} ({p.unit})") for p in products]  # type: ignore[attr-defined]


@opens(May.OPERATE)
@require_http_methods(["GET", "POST"])
def purchase_add(request: Desk, account: str) -> HttpResponse:
    customer = account_of(request, account)
    form = NewPurchase(request.POST or None)
    added = form.ask(lambda asked: _add(request, customer.id, asked)) if request.method == "POST" else None
    if added:
        messages.success(request, _("The purchase is added."))
        return redirect("customer-purchases", account=customer.id)
    title = _("Add a purchase of %(name)s") % {"name": customer.name}
    page = {"form": form, "title": title, "send": _("Add the purchase"), "account_id": customer.id}
    return render(request, "ui/form_page.html", page, status=form.status)


def _add(request: Desk, account: str, asked: dict[str, Any]) -> purchases.PurchaseShown | Refusal:
    policy = Policy(overage_percent=asked["overage_percent"] or 0, grace_days=asked["grace_days"] or 0)
    return purchases.add_purchase(
        request.calm,
        account=account,
        sku=asked["sku"],
        quantity=asked["quantity"],
        valid_from=asked["valid_from"],
        valid_until=asked["valid_until"],
        kind=PurchaseKind(asked["kind"]),
        period=PeriodUnit(asked["period"]) if asked["period"] else None,
        policy=policy,
        **request.who,
    )


class NewGuid(Asking):
    label = forms.CharField(
        max_length=200, label=gettext_lazy("Label"), help_text=gettext_lazy("The site, as people call it.")
    )


@opens(May.OPERATE)
@require_http_methods(["GET", "POST"])
def guid_add(request: Desk, account: str) -> HttpResponse:
    customer = account_of(request, account)
    form = NewGuid(request.POST or None)
    if request.method == "POST":
        added = form.ask(
            lambda asked: guids.add_guid(request.calm, account=customer.id, label=asked["label"], **request.who)
        )
        if added:
            messages.success(request, _("The License GUID %(label)s is added.") % {"label": added.label})
            return redirect("room", guid=added.guid)
    page = {"form": form, "title": _("Add a License GUID"), "send": _("Add it"), "account_id": customer.id}
    return render(request, "ui/form_page.html", page, status=form.status)
