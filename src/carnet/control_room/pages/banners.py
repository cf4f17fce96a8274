"""The banner above every page (S): what the engine says of the state, and who has put it away for their session."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.queries.banner import Banner
from carnet.control_room.queries.status import Status
from carnet.control_room.rules.granting.people import Permission
from carnet.web_kit.states import banner_icon

_DISMISSED = "dismissed"  # in the session: the notice that somebody has seen


def notices(request: HttpRequest, status: Status) -> list[dict[str, Any]]:
    found = []
    if status.storage:
        found.append(
            {"tone": "bad", "icon": "refused", "title": "Nothing can be recorded now.", "text": status.storage}
        )
    notice = status.notice
    if notice and not _is_dismissed(request, notice):
        found.append(_shown(request, notice))
    return found


def _shown(request: HttpRequest, notice: Banner) -> dict[str, Any]:
    exchange = reverse("exchange")
    return {
        "tone": notice.tone,
        "icon": banner_icon(notice.kind, notice.tone),
        "title": notice.title,
        "text": notice.text,
        "dismiss": reverse("dismiss-notice") if notice.dismissible else "",
        "act": None
        if request.path.startswith(exchange)
        else {"label": "Manage offline licenses", "url": exchange, "variant": _variant(request)},
    }


def _variant(request: HttpRequest) -> str:
    """One primary button a page: it is the banner's on the page that has none of its own."""
    return "primary" if request.path == reverse("home") else ""


def _is_dismissed(request: HttpRequest, notice: Banner) -> bool:
    return notice.dismissible and request.session.get(_DISMISSED) == _name(notice)


def _name(notice: Banner) -> str:
    """Another end, or another request, is another notice."""
    return f"{notice.kind} {notice.until.isoformat() if notice.until else ''} {notice.text}"


@requires(Permission.VIEW)
@require_POST
def dismiss(request: AuthorizedRequest) -> HttpResponse:
    """Hide the banner for this session; a banner that cannot be dismissed is ignored."""
    notice = request.status.notice
    if notice and notice.dismissible:
        request.session[_DISMISSED] = _name(notice)
    return redirect(_back(request))


def _back(request: AuthorizedRequest) -> str:
    """The page that it was dismissed on, and never another server's."""
    page = request.headers.get("referer", "")
    here = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    return page if here else reverse("home")
