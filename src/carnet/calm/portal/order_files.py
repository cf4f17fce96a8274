"""Order files (H8): looked at before anything is stored, then stored, and taken back within a day. At an account all
rows are its own; at the list of all purchases each row names its account."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from carnet.calm.customers.models import Account
from carnet.calm.people.access import Permission
from carnet.calm.portal.door import AuthorizedRequest, requires
from carnet.calm.portal.scope import account_of
from carnet.calm.use_cases import order_imports, orders
from carnet.exchange.verdicts import Code, Refusal
from carnet.web_kit.files import download
from carnet.web_kit.forms import Asking
from carnet.web_kit.words import counted


class OrderFile(Asking):
    file = forms.FileField(label="Order file", help_text="CSV in UTF-8, up to 256 KiB and 2,000 rows.")


class Checked(Asking):
    """The text of the file goes with the page, and is read again by what stores it."""

    text = forms.CharField(strip=False, max_length=orders.MAX_ORDER, widget=forms.HiddenInput)
    good_rows_only = forms.BooleanField(required=False, widget=forms.HiddenInput)


def _urls(customer: Account | None) -> dict[str, str]:
    """Where the forms of the page go."""
    of = {"account": customer.id} if customer else {}
    end = "" if customer else "-of-all"
    names = ("upload", "store", "refused")
    return {name: reverse(f"purchases-{name}{end}", kwargs=of) for name in names}


def _page(request: AuthorizedRequest, customer: Account | None, form: Asking, **more: Any) -> HttpResponse:
    context = {
        "form": form,
        "account": customer,
        "account_id": customer.id if customer else None,
        "needed": orders.NEEDED,
        "optional": orders.OPTIONAL,
        "to": _urls(customer),
        "imports": order_imports.recent_imports(request.now, customer.id if customer else None),
        **more,
    }
    return render(request, "calm/customer/order.html", context, status=form.status)


@requires(Permission.OPERATE, repeats=True)
@require_http_methods(["GET", "POST"])
def upload(request: AuthorizedRequest, account: str = "") -> HttpResponse:
    """POST shows what the file would do; nothing is stored."""
    customer = account_of(request, account) if account else None
    form = OrderFile(request.POST or None, request.FILES or None)
    if request.method != "POST" or not form.is_valid():
        return _page(request, customer, form)
    raw = form.cleaned_data["file"].read(orders.MAX_ORDER + 1)
    checked = form.ask(lambda _asked: order_imports.check_order(raw, customer.id if customer else None))
    if checked is None:
        return _page(request, customer, form)
    return _page(request, customer, OrderFile(), checked=checked, text=raw.decode("utf-8-sig"))


@requires(Permission.OPERATE)
@require_POST
def store(request: AuthorizedRequest, account: str = "") -> HttpResponse:
    customer = account_of(request, account) if account else None
    form = Checked(request.POST)
    added = form.ask(
        lambda asked: order_imports.add_order(
            request.calm,
            account=customer.id if customer else None,
            raw=asked["text"].encode(),
            good_rows_only=asked["good_rows_only"],
            **request.who,
        )
    )
    if added is None:
        return _page(request, customer, _again(form))
    messages.success(request, _said(added))
    return redirect("customer-purchases", account=customer.id) if customer else redirect("purchases")


def _again(form: Checked) -> OrderFile:
    """The form to upload, with what stands against what was sent."""
    shown = OrderFile()
    shown.refusal = form.refusal or Refusal(
        Code.MALFORMED, "The rows of the check did not come back whole.", "Upload the file again."
    )
    return shown


def _said(added: order_imports.OrderAdded) -> str:
    left = len({error.line for error in added.left_out})
    parts = [f"{counted(len(added.purchases), 'purchase')} added."]
    parts += [f"{counted(len(added.standing), 'row')} stood already."] if added.standing else []
    parts += [f"{counted(left, 'row')} left out."] if left else []
    parts += ["For a day the import can be taken back, under Order file."] if added.purchases else []
    return " ".join(parts)


@requires(Permission.OPERATE, repeats=True)
@require_POST
def refused(request: AuthorizedRequest, account: str = "") -> HttpResponse:
    """The refused rows as a file, to be corrected and uploaded."""
    customer = account_of(request, account) if account else None
    form = Checked(request.POST)
    checked = form.ask(
        lambda asked: order_imports.check_order(asked["text"].encode(), customer.id if customer else None)
    )
    if checked is None:
        return _page(request, customer, _again(form))
    rows = order_imports.refused_rows(checked.read, checked.errors)
    return download(rows.encode(), "refused-rows.csv", "text/csv; charset=utf-8")


@requires(Permission.OPERATE)
@require_GET
def template(request: AuthorizedRequest) -> HttpResponse:
    """An example to begin with."""
    return download(orders.template().encode(), "order.csv", "text/csv; charset=utf-8")


@requires(Permission.OPERATE)
@require_POST
def take_back(request: AuthorizedRequest, imported: str) -> HttpResponse:
    """Of several accounts too: an import is one act."""
    form = Asking(request.POST)
    gone = form.ask(lambda _asked: order_imports.take_back_import(request.calm, imported=imported, **request.who))
    back = reverse("purchases")
    if gone is None:
        return render(request, "calm/refused_act.html", {"form": form, "back_url": back}, status=422)
    messages.success(request, f"The import is taken back: {counted(len(gone.purchases), 'purchase')} removed.")
    return redirect(back)
