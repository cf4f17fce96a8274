"""The vendor's lists. What a row holds, and what a filter leaves, is said in `overview.lists`; sorting, paging and the
filter's words live in the address (django-tables2)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import django_tables2 as tables
from django import forms
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from carnet.calm.licenses.models import Purchase
from carnet.calm.overview import lists
from carnet.calm.overview.states import RoomState
from carnet.calm.overview.words import unit_words
from carnet.calm.web.door import Desk

RIGHT = {"td": {"class": "num"}, "th": {"class": "num"}}
PER_PAGE = 50


class Filter(forms.Form):
    text = forms.CharField(required=False, max_length=200, label=_("Name"))
    state = forms.ChoiceField(required=False, label=_("State"))

    def __init__(self, data: Any, states: dict[str, Any]) -> None:
        super().__init__(data)
        self.fields["state"].choices = [("", _("any")), *states.items()]  # type: ignore[attr-defined]


class AccountTable(tables.Table):
    name = tables.Column(verbose_name=_("Account"), linkify=lambda record: reverse("customer", args=[record.id]))
    approved = tables.Column(verbose_name=_("May license offline"))
    guids = tables.Column(verbose_name=_("License GUIDs"), attrs=RIGHT)
    rooms = tables.Column(verbose_name=_("Control Rooms"), attrs=RIGHT)
    purchases = tables.Column(verbose_name=_("Purchases"), attrs=RIGHT)
    created_at = tables.DateColumn(verbose_name=_("Since"), format="Y-m-d", attrs=RIGHT)
    caption, empty_text = _("Accounts"), _("No account fits.")
    states = {"approved": _("may license offline"), "asked": _("a request waits"), "none": _("not approved")}

    def render_approved(self, value: bool, record: Any) -> str:
        return str(_("yes") if value else _("a request waits") if record.asked else _("no"))


class RoomTable(tables.Table):
    name = tables.Column(
        verbose_name=_("Control Room"),
        linkify=lambda record: reverse("room", args=[record.guid_id]) if record.guid_id else None,
    )
    account = tables.Column(
        accessor="account__name",
        verbose_name=_("Account"),
        linkify=lambda record: reverse("customer", args=[record.account_id]),
    )
    version = tables.Column(verbose_name=_("Version"))
    shown_state = tables.Column(verbose_name=_("State"))
    last_sequence = tables.Column(verbose_name=_("Newest request"), attrs=RIGHT)
    deadline = tables.Column(verbose_name=_("Install by (UTC)"), attrs=RIGHT, default="")
    licensed_until = tables.DateColumn(verbose_name=_("License ends"), format="Y-m-d", attrs=RIGHT, default="")
    caption, empty_text, wide = _("Control Rooms"), _("No Control Room fits."), True
    states = {state.value: state.value.replace("_", " ") for state in RoomState if state is not RoomState.FREE}

    def render_shown_state(self, value: str, record: Any) -> str:
        return render_to_string("calm/parts/room_state.html", {"state": value, "room": record})

    def render_deadline(self, value: datetime, record: Any) -> str:
        return f"{value:%Y-%m-%d %H:%M}" if record.cycle_opened_at else ""

    def render_last_sequence(self, value: int) -> str:
        return f"#{value}"


class PurchaseTable(tables.Table):
    product = tables.Column(accessor="product__name", verbose_name=_("Product"))
    account = tables.Column(
        accessor="account__name",
        verbose_name=_("Account"),
        linkify=lambda record: reverse("customer-purchases", args=[record.account_id]),
    )
    quantity = tables.Column(verbose_name=_("Bought"), attrs=RIGHT)
    held = tables.Column(verbose_name=_("Held at sites"), attrs=RIGHT, orderable=False, empty_values=())
    left = tables.Column(verbose_name=_("Left to give"), attrs=RIGHT, orderable=False, empty_values=())
    kind = tables.Column(verbose_name=_("Kind"))
    valid_from = tables.DateColumn(verbose_name=_("From"), format="Y-m-d", attrs=RIGHT)
    valid_until = tables.DateColumn(verbose_name=_("Until"), format="Y-m-d", attrs=RIGHT)
    caption, empty_text, wide = _("Purchases"), _("No purchase fits."), True
    states = {"in_force": _("in force"), "later": _("starts later"), "ended": _("ended")}

    def weigh(self, now: datetime) -> None:
        """The balances of the page that is shown: three queries, however many purchases there are."""
        page = [row.record for row in self.paginated_rows]
        self.balances = {one.purchase: one for one in lists.with_balances(page, now)}

    def render_quantity(self, value: int, record: Purchase) -> str:
        units = unit_words(record.product.metric, record.product.unit)
        return format_html('{}<span class="unit">{}</span>', f"{value:,}", units)

    def render_held(self, record: Purchase) -> str:
        return f"{self.balances[record.id].held:,}"

    def render_left(self, record: Purchase) -> str:
        return f"{self.balances[record.id].available:,}"


def listed(request: Desk, table: type[Any], rows: "Callable[..., QuerySet[Any]]") -> dict[str, Any]:
    """A filtered, sorted page of rows: the context of `calm/list_page.html`. `rows` takes `text` and `state`."""
    form = Filter(request.GET, table.states)
    made = table(rows(**form.cleaned_data) if form.is_valid() else rows())
    tables.RequestConfig(request, paginate={"per_page": PER_PAGE}).configure(made)
    return {"table": made, "filters": form}
