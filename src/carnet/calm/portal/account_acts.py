"""Other names for accounts and License GUIDs, archiving, and merging, which a second person confirms (A3)."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from carnet.calm.customers.models import Account
from carnet.calm.people import account_merging
from carnet.calm.people.access import Permission
from carnet.calm.portal.door import AuthorizedRequest, requires
from carnet.calm.portal.scope import account_of, guid_of
from carnet.calm.use_cases import account_acts
from carnet.web_kit.forms import Asking, Reason


class NewName(Asking):
    name = forms.CharField(max_length=200, label="New name")


class Archive(Asking):
    """Nothing is asked but to confirm it."""


class Merge(Reason):
    into = forms.ChoiceField(label="Into which account")
    name = forms.CharField(label="Type the name of the account that ends")
    field_order = ("into", "reason", "name")

    def __init__(self, data: Any, was: Account) -> None:
        super().__init__(data)
        others = Account.objects.filter(archived_at=None).exclude(id=was.id).order_by("name")
        self.fields["into"].choices = list(others.values_list("id", "name"))  # type: ignore[attr-defined]
        self.was = was

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        if name != self.was.name:
            raise forms.ValidationError(f"This is not {self.was.name}.")
        return name


def _form_page(request: AuthorizedRequest, form: Asking, account: str, **page: str) -> HttpResponse:
    context = {"form": form, "account_id": account, **page}
    return render(request, "ui/form_page.html", context, status=form.status)


@requires(Permission.OPERATE)
@require_http_methods(["GET", "POST"])
def account_rename(request: AuthorizedRequest, account: str) -> HttpResponse:
    customer = account_of(request, account)
    form = NewName(request.POST or None, initial={"name": customer.name})
    if request.method == "POST":
        answer = form.ask(
            lambda asked: account_acts.rename_account(
                request.calm, account=customer.id, name=asked["name"], **request.who
            )
        )
        if answer:
            messages.success(request, f"The account is called {answer.name} now.")
            return redirect("customer", account=customer.id)
    lede = "Its sites show the new name from their next license file on."
    return _form_page(request, form, customer.id, title=f"Rename {customer.name}", lede=lede, send="Rename it")


@requires(Permission.OPERATE)
@require_http_methods(["GET", "POST"])
def account_archive(request: AuthorizedRequest, account: str) -> HttpResponse:
    """Brings one that is archived back."""
    customer = account_of(request, account)
    back = customer.archived_at is not None
    act: Callable[..., Any] = account_acts.bring_account_back if back else account_acts.archive_account
    form = Archive(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.ask(lambda _: act(request.calm, account=customer.id, **request.who)):
        messages.success(request, f"{customer.name} is {'in the lists again' if back else 'archived'}.")
        return redirect("customer", account=customer.id)
    title = f"{'Bring back' if back else 'Archive'} {customer.name}"
    lede = "An archived account is in no list, and nothing is done in it. Only one where nothing is held is archived."
    return _form_page(
        request, form, customer.id, title=title, lede=lede, send="Bring it back" if back else "Archive it"
    )


@requires(Permission.OPERATE, fresh=True)
@require_http_methods(["GET", "POST"])
def account_merge(request: AuthorizedRequest, account: str) -> HttpResponse:
    """Proposes it; another person confirms (A3)."""
    customer = account_of(request, account)
    form = Merge(request.POST or None, customer)
    if request.method == "POST":
        answer = form.ask(
            lambda asked: account_merging.propose_merge(
                request.calm, account=customer.id, into=asked["into"], reason=asked["reason"], **request.who
            )
        )
        if answer:
            messages.success(request, "A second person must confirm it. Until then nothing is changed.")
            return redirect("confirmations")
    lede = (
        "Purchases, License GUIDs, Control Rooms, people, tokens and approvals go to the other account, with their "
        "history. This one is archived for good."
    )
    title = f"Merge {customer.name} into another account"
    return _form_page(request, form, customer.id, title=title, lede=lede, send="Ask a second person to confirm")


class NewLabel(Asking):
    label = forms.CharField(max_length=200, label="New label", help_text="The site, as people call it.")


@requires(Permission.OPERATE)
@require_http_methods(["GET", "POST"])
def guid_rename(request: AuthorizedRequest, guid: str) -> HttpResponse:
    row = guid_of(request, guid)
    form = NewLabel(request.POST or None, initial={"label": row.label})
    if request.method == "POST":
        answer = form.ask(
            lambda asked: account_acts.rename_guid(request.calm, guid=row.id, label=asked["label"], **request.who)
        )
        if answer:
            messages.success(request, f"The License GUID is labelled {answer.label} now.")
            return redirect("room", guid=row.id)
    return _form_page(request, form, row.account_id, title=f"Rename {row.label}", send="Rename it")


@requires(Permission.OPERATE)
@require_http_methods(["GET", "POST"])
def guid_archive(request: AuthorizedRequest, guid: str) -> HttpResponse:
    """Brings one that is archived back."""
    row = guid_of(request, guid)
    back = row.archived_at is not None
    act: Callable[..., Any] = account_acts.bring_guid_back if back else account_acts.archive_guid
    form = Archive(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.ask(lambda _: act(request.calm, guid=row.id, **request.who)):
        messages.success(request, f"{row.label} is {'in the lists again' if back else 'archived'}.")
        return redirect("room", guid=row.id)
    title = f"{'Bring back' if back else 'Archive'} {row.label}"
    lede = "An archived License GUID is in no list, and no request is taken at it. Nothing may be held at it."
    return _form_page(
        request, form, row.account_id, title=title, lede=lede, send="Bring it back" if back else "Archive it"
    )
