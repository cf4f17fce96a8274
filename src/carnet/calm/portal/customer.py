"""The pages of one customer: the overview, the approval and its tokens (E1, E2), purchases,
License GUIDs, several sites in one trip, all files and events, and the mails that were sent.
"""

import zipfile
from io import BytesIO
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from carnet import times
from carnet.calm.customers.models import Approval
from carnet.calm.customers.windows import windows_of
from carnet.calm.notices.reading import coming_notices, sent_notices
from carnet.calm.people.access import Permission
from carnet.calm.people.staff import addresses_of
from carnet.calm.portal.door import AuthorizedRequest, needs, requires
from carnet.calm.portal.portal import portal
from carnet.calm.portal.room import page_number
from carnet.calm.portal.scope import account_of
from carnet.calm.purchases.models import Product
from carnet.calm.queries import lists
from carnet.calm.queries.customer import customer_overview
from carnet.calm.queries.room import file_name
from carnet.calm.queries.timeline import Whose, by_cycle, events
from carnet.calm.use_cases import accounts as use_cases
from carnet.calm.use_cases import batches, guids, key_sets, purchases, tokens
from carnet.calm.use_cases.models import Token
from carnet.calm.use_cases.uploads import retry_after
from carnet.entitlements import (
    MAX_QUANTITY,
    PeriodUnit,
    Policy,
    PurchaseKind,
)
from carnet.exchange.envelope import MAX_CARRYING
from carnet.exchange.key_set import roots_words
from carnet.exchange.verdicts import Refusal
from carnet.web_kit.files import download, to_try_later, uploaded_name
from carnet.web_kit.forms import Asking, DayField, EndField, Reason


class ApprovalRequest(Reason):
    industry = forms.CharField(max_length=200, label="Industry")
    version = forms.CharField(
        max_length=32,
        label="Control Room version",
        help_text="v.40 or above, for example 40.0.0.",
    )
    field_order = ("industry", "version", "reason")

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.fields["reason"].label = "Why no connection is possible"
        self.fields["reason"].help_text = "Vendor staff decide on it, and it stays in the issuing log."


@requires(Permission.SEE)
@require_http_methods(["GET", "POST"])
def approval(request: AuthorizedRequest, account: str) -> HttpResponse:
    customer = account_of(request, account)
    form = ApprovalRequest(request.POST or None)
    if request.method == "POST" and needs(request, Permission.ASK):
        asked = form.ask(
            lambda fields: use_cases.request_approval(request.calm, account=customer.id, **fields, **request.who)
        )
        if asked:
            messages.success(request, "Your request is with license operations.")
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
    answer = render(request, "calm/customer/approval.html", page, status=form.status)
    return to_try_later(answer, retry_after(form.refusal, request.now))


@requires(Permission.EXCHANGE)
@require_http_methods(["GET", "POST"])
def token(request: AuthorizedRequest, account: str) -> HttpResponse:
    """POST makes a new one, and sends it: it is not kept in a form that could be sent again."""
    customer = account_of(request, account)
    form = Asking(request.POST or None)
    if request.method == "POST":
        made = form.ask(lambda _asked: tokens.download_token(request.calm, account=customer.id, **request.who))
        if made:
            return download(made.raw, f"{customer.name}.token")
    rows = Token.objects.filter(account=customer).order_by("-downloaded_at")[:10]
    approved = use_cases.is_approved(customer.id)
    page = {
        "form": form,
        "tokens": rows,
        "approved": approved,
        "windows": windows_of(customer),
        "roots": roots_words(key_sets.root_thumbprints()),
        "account": customer,
        "account_id": customer.id,
    }
    answer = render(request, "calm/customer/token.html", page, status=form.status)
    return to_try_later(answer, retry_after(form.refusal, request.now))


@requires(Permission.EXCHANGE)
@require_GET
def trust(request: AuthorizedRequest, account: str) -> HttpResponse:
    """What each Control Room is set up with (E16); it is not secret."""
    account_of(request, account)
    return download(key_sets.export_trust(portal().name), "trust.json", "application/json")


@requires(Permission.EXCHANGE, repeats=True)
@require_http_methods(["GET", "POST"])
def upload_requests(request: AuthorizedRequest, account: str) -> HttpResponse:
    """Each file is judged on its own; the page lists them all."""
    customer = account_of(request, account)
    taken: tuple[batches.Taken, ...] = ()
    if request.method == "POST":
        sent = [batches.Sent(uploaded_name(one), one.read(MAX_CARRYING + 1)) for one in request.FILES.getlist("files")]
        taken = batches.accept_many(request.calm, account=customer.id, files=sent, **request.who)
    context = {
        "accepted": [one for one in taken if not isinstance(one.answer, Refusal)],
        "refused": [one for one in taken if isinstance(one.answer, Refusal)],
        "issuable": [one for one in taken if one.can_issue],
        "tried": bool(taken),
        "most": batches.MAX_FILES,
        "account": customer,
        "account_id": customer.id,
    }
    answer, last = render(request, "calm/customer/requests.html", context), taken[-1].answer if taken else None
    return to_try_later(answer, retry_after(last, request.now))  # once a day is full it stays so


@requires(Permission.EXCHANGE, repeats=True)
@require_POST
def issue(request: AuthorizedRequest, account: str) -> HttpResponse:
    """For each accepted request what its site has now: a file, or an archive of them with a list of what was
    refused."""
    customer = account_of(request, account)
    chosen = request.POST.getlist("request")
    if not chosen:
        messages.warning(request, "No request was chosen. Nothing was issued.")
        return redirect("requests-upload", account=customer.id)
    renews = "renews" in request.POST
    issued = batches.issue_same(request.calm, account=customer.id, lfrs=chosen, renews=renews, **request.who)
    if len(issued) == 1 and not isinstance(alone := issued[0].answer, Refusal):  # one file needs no archive
        return download(alone.raw or b"", file_name(issued[0].name, alone.sequence, "olf"))
    return download(_archive(issued), f"{customer.name}-license-files.zip", "application/zip")


def _archive(issued: tuple[batches.IssuedSame, ...]) -> bytes:
    raw, lines = BytesIO(), []
    with zipfile.ZipFile(raw, "w") as archive:
        for one in issued:
            if isinstance(one.answer, Refusal):
                lines.append(f"{one.name}: refused ({one.answer.code}). {one.answer.message} {one.answer.next}")
                continue
            name = file_name(one.name, one.answer.sequence, "olf")
            archive.writestr(name, one.answer.raw or b"")
            lines.append(f"{one.name}: {name}, install before {times.minute(one.answer.install_by)}")
        archive.writestr("read-me-first.txt", "\n".join(lines) + "\n")
    return raw.getvalue()


SHOWN = 50


@requires(Permission.SEE)
@require_GET
def timeline(request: AuthorizedRequest, account: str) -> HttpResponse:
    customer = account_of(request, account)
    found = events(Whose(customer.id), page=page_number(request))
    context = {"title": customer.name, "found": found, "groups": by_cycle(found.items), "account_id": customer.id}
    return render(request, "calm/timeline.html", context)


@requires(Permission.SEE)
@require_GET
def files(request: AuthorizedRequest, account: str) -> HttpResponse:
    """The newest of each kind; the timeline has them all."""
    customer = account_of(request, account)
    issued, taken = lists.license_files(account=customer.id), lists.lfrs(account=customer.id)
    context = {
        "issued": [(file_name(row.room.name, row.sequence, "olf"), row) for row in issued[:SHOWN]],
        "taken": [(file_name(row.room.name, row.sequence, "lfr"), row) for row in taken[:SHOWN]],
        "refused": lists.refused_files(account=customer.id)[:SHOWN],
        "account": customer,
        "account_id": customer.id,
    }
    return render(request, "calm/customer/files.html", context)


@requires(Permission.SEE)
@require_GET
def notices(request: AuthorizedRequest, account: str) -> HttpResponse:
    customer = account_of(request, account)
    context = {
        "sent": sent_notices(account=customer.id).items,
        "coming": coming_notices(customer.id, request.now),
        "to": addresses_of(customer.id),
        "windows": windows_of(customer),
        "account": customer,
        "account_id": customer.id,
    }
    return render(request, "calm/customer/notices.html", context)


@requires(Permission.SEE)
@require_GET
def customer(request: AuthorizedRequest, account: str) -> HttpResponse:
    return _shown(request, account, "overview")


@requires(Permission.SEE)
@require_GET
def customer_rooms(request: AuthorizedRequest, account: str) -> HttpResponse:
    return _shown(request, account, "rooms")


def _shown(request: AuthorizedRequest, account: str, template: str) -> HttpResponse:
    found = account_of(request, account)
    context = {"view": customer_overview(found.id, request.now), "account_id": found.id}
    return render(request, f"calm/customer/{template}.html", context)


@requires(Permission.SEE)
@require_GET
def customer_purchases(request: AuthorizedRequest, account: str) -> HttpResponse:
    customer = account_of(request, account)
    rows = purchases.list_purchases(now=request.now, account=customer.id)
    page = {"purchases": rows, "account": customer, "account_id": customer.id}
    return render(request, "calm/customer/purchases.html", page)


class NewPurchase(Asking):
    sku = forms.ChoiceField(label="Product")
    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY, label="Quantity")
    valid_from = DayField(label="From")
    valid_until = EndField(label="Until")
    kind = forms.ChoiceField(choices=[(kind.value, kind.value) for kind in PurchaseKind], label="Kind")
    period = forms.ChoiceField(
        required=False,
        choices=[("", "never"), *((unit.value, f"{unit.value}ly") for unit in PeriodUnit)],
        label="Resets",
        help_text="When the count of what was used begins again at nothing.",
    )
    overage_percent = forms.IntegerField(
        min_value=0, max_value=purchases.MAX_OVERAGE, initial=0, required=False, label="Overage allowed, %"
    )
    grace_days = forms.IntegerField(
        min_value=0, max_value=purchases.MAX_GRACE, initial=0, required=False, label="Days of grace after the end"
    )

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        products = Product.objects.order_by("metric", "name")
        self.fields["sku"].choices = [(p.sku, f"{p.name} ({p.unit})") for p in products]  # type: ignore[attr-defined]


@requires(Permission.OPERATE)
@require_http_methods(["GET", "POST"])
def purchase_add(request: AuthorizedRequest, account: str) -> HttpResponse:
    customer = account_of(request, account)
    form = NewPurchase(request.POST or None)
    added = form.ask(lambda asked: _add(request, customer.id, asked)) if request.method == "POST" else None
    if added:
        messages.success(request, f"The purchase is added, {times.until(added.valid_until)}.")
        return redirect("customer-purchases", account=customer.id)
    title = f"Add a purchase of {customer.name}"
    page = {"form": form, "title": title, "send": "Add the purchase", "account_id": customer.id}
    return render(request, "ui/form_page.html", page, status=form.status)


def _add(request: AuthorizedRequest, account: str, asked: dict[str, Any]) -> purchases.PurchaseShown | Refusal:
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
    label = forms.CharField(max_length=200, label="Label", help_text="The site, as people call it.")


@requires(Permission.OPERATE)
@require_http_methods(["GET", "POST"])
def guid_add(request: AuthorizedRequest, account: str) -> HttpResponse:
    customer = account_of(request, account)
    form = NewGuid(request.POST or None)
    if request.method == "POST":
        added = form.ask(
            lambda asked: guids.add_guid(request.calm, account=customer.id, label=asked["label"], **request.who)
        )
        if added:
            messages.success(request, f"The License GUID {added.label} is added.")
            return redirect("room", guid=added.guid)
    page = {"form": form, "title": "Add a License GUID", "send": "Add it", "account_id": customer.id}
    return render(request, "ui/form_page.html", page, status=form.status)
