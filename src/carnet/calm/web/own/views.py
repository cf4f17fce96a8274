"""Where one starts, and one's API tokens."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from carnet.calm.people import api_tokens as tokens
from carnet.calm.people.access import May
from carnet.calm.people.models import ApiToken
from carnet.calm.web.door import Desk, opens


@opens(May.SIGNED_IN)
@require_GET
def home(request: Desk) -> HttpResponse:
    account = request.person.account_id
    return redirect("customer", account=account) if account else redirect("inbox")


class NewToken(forms.Form):
    label = forms.CharField(
        max_length=200, label=gettext_lazy("What it is for"), help_text=gettext_lazy("The program that will carry it.")
    )


@opens(May.SIGNED_IN)
@require_http_methods(["GET", "POST"])
def api_tokens(request: Desk) -> HttpResponse:
    form, made = NewToken(request.POST or None), None
    if request.method == "POST" and form.is_valid():
        made = tokens.make_token(request.calm, person=request.person, label=form.cleaned_data["label"], **request.who)
        form = NewToken()
    rows = ApiToken.objects.filter(person=request.person, revoked_at=None).order_by("-made_at", "id")
    return render(request, "calm/own/api_tokens.html", {"form": form, "made": made, "tokens": rows})


@opens(May.SIGNED_IN)
@require_POST
def revoke(request: Desk, token: str) -> HttpResponse:
    tokens.revoke_token(request.calm, person=request.person, token=token, **request.who)
    messages.success(request, _("The token ended. A program that shows it is refused from now on."))
    return redirect("api-tokens")
