"""Other names for accounts and License GUIDs, archiving, and merging, which a second person confirms (A3)."""

from collections.abc import Callable
from functools import partial
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


class NewLabel(Asking):
    label = forms.CharField(max_length=200, label="New label", help_text="The site, as people call it.")


def _form_page(
    request: AuthorizedRequest,
    form: Asking,
    do: Callable[[dict[str, Any]], Any],
    said: Callable[[Any], str],
    done: HttpResponse,
    **page: str,
) -> HttpResponse:
    """Ask, say what came of it and answer with `done`; or show the form."""
    answer = form.ask(do) if request.method == "POST" else None
    if answer:
        messages.success(request, said(answer))
        return done
    return render(request, "ui/form_page.html", {"form": form, **page}, status=form.status)


def _archive_page(
    request: AuthorizedRequest, name: str, acts: tuple[Any, Any], done: HttpResponse, *, back: bool, **page: str
) -> HttpResponse:
    """`acts`: what archives it, and what brings it `back`."""
    form = Archive(request.POST if request.method == "POST" else None)
    said = f"{name} is {'in the lists again' if back else 'archived'}."
    page["title"] = f"{'Bring back' if back else 'Archive'} {name}"
    page["send"] = "Bring it back" if back else "Archive it"
    return _form_page(request, form, lambda _: acts[back](request.calm, **request.who), lambda _: said, done, **page)


@requires(Permission.OPERATE)
@require_http_methods(["GET", "POST"])
def account_rename(request: AuthorizedRequest, account: str) -> HttpResponse:
    customer = account_of(request, account)
    return _form_page(
        request,
        NewName(request.POST or None, initial={"name": customer.name}),
        lambda asked: account_acts.rename_account(request.calm, account=customer.id, **asked, **request.who),
        lambda answer: f"The account is called {answer.name} now.",
        redirect("customer", account=customer.id),
        account_id=customer.id,
        title=f"Rename {customer.name}",
        lede="Its sites show the new name from their next license file on.",
        send="Rename it",
    )


@requires(Permission.OPERATE)
@require_http_methods(["GET", "POST"])
def account_archive(request: AuthorizedRequest, account: str) -> HttpResponse:
    row = account_of(request, account)
    acts = (
        partial(account_acts.archive_account, account=row.id),
        partial(account_acts.bring_account_back, account=row.id),
    )
    lede = "An archived account is in no list, and nothing is done in it. Only one where nothing is held is archived."
    back, done = row.archived_at is not None, redirect("customer", account=row.id)
    return _archive_page(request, row.name, acts, done, back=back, account_id=row.id, lede=lede)


@requires(Permission.OPERATE, fresh=True)
@require_http_methods(["GET", "POST"])
def account_merge(request: AuthorizedRequest, account: str) -> HttpResponse:
    """Proposes it; another person confirms (A3)."""
    customer = account_of(request, account)
    lede = (
        "Purchases, License GUIDs, Control Rooms, people, tokens and approvals go to the other account, with their "
        "history. This one is archived for good."
    )
    return _form_page(
        request,
        Merge(request.POST or None, customer),
        lambda asked: account_merging.propose_merge(
            request.calm, account=customer.id, into=asked["into"], reason=asked["reason"], **request.who
        ),
        lambda _: "A second person must confirm it. Until then nothing is changed.",
        redirect("confirmations"),
        account_id=customer.id,
        title=f"Merge {customer.name} into another account",
        lede=lede,
        send="Ask a second person to confirm",
    )


@requires(Permission.OPERATE)
@require_http_methods(["GET", "POST"])
def guid_rename(request: AuthorizedRequest, guid: str) -> HttpResponse:
    row = guid_of(request, guid)
    return _form_page(
        request,
        NewLabel(request.POST or None, initial={"label": row.label}),
        lambda asked: account_acts.rename_guid(request.calm, guid=row.id, **asked, **request.who),
        lambda answer: f"The License GUID is labelled {answer.label} now.",
        redirect("room", guid=row.id),
        account_id=row.account_id,
        title=f"Rename {row.label}",
        send="Rename it",
    )


@requires(Permission.OPERATE)
@require_http_methods(["GET", "POST"])
def guid_archive(request: AuthorizedRequest, guid: str) -> HttpResponse:
    row = guid_of(request, guid)
    acts = partial(account_acts.archive_guid, guid=row.id), partial(account_acts.bring_guid_back, guid=row.id)
    lede = "An archived License GUID is in no list, and no request is taken at it. Nothing may be held at it."
    back, done = row.archived_at is not None, redirect("room", guid=row.id)
    return _archive_page(request, row.label, acts, done, back=back, account_id=row.account_id, lede=lede)
