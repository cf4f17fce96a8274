"""API keys, which bots and products show over REST (A1): made, shown once, revoked."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from carnet.control_room.engine.key_uses import read_uses
from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.pages.engine import answered
from carnet.control_room.pages.runtime_config import runtime_config
from carnet.control_room.queries.status import Status
from carnet.control_room.rules.granting.api_keys import CreateApiKey, ListApiKeys, RenameApiKey, RevokeApiKey
from carnet.control_room.rules.granting.people import Permission
from carnet.control_room.rules.granting.permissions import ASSIGN, READ, TAKE
from carnet.web_kit.forms import Asking, DayField

PERMISSIONS = [
    (TAKE, "take and give back seats and units, ask for checks"),
    (ASSIGN, "assign people, and take back"),
    (READ, "read status and usage"),
]


class NewKey(Asking):
    name = forms.CharField(max_length=200, label="Name", help_text="The bot or product that will carry it.")
    permissions = forms.MultipleChoiceField(
        choices=PERMISSIONS, widget=forms.CheckboxSelectMultiple, label="It may", initial=[TAKE]
    )
    products = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="For these products",
        help_text="None chosen: for all, also those that a later license file brings.",
    )

    expires_at = DayField(
        required=False, label="Ends", help_text="At the start of this day (UTC). Empty: it counts until it is revoked."
    )

    def __init__(self, data: Any, status: Status) -> None:
        super().__init__(data)
        self.fields["products"].choices = [(one.sku, one.name) for one in status.products]  # type: ignore[attr-defined]


@requires(Permission.ADMINISTER, fresh=True)
@require_http_methods(["GET", "POST"])
def api_keys(request: AuthorizedRequest) -> HttpResponse:
    form, made = NewKey(request.POST or None, request.status), None
    if request.method == "POST":
        made = form.ask(lambda asked: request.client.execute(_command(asked), request.person.name))
    status = form.status
    page = {"form": NewKey(None, request.status) if made else form, "made": made, "keys": _keys(request)}
    return render(request, "room/setup/api_keys.html", page, status=status)


def _command(asked: dict[str, Any]) -> CreateApiKey:
    return CreateApiKey(asked["name"], asked["products"] or None, asked["permissions"], asked["expires_at"])


def _keys(request: AuthorizedRequest) -> list[tuple[Any, Any]]:
    """Each with when it was used last, if that was noted."""
    found, uses = request.client.ask(ListApiKeys()), read_uses(runtime_config().data)
    keys = sorted(found.keys, key=lambda key: (key.revoked_at is not None, key.name.casefold()))
    return [(key, uses.get(key.key_id)) for key in keys]


class NewName(Asking):
    name = forms.CharField(max_length=200, label="New name")


@requires(Permission.ADMINISTER, fresh=True)
@require_http_methods(["GET", "POST"])
def rename(request: AuthorizedRequest, key: str) -> HttpResponse:
    form = NewName(request.POST or None)
    if request.method == "POST":
        renamed = form.ask(lambda asked: request.client.execute(RenameApiKey(key, asked["name"]), request.person.name))
        if renamed:
            messages.success(request, f"The key is called {renamed.name} from now on. It is the same key.")
            return redirect("api-keys")
    page = {"form": form, "title": "Another name for an API key", "send": "Rename it"}
    return render(request, "ui/form_page.html", page, status=form.status)


@requires(Permission.ADMINISTER, fresh=True)
@require_POST
def revoke(request: AuthorizedRequest, key: str) -> HttpResponse:
    answer = request.client.execute(RevokeApiKey(key), request.person.name)
    refused = answered(request, answer, back="api-keys")
    if refused:
        return refused
    messages.success(request, "The key is revoked. Every call with it is refused from now on.")
    return redirect("api-keys")
