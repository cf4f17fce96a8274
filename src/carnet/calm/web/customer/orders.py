"""A whole order of purchases from a CSV file, with what is wrong in it row by row."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from carnet.calm.issuing import orders
from carnet.calm.issuing.order_rows import COLUMNS
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, opens
from carnet.calm.web.scope import account_of
from carnet.ui.downloads import download
from carnet.ui.forms import Asking


class Order(Asking):
    file = forms.FileField(
        label=gettext_lazy("Order file"), help_text=gettext_lazy("CSV in UTF-8, up to 256 KiB and 2,000 rows.")
    )
    good_rows_only = forms.BooleanField(
        required=False,
        label=gettext_lazy("Store the good rows, and leave the others out"),
        help_text=gettext_lazy("Else nothing is stored unless every row is good."),
    )


@opens(May.OPERATE)
@require_http_methods(["GET", "POST"])
def upload(request: Desk, account: str) -> HttpResponse:
    customer = account_of(request, account)
    form = Order(request.POST or None, request.FILES or None)
    wrong: tuple[object, ...] = ()
    if request.method == "POST" and form.is_valid():
        raw = form.cleaned_data["file"].read(orders.MAX_ORDER + 1)
        good_only = form.cleaned_data["good_rows_only"]
        added = form.ask(
            lambda _asked: orders.add_order(
                request.calm, account=customer.id, raw=raw, good_rows_only=good_only, **request.who
            )
        )
        if added and not added.left_out:
            messages.success(request, _("%(n)s purchases are added.") % {"n": len(added.purchases)})
            return redirect("customer-purchases", account=customer.id)
        wrong = added.left_out if added else _errors_of(raw)
        if added:
            messages.success(
                request, _("%(n)s purchases are added; the rows below are not.") % {"n": len(added.purchases)}
            )
    page = {"form": form, "wrong": wrong, "account": customer, "account_id": customer.id, "columns": COLUMNS}
    return render(request, "calm/customer/order.html", page, status=form.status)


def _errors_of(raw: bytes) -> tuple[object, ...]:
    read = orders.read_order(raw)
    return read.errors if isinstance(read, orders.OrderRead) else ()


@opens(May.OPERATE)
@require_GET
def template(request: Desk, account: str) -> HttpResponse:
    """An example to begin with."""
    account_of(request, account)
    return download(orders.template().encode(), "order.csv", "text/csv; charset=utf-8")
