"""The banner above every page (S): what the engine says of the state, and who has put it away for their session."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.pages.exchange.forms import RENEWED
from carnet.control_room.queries.banner import Banner, Kind
from carnet.control_room.queries.status import Status
from carnet.control_room.rules.granting.people import Permission
from carnet.exchange.license_file_request import RequestKind
from carnet.web_kit.states import banner_icon

CHANGE: Kind = "change"  # the one that stands beside the other
_DISMISSED = "dismissed"  # in the session: the notices that somebody has seen, by kind


def notices(request: HttpRequest, status: Status) -> list[dict[str, Any]]:
    found = []
    if status.storage:
        found.append(
            {"tone": "bad", "icon": "refused", "title": "Nothing can be recorded now.", "text": status.storage}
        )
    found += [_shown(request, status, notice) for notice in _standing(status) if not _is_dismissed(request, notice)]
    return found


def _standing(status: Status) -> list[Banner]:
    return [notice for notice in (status.notice, status.coming) if notice]


def _shown(request: HttpRequest, status: Status, notice: Banner) -> dict[str, Any]:
    return {
        "tone": notice.tone,
        "icon": banner_icon(notice.kind, notice.tone),
        "title": notice.title,
        "text": notice.text,
        "dismiss": _dismiss_address(notice) if notice.dismissible else "",
        "act": _act(request, status),
    }


def _act(request: HttpRequest, status: Status) -> dict[str, Any] | None:
    """What to do about it: on the way to a renewal, the first step of it itself."""
    exchange = reverse("exchange")
    if request.path.startswith(exchange):
        return None
    person = getattr(request, "person", None)
    waits = status.cycle and not status.cycle.missed
    if status.state_by_time in RENEWED and not waits and person and person.may(Permission.INSTALL):
        fields = {"kind": RequestKind.RENEWAL.value}
        post = reverse("request-generate")
        return {"label": "Make the renewal request", "post": post, "fields": fields, "variant": _variant(request)}
    return {"label": "Manage offline licenses", "url": exchange, "variant": _variant(request)}


def _dismiss_address(notice: Banner) -> str:
    beside = f"?{urlencode({'kind': CHANGE})}" if notice.kind == CHANGE else ""
    return f"{reverse('dismiss-notice')}{beside}"


def _variant(request: HttpRequest) -> str:
    """One primary button a page: it is the banner's on the page that has none of its own."""
    return "primary" if request.path == reverse("home") else ""


def _is_dismissed(request: HttpRequest, notice: Banner) -> bool:
    return notice.dismissible and _dismissed(request).get(notice.kind) == _name(notice)


def _dismissed(request: HttpRequest) -> dict[str, str]:
    found: dict[str, str] = request.session.get(_DISMISSED) or {}
    return found


def _name(notice: Banner) -> str:
    """Another end, or another request, is another notice."""
    return f"{notice.kind} {notice.until.isoformat() if notice.until else ''} {notice.text}"


@requires(Permission.VIEW)
@require_POST
def dismiss(request: AuthorizedRequest) -> HttpResponse:
    """Hide a banner for this session; one that cannot be dismissed is ignored."""
    notice = request.status.coming if request.GET.get("kind") == CHANGE else request.status.notice
    seen = {notice.kind: _name(notice)} if notice and notice.dismissible else {}
    if seen:
        request.session[_DISMISSED] = _dismissed(request) | seen
    return redirect(_back(request))


def _back(request: AuthorizedRequest) -> str:
    """The page that it was dismissed on, and never another server's."""
    page = request.headers.get("referer", "")
    here = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    return page if here else reverse("home")
