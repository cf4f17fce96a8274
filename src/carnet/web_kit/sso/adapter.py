"""A5: who gets in by an issuer: whoever bound their identity to themselves before, while they were signed in. Sides say
which issuers there are, and whom they know."""

import logging
from abc import abstractmethod
from datetime import datetime
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from django.contrib import messages
from django.contrib.auth.signals import user_login_failed
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from requests import RequestException

from carnet.web_kit.sign_in import locks
from carnet.web_kit.sign_in.fresh import has_ended, is_fresh
from carnet.web_kit.sso.fetch import RefusedAnswerError, Session
from carnet.web_kit.sso.issuers import Issuer

log = logging.getLogger("carnet.pages")
PUBLIC_ONLY = "sso_public"  # of a request: its issuer was named by an account's people


class Adapter(DefaultSocialAccountAdapter):
    @abstractmethod
    def find(self, issuer: str) -> Issuer | None:
        """The issuer of this id."""

    @abstractmethod
    def for_entry(self, typed: str) -> Issuer | None:
        """Where somebody who typed this to sign in is sent."""

    @abstractmethod
    def of_person(self, user: Any) -> Issuer | None:
        """The issuer whose identity this person may bind."""

    @abstractmethod
    def is_known(self, user: Any, account: SocialAccount) -> bool:
        """Whether this person may sign in now, by this identity."""

    @abstractmethod
    def bind(self, request: HttpRequest, account: SocialAccount) -> str:
        """Record that this identity is `account.user`'s; a sentence where it cannot be."""

    @abstractmethod
    def clock(self, request: HttpRequest) -> datetime:
        """The machine's own clock."""

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        issuer = self.find(str(provider or ""))
        if issuer is None:
            return []
        if request is not None:
            setattr(request, PUBLIC_ONLY, bool(issuer.owner))
        return [
            SocialApp(
                provider="openid_connect",
                provider_id=issuer.id,
                name=issuer.url,
                client_id=issuer.client_id,
                secret=issuer.secret,
                settings={"server_url": issuer.url, "oauth_pkce_enabled": True},
            )
        ]

    def get_requests_session(self) -> Session:
        return Session(public=bool(getattr(self.request, PUBLIC_ONLY, True)))

    def authenticate_by_email(self, login: SocialLogin) -> None:
        """Never: an address is what the issuer says, and not who somebody is."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Raises ImmediateHttpResponse for whoever is not let in, and where an identity was to be bound."""
        sociallogin.token = None  # it is asked for nothing, and would be kept in the session
        if sociallogin.state.get("process") == AuthProcess.CONNECT:
            raise ImmediateHttpResponse(self._bind(request, sociallogin))
        user = sociallogin.user
        if user is None or user.pk is None or not user.is_active or not self.is_known(user, sociallogin.account):
            raise ImmediateHttpResponse(refused(request, UNKNOWN, 403))
        usage = locks.consume(request, user.get_username())
        if not usage:
            raise ImmediateHttpResponse(refused(request, LOCKED, 429, user.get_username()))
        usage.rollback()

    def _bind(self, request: HttpRequest, sociallogin: SocialLogin) -> HttpResponse:
        """To whoever began it, is signed in still, and did so a moment ago."""
        user = request.user
        if not user.is_authenticated or has_ended(request) or sociallogin.state.get("whose") != str(user.pk):
            return refused(request, OTHERS, 403)
        if not is_fresh(request):
            return redirect("sso-mine")
        said = self._bound(request, sociallogin)
        (messages.error if said else messages.success)(request, said or "Bound. You can sign in by it from now on.")
        return redirect("sso-mine")

    def _bound(self, request: HttpRequest, sociallogin: SocialLogin) -> str:
        """A sentence where it is not. A row of before that binds nothing any more is in nobody's way."""
        account = SocialAccount(provider=sociallogin.account.provider, uid=sociallogin.account.uid, user=request.user)
        rows = SocialAccount.objects.select_related("user").filter(provider=account.provider)
        for row in rows.filter(Q(uid=account.uid) | Q(user=account.user)):
            if not self.is_known(row.user, row):
                row.delete()
            elif row.user_id != account.user_id:
                return ELSE
            else:
                return "" if row.uid == account.uid else ANOTHER
        try:
            with transaction.atomic():
                account.save(force_insert=True)
                said = self.bind(request, account)
                transaction.set_rollback(bool(said))
        except IntegrityError:
            return ELSE
        return said

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        """Raises ImmediateHttpResponse: a page that says what failed and how one gets in all the same."""
        raise ImmediateHttpResponse(failed(request, provider.app.name, error, exception))


ELSE = "This identity is somebody else's already. One identity is one person."
ANOTHER = "Another identity of this issuer is yours already. One person has one."
UNKNOWN = (
    "This identity is not bound to a person who may sign in here.",
    "Sign in with your password, and bind it under your name, “Single sign-on”. If you have no password, ask an "
    "administrator for a link.",
)
LOCKED = (
    "Too many tries that failed.",
    "Wait 15 minutes (after 10 tries 3 hours, after 20 a day), or ask an administrator to unlock your name.",
)
OTHERS = (
    "This answer is not for the person who is signed in here.",
    "Sign in, and begin again under “Single sign-on”.",
)
STALE = (
    "This answer was used before, is older than 10 minutes, or was begun in another browser.",
    "Begin the sign-in again.",
)
STOPPED = ("The sign-in at the issuer was not finished.", "Begin again, or sign in with your password.")


def failed(request: HttpRequest, issuer: str, error: Any, exception: Exception | None) -> HttpResponse:
    if exception is not None:  # the reason as it is shown, for whoever reads the log
        why = str(exception) if isinstance(exception, RefusedAnswerError) else type(exception).__name__
        log.warning("sign-in by an issuer", extra={"fields": {"event": "issuer", "issuer": issuer, "why": why}})
    if isinstance(exception, RequestException):
        sentence = f"The issuer {issuer} does not answer as it should."
        return refused(request, (sentence, "Sign in with your password, and tell your administrator."), 503)
    if exception is not None:
        reason = str(exception) if isinstance(exception, RefusedAnswerError) else "it gave no token for this sign-in"
        sentence = f"The answer of {issuer} is not taken: {reason}."
        return refused(request, (sentence, "Sign in with your password, and tell your administrator."), 403)
    if error == AuthError.CANCELLED or "error" in request.GET:
        return refused(request, STOPPED, 403)
    return refused(request, STALE, 403)


def refused(request: HttpRequest, said: tuple[str, str], status: int, name: str = "") -> HttpResponse:
    """Recorded like a wrong password, and said on a page."""
    if not request.user.is_authenticated:
        user_login_failed.send(sender=__name__, credentials={"username": name}, request=request)
    return render(request, "account/sso_refused.html", {"sentence": said[0], "next": said[1]}, status=status)
