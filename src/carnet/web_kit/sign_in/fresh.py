"""A5: whether somebody signed in, or gave a password or second factor again, a moment ago; and since when their session
was not used. By `request.now`, the clock of the side, which the door sets."""

from datetime import datetime, timedelta
from typing import Any

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.signals import authentication_step_completed
from django.conf import settings
from django.dispatch import receiver
from django.http import HttpRequest

FRESH = timedelta(minutes=10)
WHOLE = timedelta(hours=12)  # a session, from the sign-in on
NOTED = timedelta(minutes=1)  # how often a use is written
_FRESH, _BEGAN, _USED = "fresh", "began", "used"  # in the session


@receiver(authentication_step_completed)
def note_step(request: HttpRequest, user: Any, method: str = "", **_: Any) -> None:
    """Each password, code or passkey that was right, whose it was, and when. An issuer often knows its people by a
    cookie: it counts where it says that they signed in there a moment ago."""
    if method == "socialaccount" and not _is_fresh_there(request):
        request.session[AUTHENTICATION_METHODS_SESSION_KEY][-1]["at"] = 0  # for the package's own pages
        return
    note_fresh(request.session, user.pk, request.now)  # type: ignore[attr-defined]


def _is_fresh_there(request: HttpRequest) -> bool:
    at = getattr(request, "at_issuer", 0)  # seconds since 1970, by the issuer's clock (`carnet.web_kit.sso`)
    return abs(_now(request).timestamp() - at) < FRESH.total_seconds()


def note_fresh(session: Any, pk: object, now: datetime) -> None:
    """`session`: of somebody whose sign-in is of this moment."""
    session[_FRESH] = [str(pk), now.isoformat()]


def is_fresh(request: HttpRequest) -> bool:
    """Whether this very person did so within 10 minutes."""
    pk, at = request.session.get(_FRESH) or ("", "")
    return pk == str(request.user.pk) and _since(at, request) < FRESH


def has_ended(request: HttpRequest) -> bool:
    """Whether the session of whoever is signed in is over: 12 hours old, or not used for so long. Notes this use."""
    began = request.session.setdefault(_BEGAN, _now(request).isoformat())
    used = request.session.setdefault(_USED, _now(request).isoformat())
    idle = _since(used, request)
    if _since(began, request) >= WHOLE or idle >= timedelta(minutes=settings.IDLE_MINUTES):
        return True
    if abs(idle) >= NOTED:
        request.session[_USED] = _now(request).isoformat()
    return False


def _now(request: HttpRequest) -> datetime:
    now: datetime = request.now  # type: ignore[attr-defined]
    return now


def _since(text: str, request: HttpRequest) -> timedelta:
    """A time that cannot be read is long ago."""
    try:
        return _now(request) - datetime.fromisoformat(text)
    except ValueError:
        return timedelta.max
