"""Single sign-on of an account: one of its administrators names the issuer of its people. Staff can only remove it."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from carnet.calm.people import issuers
from carnet.calm.people.access import Permission
from carnet.calm.people.models import AccountIssuer
from carnet.calm.portal.door import AuthorizedRequest, requires
from carnet.calm.portal.scope import account_of
from carnet.web_kit.forms import Asking


class IssuerForm(Asking):
    url = forms.CharField(
        label="Address of the issuer",
        max_length=200,
        help_text="Keycloak: https://HOST/realms/REALM. AD FS: https://HOST/adfs.",
    )
    client_id = forms.CharField(label="Client id", max_length=200)
    secret = forms.CharField(
        label="Client secret",
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="It is kept sealed and never shown. Give it again with each change.",
    )
    domains = forms.CharField(
        label="Domains of your people",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What stands after @ in their addresses, one a line.",
    )


@requires(Permission.MANAGE_PEOPLE, fresh=True)
@require_http_methods(["GET", "POST"])
def account_issuer(request: AuthorizedRequest, account: str) -> HttpResponse:
    customer = account_of(request, account)
    row = AccountIssuer.objects.filter(account=customer).first()
    is_own = request.person.account_id == customer.id
    form = IssuerForm(request.POST if _is_named(request, is_own=is_own) else None, initial=_initial(row))
    if request.method == "POST" and "remove" in request.POST and row:
        issuers.remove_issuer(request.calm, account=customer.id, **request.who)
        messages.success(request, "Removed. Everybody signs in by their password.")
        return redirect("account-issuer", account=customer.id)
    if _is_named(request, is_own=is_own) and form.ask(lambda asked: _name(request, customer.id, asked)):
        messages.success(request, "Saved. Your people can bind an identity now, each under “Single sign-on”.")
        return redirect("account-issuer", account=customer.id)
    way = reverse("openid_connect_callback", kwargs={"provider_id": customer.id})
    page = {
        "form": form,
        "row": row,
        "is_own": is_own,
        "back_address": request.build_absolute_uri(way),
        "account_id": customer.id,
        "account": customer,
    }
    return render(request, "calm/customer/issuer.html", page, status=form.status)


def _is_named(request: AuthorizedRequest, *, is_own: bool) -> bool:
    return request.method == "POST" and is_own and "remove" not in request.POST


def _initial(row: AccountIssuer | None) -> dict[str, str]:
    return {"url": row.url, "client_id": row.client_id, "domains": row.domains} if row else {}


def _name(request: AuthorizedRequest, account: str, asked: dict[str, Any]) -> bool:
    told = issuers.IssuerAsked(
        asked["url"], asked["client_id"], asked["secret"], tuple(asked["domains"].splitlines()), settings.SSO_LOOPBACK
    )
    issuers.name_issuer(request.calm, account=account, asked=told, **request.who)
    return True
