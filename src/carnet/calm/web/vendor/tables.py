"""The vendor's lists. Sorting, filtering and paging live in the address (django-tables2, django-filter)."""

from typing import Any

import django_filters
import django_tables2 as tables
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.customers.models import Account
from carnet.calm.licenses.models import Purchase

RIGHT = {"td": {"class": "num"}, "th": {"class": "num"}}


class AccountFilter(django_filters.FilterSet):
    name = django_filters.CharFilter(lookup_expr="icontains", label=_("Name"))

    class Meta:
        model = Account
        fields = ("name",)


class AccountTable(tables.Table):
    name = tables.Column(verbose_name=_("Account"), linkify=lambda record: reverse("customer", args=[record.id]))
    created_at = tables.DateColumn(verbose_name=_("Since"), format="Y-m-d", attrs=RIGHT)
    rooms = tables.Column(verbose_name=_("Control Rooms"), attrs=RIGHT)
    approved = tables.Column(verbose_name=_("May license offline"))
    caption, empty_text = _("Accounts"), _("No account fits.")

    class Meta:
        fields = ("name", "approved", "rooms", "created_at")
        order_by = "name"

    def render_approved(self, value: bool) -> str:
        return str(_("yes") if value else _("no"))


class RoomFilter(django_filters.FilterSet):
    name = django_filters.CharFilter(lookup_expr="icontains", label=_("Name"))
    state = django_filters.ChoiceFilter(choices=ControlRoom.State.choices, label=_("State"), empty_label=_("any"))

    class Meta:
        model = ControlRoom
        fields = ("name", "state")


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
    state = tables.Column(verbose_name=_("State"))
    last_sequence = tables.Column(verbose_name=_("Newest request"), attrs=RIGHT)
    confirmed = tables.Column(verbose_name=_("Confirmed file"), attrs=RIGHT)
    changed_at = tables.DateTimeColumn(verbose_name=_("Changed (UTC)"), format="Y-m-d H:i", attrs=RIGHT)
    caption, empty_text, wide = _("Control Rooms"), _("No Control Room fits."), True

    def render_last_sequence(self, value: int) -> str:
        return f"#{value}"

    def render_confirmed(self, value: int) -> str:
        return f"#{value}" if value else str(_("none"))


class PurchaseFilter(django_filters.FilterSet):
    account = django_filters.CharFilter(field_name="account__name", lookup_expr="icontains", label=_("Account"))
    product = django_filters.CharFilter(field_name="product__name", lookup_expr="icontains", label=_("Product"))

    class Meta:
        model = Purchase
        fields = ("account", "product")


class PurchaseTable(tables.Table):
    product = tables.Column(accessor="product__name", verbose_name=_("Product"))
    account = tables.Column(
        accessor="account__name",
        verbose_name=_("Account"),
        linkify=lambda record: reverse("customer-purchases", args=[record.account_id]),
    )
    quantity = tables.Column(verbose_name=_("Bought"), attrs=RIGHT)
    kind = tables.Column(verbose_name=_("Kind"))
    valid_from = tables.DateColumn(verbose_name=_("From"), format="Y-m-d", attrs=RIGHT)
    valid_until = tables.DateColumn(verbose_name=_("Until"), format="Y-m-d", attrs=RIGHT)
    caption, empty_text = _("Purchases"), _("No purchase fits.")

    def render_quantity(self, value: int, record: Purchase) -> str:
        return format_html('{}<span class="unit">{}</span>', f"{value:,}", record.product.unit)


def listed(rows: "QuerySet[Any]", table: type[tables.Table], filters: type[Any], request: Any) -> dict[str, Any]:
    """A filtered, sorted page of rows: the context of `calm/list_page.html`."""
    chosen = filters(request.GET, queryset=rows)
    made = table(chosen.qs)
    tables.RequestConfig(request, paginate={"per_page": 50}).configure(made)
    return {"table": made, "filters": chosen.form}
