"""Where somebody is signed in, and when each browser was seen last: to the minute, as the page shows it. A write at
each page would cost more than the page's questions."""

from collections.abc import Callable

from allauth.account.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.core.cache import caches
from django.http import HttpRequest
from django.http.response import HttpResponseBase

EVERY = 60  # seconds


class SeenLast:
    """In place of the package's own middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.session.session_key and request.user.is_authenticated and _is_due(request):
            UserSession.objects.create_from_request(request)
        return self._get_response(request)


def _is_due(request: HttpRequest) -> bool:
    """At once where the browser or its address is another than before."""
    browser = request.headers.get("User-Agent", "")
    name = f"{request.session.session_key}/{get_adapter().get_client_ip(request)}/{hash(browser)}"
    return bool(caches["seen"].add(name, 1, EVERY))
