"""The door of both sides' pages (A1): deny unless permitted. Every view says what one must be allowed to do; one that
says nothing is shut. Faults are translated here once, into a page."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from functools import wraps
from typing import Any, ClassVar, TypeVar

from allauth.core.exceptions import ReauthenticationRequired
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from carnet.errors import CarnetError, StorageError, UsageError
from carnet.printable import printable_lines
from carnet.web_kit.errors import fault_page
from carnet.web_kit.sent_once import SentForms, once
from carnet.web_kit.sign_in import typed
from carnet.web_kit.sign_in.fresh import has_ended, is_fresh
from carnet.web_kit.sign_in.urls import ENROLLING, FOR_EVERYBODY, FOR_SIGNED_IN

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def requires(act: StrEnum, *, fresh: bool = False, repeats: bool = False) -> Callable[[View], View]:
    """Says what one must be allowed to do to see a view: a `Permission` of its side. `fresh`: what it is sent (POST) is
    taken only from somebody who signed in a moment ago (A5), and else after they gave password or factor again.
    `repeats`: what it is sent may come again (N4), because it only asks, or is known again by what it holds (E6)."""

    def mark(view: View) -> View:
        marked = _freshly(view, act) if fresh else view
        marked = marked if repeats else once(marked)  # type: ignore[assignment]
        marked.required = act  # type: ignore[attr-defined]  # read by `Door`, through whatever wraps the view
        return marked

    return mark


def _freshly(view: View, act: StrEnum) -> View:
    @wraps(view)
    def checked(request: HttpRequest, *words: Any, **named: Any) -> HttpResponseBase:
        """The sign-in package keeps what was sent and calls this again past the door: so permission is asked again."""
        if request.method == "POST":
            if not request.door.may(request, act):  # type: ignore[attr-defined]
                raise PermissionDenied
            if not is_fresh(request):
                raise ReauthenticationRequired
        return view(request, *words, **named)

    return checked  # type: ignore[return-value]


class NotKept:
    """Middleware: nothing that the pages or REST answer stays in the cache of a browser or a proxy. Files of the kit,
    which are the same for everybody, are served before this."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self._get_response(request)
        answer["Cache-Control"] = "no-store"
        if request.method == "POST" and request.path == reverse("account_logout"):
            answer["Clear-Site-Data"] = '"cache", "storage"'  # what a browser kept in spite of that goes too
        return answer


_SHOWN = ("text/html", "text/plain")  # by a browser, in place


class Printable:
    """Middleware: no page holds a character that is obeyed and not seen: one that turns the direction of what follows,
    or that lets two names look the same (N3). It stands inside of what says how long an answer is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self._get_response(request)
        if isinstance(answer, HttpResponse) and answer.get("Content-Type", "").startswith(_SHOWN):
            text = answer.content.decode(answer.charset, "replace")
            answer.content = printable_lines(text).encode(answer.charset)
        return answer


class Door:
    """Middleware: what the request is given, its size, who may pass, and what is said where something broke.

    A side says in a subclass what a request needs, who signed in, and what that person may do.
    """

    permissions: ClassVar[type[StrEnum]]
    sent_forms: ClassVar[type[SentForms]]  # the side's rows of them (N4)

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def open(self, request: HttpRequest) -> AbstractContextManager[None]:
        """Give the request what every view of this side works with, for as long as it lasts."""
        raise NotImplementedError

    def let_in(self, request: HttpRequest) -> bool:
        """Whether the person who signed in is still known here; if so `request.person` is set."""
        raise NotImplementedError

    def may(self, request: HttpRequest, act: StrEnum) -> bool:
        raise NotImplementedError

    def owes_second_factor(self, request: HttpRequest) -> bool:
        raise NotImplementedError

    def fault_of(self, error: Exception) -> CarnetError | None:
        """What broke, in words; None for a bug, which Django's own page of status 500 answers."""
        return error if isinstance(error, CarnetError) else None

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.MOST_UPLOADED:
            return HttpResponse(f"More than {settings.MOST_UPLOADED} bytes were sent. Nothing was read.", status=413)
        try:
            with self.open(request):
                answer = self._get_response(request)
                _sign_out_where_ended(request)
                return answer
        except CarnetError as error:
            return _page_of(request, error)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: object, _kwargs: object
    ) -> HttpResponseBase | None:
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name in FOR_EVERYBODY or self.is_shut_by_itself(request):
            return None
        act = getattr(view, "required", None)
        if not isinstance(act, self.permissions) and name not in FOR_SIGNED_IN:
            raise PermissionDenied
        kept = _end_where_over(request)
        if not self.let_in(request):
            return _to_sign_in(request, kept=kept)
        request.door = self  # type: ignore[attr-defined]  # for views that ask again
        request.sent_forms = self.sent_forms  # type: ignore[attr-defined]
        if name not in ENROLLING and self.owes_second_factor(request):
            return redirect("mfa_activate_totp")
        if isinstance(act, self.permissions) and not self.may(request, act):
            raise PermissionDenied
        return None

    def is_shut_by_itself(self, request: HttpRequest) -> bool:
        """Whether the address has a door of its own: a REST interface, that asks for a token."""
        del request
        return False

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        fault = self.fault_of(exception)
        return _page_of(request, fault) if fault else None


def _end_where_over(request: HttpRequest) -> bool:
    """Signs out whose session is over (A5). Whether what they sent is kept."""
    if not request.user.is_authenticated or not has_ended(request):
        return False
    pk = request.user.pk
    logout(request)
    return request.method == "POST" and not _is_part(request) and typed.keep(request, pk)


def _sign_out_where_ended(request: HttpRequest) -> None:
    """Who ended their own sessions by what they just did is signed out here too, and is shown the answer."""
    key = request.session.session_key
    if request.method == "POST" and key and request.user.is_authenticated and not request.session.exists(key):
        logout(request)


def _to_sign_in(request: HttpRequest, *, kept: bool) -> HttpResponseBase:
    """A page goes there; where only a part of one was asked for, the page asks for it in place (acts.js)."""
    if _is_part(request):
        return HttpResponse("Sign in again.", content_type="text/plain", status=401)
    return redirect_to_login(typed.next_of(request, kept=kept), reverse("account_login"))


def _is_part(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-Boosted") != "true"


def _page_of(request: HttpRequest, fault: CarnetError) -> HttpResponseBase:
    """What is asked for and is not there, and what broke: both say that nothing was changed."""
    status = 400 if isinstance(fault, UsageError) else 503 if isinstance(fault, StorageError) else 500
    return fault_page(request, status, str(fault), fault.next_step, code=False)


def has_second_factor(user: object) -> bool:
    from allauth.mfa.utils import is_mfa_enabled

    return bool(is_mfa_enabled(user))
