"""Where a person starts, their API tokens, and what they see where the portal broke before any view was asked."""

import sys
from datetime import timedelta

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from carnet.calm.people import api_tokens as tokens
from carnet.calm.people.access import Permission
from carnet.calm.people.models import ApiToken
from carnet.calm.portal.door import AuthorizedRequest, database_fault, requires
from carnet.errors import StorageError
from carnet.web_kit import errors
from carnet.web_kit.forms import Asking


@requires(Permission.SIGNED_IN)
@require_GET
def home(request: AuthorizedRequest) -> HttpResponse:
    account = request.person.account_id
    return redirect("customer", account=account) if account else redirect("inbox")


class NewToken(forms.Form):
    label = forms.CharField(max_length=200, label="What it is for", help_text="The program that will carry it.")
    days = forms.IntegerField(
        min_value=1, max_value=tokens.LIFE.days, initial=tokens.LIFE.days, label="For how many days"
    )


class NewLabel(Asking):
    label = forms.CharField(max_length=200, label="What it is for")


@requires(Permission.SIGNED_IN, fresh=True)
@require_http_methods(["GET", "POST"])
def api_tokens(request: AuthorizedRequest) -> HttpResponse:
    form, made = NewToken(request.POST or None), None
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        life = timedelta(days=asked["days"])
        made = tokens.make_token(request.calm, person=request.person, label=asked["label"], life=life, **request.who)
        form = NewToken()
    rows = ApiToken.objects.filter(person=request.person, revoked_at=None, expires_at__gt=request.now)
    rows = rows.order_by("-made_at", "id")
    return render(request, "calm/own/api_tokens.html", {"form": form, "made": made, "tokens": rows})


@requires(Permission.SIGNED_IN, fresh=True)
@require_http_methods(["GET", "POST"])
def rename(request: AuthorizedRequest, token: str) -> HttpResponse:
    form = NewLabel(request.POST or None)
    if request.method == "POST" and form.ask(lambda asked: _rename(request, token, asked["label"])):
        messages.success(request, "The token has another name. It is the same token.")
        return redirect("api-tokens")
    page = {"form": form, "title": "Another name for an API token", "send": "Rename it"}
    return render(request, "ui/form_page.html", page, status=form.status)


def _rename(request: AuthorizedRequest, token: str, label: str) -> bool:
    tokens.rename_token(request.calm, person=request.person, token=token, label=label, **request.who)
    return True


@requires(Permission.SIGNED_IN)
@require_POST
def revoke(request: AuthorizedRequest, token: str) -> HttpResponse:
    tokens.revoke_token(request.calm, person=request.person, token=token, **request.who)
    messages.success(request, "The token ended. A program that shows it is refused from now on.")
    return redirect("api-tokens")


def server_error(request: HttpRequest) -> HttpResponse:
    fault = database_fault(sys.exc_info()[1])  # for the session, say
    if fault:
        status = 503 if isinstance(fault, StorageError) else 500
        return errors.fault_page(request, status, str(fault), fault.next_step)
    return errors.server_error(request)
