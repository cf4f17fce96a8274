"""The pages of vendor staff: the inbox, approvals (E1), acts of two people (A3, E12), refused files (L2), and adding
accounts, purchases and the catalogue.
"""

from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from carnet import times
from carnet.calm.control_rooms.models import RefusedFile
from carnet.calm.customers.models import Approval
from carnet.calm.people.access import Permission
from carnet.calm.portal import links, vendor_lists
from carnet.calm.portal.door import AuthorizedRequest, needs, requires
from carnet.calm.portal.issuer import staff_issuer
from carnet.calm.portal.portal import portal
from carnet.calm.portal.room import page_number
from carnet.calm.portal.scope import purchase_of, refused_of, room_of
from carnet.calm.queries import lists
from carnet.calm.queries.approvals import approval_case, decided_approvals, waiting_approvals
from carnet.calm.queries.attention import REFUSALS, AttentionKind, attention
from carnet.calm.queries.evidence import evidence as read_evidence
from carnet.calm.queries.expiring import expiring
from carnet.calm.use_cases import accounts as use_cases
from carnet.calm.use_cases import bootstrap, proposals
from carnet.calm.use_cases import purchases as stock
from carnet.calm.use_cases.carrying import CarriedLine
from carnet.calm.use_cases.exposures import stands_for
from carnet.calm.use_cases.models import Proposal
from carnet.calm.use_cases.validate_lfr import find_room
from carnet.exchange.verdicts import Code, Refusal
from carnet.web_kit.files import download
from carnet.web_kit.forms import Asking, EndField, Reason
from carnet.web_kit.sso.issuers import OWN

SOON = 30  # days


@requires(Permission.SEE_VENDOR)
@require_GET
def inbox(request: AuthorizedRequest) -> HttpResponse:
    only = {AttentionKind.PROPOSAL} if request.GET.get("only") == "two-person" else None
    decided = request.GET.get("approvals") == "decided"
    context = {
        "approvals": decided_approvals(size=50) if decided else waiting_approvals(size=50),
        "decided": decided,
        "attention": attention(request.now, kinds=only, page=page_number(request)),
        "only": only is not None,
        "refusals": REFUSALS,
    }
    return render(request, "calm/vendor/inbox.html", context)


@requires(Permission.SEE_VENDOR)
@require_GET
def expiring_page(request: AuthorizedRequest) -> HttpResponse:
    found = expiring(request.now, days=SOON, page=page_number(request), size=50)
    return render(request, "calm/vendor/expiring.html", {"found": found, "days": SOON})


@requires(Permission.SEE_VENDOR)
@require_GET
def settings_page(request: AuthorizedRequest) -> HttpResponse:
    """What this server runs with, and where to change it. Nothing secret."""
    context = {
        "vendor_name": portal().name,
        "mail": f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}" if settings.EMAIL_HOST else "",
        "sender": settings.DEFAULT_FROM_EMAIL,
        "second_factor": settings.SECOND_FACTOR != "optional",
        "sso": settings.SSO,
        "issuer": staff_issuer(),
        "back_address": request.build_absolute_uri(f"/sign-in/issuer/{OWN}/"),
        "hosts": settings.ALLOWED_HOSTS,
        "database": settings.DATABASES["default"]["ENGINE"].rpartition(".")[2],
    }
    return render(request, "calm/vendor/settings.html", context)


DECISIONS = {
    "grant": use_cases.grant_approval,
    "refuse": use_cases.refuse_approval,
    "withdraw": use_cases.withdraw_approval,
}


@requires(Permission.SEE_VENDOR)
@require_http_methods(["GET", "POST"])
def approval(request: AuthorizedRequest, approval: str) -> HttpResponse:
    found = get_object_or_404(Approval.objects.select_related("account"), id=approval)
    form = Reason(request.POST or None)
    decide = DECISIONS.get(request.POST.get("decision", ""))
    if decide and needs(request, Permission.DECIDE):
        decided = form.ask(lambda asked: decide(request.calm, approval=found.id, reason=asked["reason"], **request.who))
        if decided:
            messages.success(request, f"{found.account.name}: {decided.state}.")
            return redirect("inbox")
    context = {"case": approval_case(found.id, request.now), "form": form, "account_id": found.account_id}
    return render(request, "calm/vendor/approval.html", context, status=form.status)


@requires(Permission.SEE_VENDOR)
@require_GET
def confirmations(request: AuthorizedRequest) -> HttpResponse:
    done = [one for state in ("done", "withdrawn") for one in proposals.list_proposals(state=state)]
    done.sort(key=lambda one: one.decided_at or one.at, reverse=True)
    return render(request, "calm/vendor/confirmations.html", {"open": proposals.list_proposals(), "done": done})


@requires(Permission.CONFIRM, fresh=True)
@require_POST
def confirmation(request: AuthorizedRequest, proposal: str) -> HttpResponse:
    """Confirm, or take back."""
    get_object_or_404(Proposal, id=proposal)
    form = Asking(request.POST)
    if request.POST.get("decision") == "withdraw":
        taken = form.ask(lambda _asked: proposals.withdraw(request.calm, proposal=proposal, **request.who))
        if taken:
            messages.success(request, "It is taken back: nothing comes of it.")
    else:
        done = form.ask(lambda _asked: proposals.confirm(request.calm, proposal=proposal, **request.who))
        if done:
            messages.success(request, f"Confirmed and done: {'; '.join(done.did)}.")
            links.tell_confirmed(request, done)
    if form.refusal or form.errors:
        return render(
            request, "calm/refused_act.html", {"form": form, "back_url": reverse("confirmations")}, status=422
        )
    return redirect("confirmations")


class WriteOff(Reason):
    return_unconsumed = forms.BooleanField(
        required=False,
        label="Also return the units that it did not report as consumed",
        help_text="Else they count as spent. Seats and users return either way.",
    )
    name = forms.CharField(label="Type the name of the Control Room")
    field_order = ("reason", "return_unconsumed", "name")


@requires(Permission.OPERATE, fresh=True)
@require_http_methods(["GET", "POST"])
def write_off(request: AuthorizedRequest, room: str) -> HttpResponse:
    lost = room_of(request, room)
    form = WriteOff(request.POST or None)
    if request.method == "POST" and form.is_valid() and form.cleaned_data["name"].strip() != lost.name:
        form.add_error("name", f"This is not {lost.name}.")
    if request.method == "POST" and form.is_valid():
        asked = form.ask(
            lambda fields: proposals.propose_write_off(
                request.calm,
                control_room=lost.id,
                reason=fields["reason"],
                return_unconsumed=fields["return_unconsumed"],
                **request.who,
            )
        )
        if asked:
            messages.success(request, "A second person must confirm it. Until then nothing is changed.")
            return redirect("confirmations")
    context = {"form": form, "room": lost, "account_id": lost.account_id}
    return render(request, "calm/vendor/write_off.html", context, status=form.status)


LOWER = "lower-"  # before the key of a line, in the name of its field


class Accept(Reason):
    """L2: with a field for each line to which two people may add fewer units."""

    no_copy = forms.BooleanField(label="The site confirmed that no second copy is running")
    site_confirms = forms.BooleanField(
        required=False, label="The site confirmed, by other means, that this is its newest request"
    )

    def __init__(self, posted: QueryDict | None = None, lines: tuple[CarriedLine, ...] = ()) -> None:
        super().__init__(posted)
        for line in lines:
            self.fields[LOWER + line.key] = forms.IntegerField(
                min_value=line.least,
                max_value=line.most,
                required=False,
                label=f"Units to add: {line.name}",
                help_text=f"Empty: {line.most:,}, as computed. At least {line.least:,}, which both histories prove.",
            )

    @property
    def lower_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(LOWER)]

    @property
    def entered(self) -> dict[str, int]:
        """By `carrying.key_of`, what was typed."""
        typed = {name: self.cleaned_data[name] for name in self.fields if name.startswith(LOWER)}
        return {name.removeprefix(LOWER): units for name, units in typed.items() if units is not None}


@requires(Permission.SEE)
@require_GET
def evidence(request: AuthorizedRequest, number: int) -> HttpResponse:
    return _shown(request, number)


def _shown(request: AuthorizedRequest, number: int, form: Accept | None = None) -> HttpResponse:
    row = refused_of(request, number)
    found = read_evidence(row.pk)
    form = form or Accept(lines=found.can_be_lower)
    context = {"found": found, "form": form, "account_id": found.account or None}
    return render(request, "calm/refused.html", context, status=form.status)


@requires(Permission.SEE)
@require_GET
def file(request: AuthorizedRequest, number: int) -> HttpResponse:
    """The very bytes, to be checked with other tools."""
    row = refused_of(request, number)
    if not row.is_whole:
        raise Http404
    return download(bytes(row.raw), f"refused-{row.digest[:16]}.{row.kind}")


@requires(Permission.OPERATE, fresh=True)
@require_POST
def accept(request: AuthorizedRequest, number: int) -> HttpResponse:
    """Proposes it; another person confirms (A3)."""
    row = refused_of(request, number)
    if not row.room:
        raise Http404
    form = Accept(request.POST, read_evidence(row.pk).can_be_lower)
    asked = form.ask(lambda fields: _propose(request, row, fields, form.entered))
    if asked is None:
        return _shown(request, number, form)
    messages.success(request, "A second person must confirm it. Until then nothing is changed.")
    return redirect("confirmations")


def _propose(
    request: AuthorizedRequest, row: RefusedFile, fields: dict[str, Any], entered: dict[str, int]
) -> proposals.Proposed | Refusal:
    """What the refused file waits for: an accepted history (L2), that it may enrol once more (E11), or that what CALM
    forgot is taken back (L6)."""
    asked = {"control_room": row.room, "reason": fields["reason"], **request.who}
    if row.code == Code.RELEASED_AGAIN:
        last = stands_for(find_room(row.room), row.guid)
        return proposals.propose_readmission(request.calm, **asked | {"control_room": last.id if last else row.room})
    if row.code == Code.NOT_REMEMBERED:
        return proposals.propose_take_back(request.calm, entered=entered, **asked)
    return proposals.propose_accept_history(
        request.calm, site_confirms=fields["site_confirms"], entered=entered, **asked
    )


@requires(Permission.SEE_VENDOR)
@require_GET
def accounts(request: AuthorizedRequest) -> HttpResponse:
    acts = [("Add an account", reverse("account-add"), True)] if needs(request, Permission.OPERATE) else []
    shown = vendor_lists.listed(request, vendor_lists.AccountTable, lists.accounts)
    return render(request, "calm/list_page.html", shown | {"title": "Accounts", "acts": acts})


class NewAccount(Asking):
    name = forms.CharField(max_length=200, label="Name")


@requires(Permission.OPERATE)
@require_http_methods(["GET", "POST"])
def account_add(request: AuthorizedRequest) -> HttpResponse:
    form = NewAccount(request.POST or None)
    if request.method == "POST":
        added = form.ask(lambda asked: use_cases.add_account(request.calm, name=asked["name"], **request.who))
        if added:
            messages.success(request, f"Account {added.name} is added.")
            return redirect("customer", account=added.account)
    page = {"form": form, "title": "Add an account", "send": "Add the account"}
    return render(request, "ui/form_page.html", page, status=form.status)


@requires(Permission.SEE_VENDOR)
@require_GET
def rooms(request: AuthorizedRequest) -> HttpResponse:
    shown = vendor_lists.listed(request, vendor_lists.RoomTable, partial(lists.rooms, request.now))
    return render(request, "calm/list_page.html", shown | {"title": "Control Rooms"})


@requires(Permission.SEE_VENDOR)
@require_GET
def purchases(request: AuthorizedRequest) -> HttpResponse:
    shown = vendor_lists.listed(request, vendor_lists.PurchaseTable, partial(lists.purchases, request.now))
    shown["table"].weigh(request.now)
    acts = [("Order file", reverse("purchases-upload-of-all"), False)] if needs(request, Permission.OPERATE) else []
    return render(request, "calm/list_page.html", shown | {"title": "Purchases", "acts": acts})


class Lower(Reason):
    quantity = forms.IntegerField(min_value=0, required=False, label="New quantity")
    until = EndField(required=False, label="New end")
    field_order = ("quantity", "until", "reason")


@requires(Permission.OPERATE)
@require_http_methods(["GET", "POST"])
def purchase_lower(request: AuthorizedRequest, purchase: str) -> HttpResponse:
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
            messages.success(
                request, f"The purchase is lowered: {lowered.quantity:,}, {times.until(lowered.valid_until)}."
            )
            return redirect("customer-purchases", account=bought.account_id)
    bought_now = f"{bought.quantity:,} {bought.product.name} are bought, {times.until(bought.valid_until)}."
    lede = f"{bought_now} It can be lowered to what the sites hold and used."
    page = {
        "form": form,
        "title": "Lower a purchase",
        "lede": lede,
        "send": "Lower it",
        "account_id": bought.account_id,
    }
    return render(request, "ui/form_page.html", page, status=form.status)


class Catalogue(Asking):
    file = forms.FileField(
        label="Catalogue file",
        help_text="TOML, up to 256 KiB; an empty one adds nothing.",
        allow_empty_file=True,
    )


MOST = 256 * 1024


@requires(Permission.SEE_VENDOR)
@require_http_methods(["GET", "POST"])
def catalogue(request: AuthorizedRequest) -> HttpResponse:
    form = Catalogue(request.POST or None, request.FILES or None)
    loaded = None
    if request.method == "POST" and needs(request, Permission.OPERATE):
        loaded = form.ask(
            lambda asked: bootstrap.load_catalogue(request.calm, catalogue=asked["file"].read(MOST + 1), **request.who)
        )
    page = {"form": form, "loaded": loaded, "products": bootstrap.show_catalogue()}
    return render(request, "calm/vendor/catalogue.html", page, status=form.status)
