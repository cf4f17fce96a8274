"""The way to an issuer and back. A page leads there, and not an answer to a form: so no policy of our pages has to name
an address of others."""

from typing import Any
from urllib.parse import urlsplit

from allauth.account.internal.decorators import login_not_required
from allauth.core.exceptions import ReauthenticationRequired
from allauth.core.internal import ratelimit
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from requests import RequestException

from carnet.web_kit.sign_in import locks
from carnet.web_kit.sign_in.fresh import is_fresh
from carnet.web_kit.sso.adapter import failed, refused
from carnet.web_kit.sso.issuers import Issuer
from carnet.web_kit.sso.provider import OAuth2Adapter

OFTEN = "20/m/ip"
OFTEN_SAID = ("Too many sign-ins were begun from this address.", "Wait a minute, then begin again.")


@login_not_required  # type: ignore[untyped-decorator]
@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """To the issuer of what was typed. An issuer is asked for it: so no address begins as often as it likes."""
    if not ratelimit.consume(request, app=locks.APP, action="sso", config={"sso": OFTEN}):
        return refused(request, OFTEN_SAID, 429)
    issuer = get_adapter(request).for_entry(request.POST.get("address", ""))
    if issuer is None:
        return refused(request, ("For this address there is no issuer.", "Sign in with your password."), 404)
    return _lead(request, issuer, AuthProcess.LOGIN)


def _lead(request: HttpRequest, issuer: Issuer, process: Any, **state: str) -> HttpResponse:
    provider = get_adapter(request).get_provider(request, issuer.id)
    kept = request.POST.get("next") or request.GET.get("next")
    next_url = kept if kept and _is_ours(kept) else None
    try:
        answer = provider.redirect(request, process, next_url=next_url, **state)
    except (OAuth2Error, RequestException) as error:
        return failed(request, issuer.url, None, error)
    if "Location" not in answer:
        return answer  # type: ignore[no-any-return]
    to = answer["Location"]
    return render(request, "account/sso_leave.html", {"to": to, "host": urlsplit(to).netloc})


def _is_ours(path: str) -> bool:
    """A path of these pages, and no address of others."""
    parts = urlsplit(path)
    return path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc


@login_not_required  # type: ignore[untyped-decorator]
@require_GET
def back(request: HttpRequest, provider_id: str) -> HttpResponse:
    """From the issuer, with an answer to one attempt of this browser."""
    issuer = get_adapter(request).find(provider_id)
    if issuer is None:
        raise Http404
    view = OAuth2CallbackView.adapter_view(OAuth2Adapter(request, provider_id))
    try:
        return view(request)  # type: ignore[no-any-return]
    except (OAuth2Error, RequestException) as error:  # what the package asks outside of its own care
        return failed(request, issuer.url, None, error)


@require_http_methods(["GET", "POST"])
def mine(request: HttpRequest) -> HttpResponse:
    """What identity is bound to whoever is signed in; and the way to bind one."""
    adapter = get_adapter(request)
    issuer = adapter.of_person(request.user)
    if request.method == "POST" and issuer:
        if not is_fresh(request):
            raise ReauthenticationRequired
        return _lead(request, issuer, AuthProcess.CONNECT, whose=str(request.user.pk))
    mine = issuer and SocialAccount.objects.filter(user_id=request.user.pk, provider=issuer.id).first()
    bound = mine if mine and adapter.is_known(request.user, mine) else None
    page = {"issuer": issuer, "bound": bound, "begin": reverse("sso-mine")}
    return render(request, "account/sso_mine.html", page)
