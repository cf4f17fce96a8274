"""The vendor's lists, the issuing log with its checkpoint, the audit log, and the vendor's keys.

What a row holds, and what a filter leaves, is said in `queries.lists`; sorting, paging and the filter's words live in
the address (django-tables2).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import django_tables2 as tables
from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from carnet import times
from carnet.calm.people.access import Permission
from carnet.calm.portal.door import AuthorizedRequest, requires
from carnet.calm.portal.portal import portal
from carnet.calm.purchases.models import Purchase
from carnet.calm.queries import lists, log_queries
from carnet.calm.queries.log_queries import AuditQuery, export_csv, read_audit
from carnet.calm.queries.states import RoomState
from carnet.calm.use_cases import key_sets, proposals
from carnet.calm.use_cases.models import IssuedKeySet
from carnet.calm.use_cases.restorations import restorations
from carnet.exchange.key_set import roots_words
from carnet.web_kit.files import download
from carnet.web_kit.forms import DayField, Reason

RIGHT = {"td": {"class": "num"}, "th": {"class": "num"}}
PER_PAGE = 50


class Filter(forms.Form):
    text = forms.CharField(required=False, max_length=200, label="Name")
    state = forms.ChoiceField(required=False, label="State")

    def __init__(self, data: Any, states: dict[str, Any]) -> None:
        super().__init__(data)
        self.fields["state"].choices = [("", "any"), *states.items()]  # type: ignore[attr-defined]


class AccountTable(tables.Table):
    name = tables.Column(verbose_name="Account", linkify=lambda record: reverse("customer", args=[record.id]))
    approved = tables.Column(verbose_name="May license offline")
    guids = tables.Column(verbose_name="License GUIDs", attrs=RIGHT)
    rooms = tables.Column(verbose_name="Control Rooms", attrs=RIGHT)
    purchases = tables.Column(verbose_name="Purchases", attrs=RIGHT)
    created_at = tables.DateColumn(verbose_name="Since", format="Y-m-d", attrs=RIGHT)
    caption, empty_text = "Accounts", "No account fits."
    states = {
        "approved": "may license offline",
        "asked": "a request waits",
        "none": "not approved",
        "archived": "archived",
    }

    def render_approved(self, value: bool, record: Any) -> str:
        return str("yes" if value else "a request waits" if record.asked else "no")


class RoomTable(tables.Table):
    name = tables.Column(
        verbose_name="Control Room",
        linkify=lambda record: reverse("room", args=[record.guid_id]) if record.guid_id else None,
    )
    account = tables.Column(
        accessor="account__name",
        verbose_name="Account",
        linkify=lambda record: reverse("customer", args=[record.account_id]),
    )
    version = tables.Column(verbose_name="Version")
    shown_state = tables.Column(verbose_name="State")
    last_sequence = tables.Column(verbose_name="Newest request", attrs=RIGHT)
    deadline = tables.Column(verbose_name="Install by (UTC)", attrs=RIGHT, default="")
    licensed_until = tables.Column(verbose_name="License ends", attrs=RIGHT, default="")
    caption, empty_text, wide = "Control Rooms", "No Control Room fits.", True
    states = {state.value: state.value.replace("_", " ") for state in RoomState if state is not RoomState.FREE}

    def render_shown_state(self, value: str, record: Any) -> str:
        return render_to_string("calm/parts/room_state.html", {"state": value, "room": record})

    def render_deadline(self, value: datetime, record: Any) -> str:
        return times.bare_minute(value) if record.cycle_opened_at else ""

    def render_licensed_until(self, value: datetime) -> str:
        return times.end(value)

    def render_last_sequence(self, value: int) -> str:
        return f"#{value}"


class PurchaseTable(tables.Table):
    product = tables.Column(accessor="product__name", verbose_name="Product")
    account = tables.Column(
        accessor="account__name",
        verbose_name="Account",
        linkify=lambda record: reverse("customer-purchases", args=[record.account_id]),
    )
    quantity = tables.Column(verbose_name="Bought", attrs=RIGHT)
    held = tables.Column(verbose_name="Held at sites", attrs=RIGHT, orderable=False, empty_values=())
    left = tables.Column(verbose_name="Left to give", attrs=RIGHT, orderable=False, empty_values=())
    kind = tables.Column(verbose_name="Kind")
    valid_from = tables.DateColumn(verbose_name="From", format="Y-m-d", attrs=RIGHT)
    valid_until = tables.Column(verbose_name="Until", attrs=RIGHT)
    caption, empty_text, wide = "Purchases", "No purchase fits.", True
    states = {
        "in_force": "in force",
        "later": "starts later",
        "ended": "ended",
    }

    def weigh(self, now: datetime) -> None:
        """The balances of the page that is shown: three queries, however many purchases there are."""
        page = [row.record for row in self.paginated_rows]
        self.balances = {one.purchase: one for one in lists.with_balances(page, now)}

    def render_quantity(self, value: int, record: Purchase) -> str:
        units = record.product.kind.units(record.product.unit)
        return format_html('{}<span class="unit">{}</span>', f"{value:,}", units)

    def render_valid_until(self, value: datetime) -> str:
        return times.end(value)

    def render_held(self, record: Purchase) -> str:
        return f"{self.balances[record.id].held:,}"

    def render_left(self, record: Purchase) -> str:
        return f"{self.balances[record.id].available:,}"


def listed(request: AuthorizedRequest, table: type[Any], rows: "Callable[..., QuerySet[Any]]") -> dict[str, Any]:
    """A filtered, sorted page of rows: the context of `calm/list_page.html`. `rows` takes `text` and `state`."""
    form = Filter(request.GET, table.states)
    made = table(rows(**form.cleaned_data) if form.is_valid() else rows())
    asked = request.GET.copy()
    asked.pop(made.prefixed_per_page_field, None)  # how many rows a page has is not the caller's to say
    request.GET = asked  # type: ignore[assignment]
    tables.RequestConfig(request, paginate={"per_page": PER_PAGE}).configure(made)
    return {"table": made, "filters": form}


@requires(Permission.SEE_VENDOR, repeats=True)
@require_http_methods(["GET", "POST"])
def issuing_log(request: AuthorizedRequest) -> HttpResponse:
    """POST verifies: every leaf, node and file."""
    verified = log_queries.verify_log(request.calm) if request.method == "POST" else None
    head = request.calm.head.read()
    page = {
        "head": head,
        "size": log_queries.log_size(),
        "verified": verified,
        "newest": log_queries.show_log(last=20)[::-1],
        "restored": restorations(),
    }
    return render(request, "calm/vendor/issuing_log.html", page)


class AuditFilter(forms.Form):
    who = forms.CharField(required=False, label="Who")
    kind = forms.CharField(required=False, label="What")
    subject = forms.CharField(required=False, label="About (id)")
    since = DayField(required=False, label="From")
    until = DayField(required=False, label="Until")


@requires(Permission.SEE_VENDOR)
@require_GET
def audit_log(request: AuthorizedRequest) -> HttpResponseBase:
    """A page of it; or, with `format=csv`, all that the filter leaves."""
    form = AuditFilter(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    wanted = AuditQuery(**{name: value for name, value in asked.items() if value})
    if request.GET.get("format") == "csv":
        answer = StreamingHttpResponse(export_csv(wanted), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="audit-log.csv"'
        return answer
    before = request.GET.get("before", "")
    page = read_audit(
        wanted, before=int(before) if before.isascii() and before.isdigit() and len(before) < 16 else None
    )
    query = request.GET.copy()
    query.pop("before", None)
    context = {"page": page, "form": form, "query": query.urlencode()}
    return render(request, "calm/vendor/audit_log.html", context)


@requires(Permission.SEE_VENDOR)
@require_GET
def keys(request: AuthorizedRequest) -> HttpResponse:
    rows = IssuedKeySet.objects.defer("raw").order_by("-version")
    form = Rotate()
    return render(request, "calm/vendor/keys.html", _keys(rows, form))


@requires(Permission.SEE_VENDOR)
@require_GET
def key_set(request: AuthorizedRequest, version: int) -> HttpResponse:
    made = key_sets.export_key_set(request.calm, version=version, **request.who)
    return download(made.raw, f"key-set-{made.version}.jws")


def _keys(rows: "QuerySet[IssuedKeySet]", form: "Rotate") -> dict[str, Any]:
    return {"sets": rows, "form": form, "roots": roots_words(key_sets.root_thumbprints())}


@requires(Permission.SEE_VENDOR)
@require_GET
def trust(request: AuthorizedRequest) -> HttpResponse:
    return download(key_sets.export_trust(portal().name), "trust.json", "application/json")


class Rotate(Reason):
    with_roots = forms.BooleanField(
        required=False,
        label="New roots too",
        help_text="The folder keys/roots must be here.",
    )


@requires(Permission.OPERATE, fresh=True)
@require_POST
def rotate(request: AuthorizedRequest) -> HttpResponse:
    form = Rotate(request.POST)
    asked = form.ask(
        lambda fields: proposals.propose_rotation(
            request.calm, reason=fields["reason"], with_roots=fields["with_roots"], **request.who
        )
    )
    if asked:
        messages.success(request, "A second person must confirm it. Until then nothing is changed.")
        return redirect("confirmations")
    rows = IssuedKeySet.objects.defer("raw").order_by("-version")
    return render(request, "calm/vendor/keys.html", _keys(rows, form), status=422)
