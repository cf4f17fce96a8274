"""Accounts, Control Rooms, purchases and the catalogue: what there is, over all customers."""

from functools import partial

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from carnet.calm.issuing import accounts as use_cases
from carnet.calm.issuing import purchases as stock
from carnet.calm.issuing import setting_up
from carnet.calm.overview import lists
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, needs, opens
from carnet.calm.web.scope import purchase_of
from carnet.calm.web.vendor import tables
from carnet.ui.forms import Asking, DayField, Reason


@opens(May.SEE_VENDOR)
@require_GET
def accounts(request: Desk) -> HttpResponse:
    acts = [(_("Add an account"), reverse("account-add"), True)] if needs(request, May.OPERATE) else []
    shown = tables.listed(request, tables.AccountTable, lists.accounts)
    return render(request, "calm/list_page.html", shown | {"title": _("Accounts"), "acts": acts})


class NewAccount(Asking):
    name = forms.CharField(max_length=200, label=gettext_lazy("Name"))


@opens(May.OPERATE)
@require_http_methods(["GET", "POST"])
def account_add(request: Desk) -> HttpResponse:
    form = NewAccount(request.POST or None)
    if request.method == "POST":
        added = form.ask(lambda asked: use_cases.add_account(request.calm, name=asked["name"], **request.who))
        if added:
            messages.success(request, _("Account %(name)s is added.") % {"name": added.name})
            return redirect("customer", account=added.account)
    page = {"form": form, "title": _("Add an account"), "send": _("Add the account")}
    return render(request, "ui/form_page.html", page, status=form.status)


@opens(May.SEE_VENDOR)
@require_GET
def rooms(request: Desk) -> HttpResponse:
    shown = tables.listed(request, tables.RoomTable, partial(lists.rooms, request.now))
    return render(request, "calm/list_page.html", shown | {"title": _("Control Rooms")})


@opens(May.SEE_VENDOR)
@require_GET
def purchases(request: Desk) -> HttpResponse:
    shown = tables.listed(request, tables.PurchaseTable, partial(lists.purchases, request.now))
    shown["table"].weigh(request.now)
    return render(request, "calm/list_page.html", shown | {"title": _("Purchases")})


class Lower(Reason):
    quantity = forms.IntegerField(min_value=0, required=False, label=gettext_lazy("New quantity"))
    until = DayField(required=False, label=gettext_lazy("New end"))
    field_order = ("quantity", "until", "reason")


@opens(May.OPERATE)
@require_http_methods(["GET", "POST"])
def purchase_lower(request: Desk, purchase: str) -> HttpResponse:
    bought = purchase_of(request, purchase)
    form = Lower(request.POST or None)
    if request.method == "POST":
        lowered = form.ask(
            lambda asked: stock.lower_purchase(
                request.calm,
                purchase=bought.id,
                reason=asked["reason"],
                quantity=asked["quantity"],
                valid_until=asked["until"],
                **request.who,
            )
        )
        if lowered:
            messages.success(request, _("The purchase is lowered."))
            return redirect("customer-purchases", account=bought.account_id)
    lede = _("%(quantity)s are bought, until %(until)s. It can be lowered as far as no site is touched.") % {
        "quantity": f"{bought.quantity:,} {bought.product.name}",
        "until": f"{bought.valid_until:%Y-%m-%d}",
    }
    page = {"form": form, "title": _("Lower a purchase"), "lede": lede, "send": _("Lower it")}
    return render(request, "ui/form_page.html", page, status=form.status)


class Catalogue(Asking):
    file = forms.FileField(label=gettext_lazy("Catalogue file"), help_text=gettext_lazy("TOML, up to 256 KiB."))


MOST = 256 * 1024


@opens(May.SEE_VENDOR)
@require_http_methods(["GET", "POST"])
def catalogue(request: Desk) -> HttpResponse:
    form = Catalogue(request.POST or None, request.FILES or None)
    loaded = None
    if request.method == "POST" and needs(request, May.OPERATE):
        loaded = form.ask(
            lambda asked: setting_up.load_catalogue(request.calm, catalogue=asked["file"].read(MOST + 1), **request.who)
        )
    page = {"form": form, "loaded": loaded, "products": setting_up.show_catalogue()}
    return render(request, "calm/vendor/catalogue.html", page, status=form.status)
