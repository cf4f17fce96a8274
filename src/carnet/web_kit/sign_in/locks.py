"""Wrong passwords (A5): five lock a name for whoever tries from that address, for longer each time, and not for the
person themselves, whose browser is known. An administrator unlocks a name."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core.internal import ratelimit
from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.http import HttpRequest
from django.http.response import HttpResponseBase

APP, FAILED = "allauth.account", "login_failed"
KNOWN = 90 * 24 * 3600  # seconds for which a browser is known after it was signed in
MOST = 8  # people of one browser
_UNLOCKED = 25 * 3600  # seconds; longer than any lock lasts
_SALT = "carnet.known-browser"
STEPS = "5/15m/key,10/3h/key,20/d/key"  # who goes on is locked for longer
OF_KNOWN = {FAILED: STEPS}  # of a browser that is known: what others do at its address does not count
OF_NAME = {FAILED: "100/d/key"}  # of a name, from all addresses together, known browsers left out


class KnownBrowsers:
    """Middleware: a browser in which somebody signed in, with all their factors, is known by a signed cookie. It opens
    nothing: it has tries of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self._get_response(request)
        name = request.user.get_username() if request.user.is_authenticated else ""
        browser, people = _read(request)
        if name and _digest(name) not in people:
            value = signing.dumps(
                [browser or _digest(str(request.session.session_key)), [_digest(name), *people][:MOST]], salt=_SALT
            )
            secure = bool(settings.SESSION_COOKIE_SECURE)
            path = settings.SESSION_COOKIE_PATH
            answer.set_cookie(_cookie(), value, KNOWN, path=path, secure=secure, httponly=True, samesite="Lax")
        return answer


def consume(request: HttpRequest, login: str) -> Any:
    """One try for this name; None where there were too many. The usage is the sign-in package's, which takes it back
    where the password was right. An answer of an issuer comes by GET, and counts too."""
    login = login.strip().lower()
    browser, people = _read(request)
    since = cache.get(_unlocked(login), 0)
    if _digest(login) in people:
        key, rates = f"{login}|{since}|browser|{browser}", OF_KNOWN
        return ratelimit.consume(request, app=APP, action=FAILED, config=rates, key=key, limit_get=True)
    key = f"{login}|{since}|address|{get_adapter().get_client_ip(request)}"
    usage = ratelimit.consume(request, app=APP, action=FAILED, key=key, limit_get=True)
    if usage is None:
        return None
    of_name = ratelimit.consume(
        request, app=APP, action=FAILED, config=OF_NAME, key=f"{login}|{since}|name", limit_get=True
    )
    return ratelimit.RateLimitUsage([*usage.usage, *of_name.usage]) if of_name else None


def unlock(login: str, pk: object) -> None:
    """All tries of before are forgotten, of passwords and of codes, from wherever they came."""
    name = _unlocked(login.strip().lower())
    cache.set(name, int(cache.get(name, 0)) + 1, _UNLOCKED)
    for rate in ratelimit.get_rates(app=APP, action=FAILED):
        if rate.per == "key":
            key = ratelimit.get_cache_key(HttpRequest(), app=APP, action=FAILED, rate=rate, key=f"mfa-auth-user-{pk}")
            cache.delete(key)


def _read(request: HttpRequest) -> tuple[str, list[str]]:
    """The browser's own number, and digests of the names that signed in there; empty where it is not known."""
    try:
        browser, people = signing.loads(request.COOKIES.get(_cookie(), ""), salt=_SALT, max_age=KNOWN)
        return str(browser), [str(each) for each in people]
    except (signing.BadSignature, TypeError, ValueError):
        return "", []


def _cookie() -> str:
    return f"{settings.SESSION_COOKIE_NAME}_known"


def _digest(login: str) -> str:
    return sha256(login.strip().lower().encode()).hexdigest()[:32]


def _unlocked(login: str) -> str:
    return f"unlocked:{_digest(login)}"
