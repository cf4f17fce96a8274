"""API keys, which bots and products show over REST (A1): made, shown once, revoked."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from carnet.control_room.authority.views import Status
from carnet.control_room.granting.api_keys import CreateApiKey, ListApiKeys, RevokeApiKey
from carnet.control_room.granting.people import May
from carnet.control_room.granting.permissions import ASSIGN, READ, TAKE
from carnet.control_room.web.answers import answered
from carnet.control_room.web.door import Visit, opens
from carnet.ui.forms import Asking

PERMISSIONS = [
    (TAKE, gettext_lazy("take and give back seats and units, ask for checks")),
    (ASSIGN, gettext_lazy("assign people, and take back")),
    (READ, gettext_lazy("read status and usage")),
]


class NewKey(Asking):
    name = forms.CharField(
        max_length=200, label=gettext_lazy("Name"), help_text=gettext_lazy("The bot or product that will carry it.")
    )
    permissions = forms.MultipleChoiceField(
        choices=PERMISSIONS, widget=forms.CheckboxSelectMultiple, label=gettext_lazy("It may"), initial=[TAKE]
    )
    products = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label=gettext_lazy("For these products"),
        help_text=gettext_lazy("None chosen: for all, also those that a later license file brings."),
    )

    def __init__(self, data: Any, status: Status) -> None:
        super().__init__(data)
        self.fields["products"].choices = [(one.sku, one.name) for one in status.products]  # type: ignore[attr-defined]


@opens(May.ADMINISTER)
@require_http_methods(["GET", "POST"])
def api_keys(request: Visit) -> HttpResponse:
    form, made = NewKey(request.POST or None, request.status), None
    if request.method == "POST":
        made = form.ask(lambda asked: request.desk.execute(_command(asked), request.person.name))
    status = form.status
    page = {"form": NewKey(None, request.status) if made else form, "made": made, "keys": _keys(request)}
    answer = render(request, "room/setup/api_keys.html", page, status=status)
    answer["Cache-Control"] = "no-store"  # a key is shown once (A2)
    return answer


def _command(asked: dict[str, Any]) -> CreateApiKey:
    return CreateApiKey(asked["name"], asked["products"] or None, asked["permissions"])


def _keys(request: Visit) -> list[Any]:
    found: Any = request.desk.ask(ListApiKeys())
    return sorted(found.keys, key=lambda key: (key.revoked_at is not None, key.name.casefold()))


@opens(May.ADMINISTER)
@require_POST
def revoke(request: Visit, key: str) -> HttpResponse:
    answer = request.desk.execute(RevokeApiKey(key), request.person.name)
    refused = answered(request, answer, back="api-keys")
    if refused:
        return refused
    messages.success(request, _("The key is revoked. Whoever shows it is refused from now on."))
    return redirect("api-keys")
