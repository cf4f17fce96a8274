"""The menu and the head of every page: which server this is, who is signed in, where one can go."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from carnet.control_room.local_api.client import UnixClient
from carnet.control_room.pages.banners import notices
from carnet.control_room.pages.door import needs_second_factor
from carnet.control_room.queries import questions
from carnet.control_room.queries.status import Status
from carnet.control_room.rules.granting.people import Permission, PersonView
from carnet.web_kit.places import with_prefix

ROLES = {
    "administrator": "administrator",
    "license_manager": "license manager",
    "seat_manager": "seat manager",
    "auditor": "auditor",
    "viewer": "viewer",
}


def page(request: HttpRequest) -> dict[str, Any]:
    """Context of every template."""
    status: Status | None = getattr(request, "status", None)
    person: PersonView | None = getattr(request, "person", None)
    shown: dict[str, Any] = {
        "side": "room",
        "product": "Control Room",
        "home_url": with_prefix("/"),
        "own_styles": ["room/pages.css"],
        "place": status.name if status else "",
        "version": f"v.{status.version}" if status else "",
        "now": status.clock.trusted if status else None,
        "code_time": status.clock.system if status else None,
        "status": status,
        "sign_in": {
            "title": "Sign in",
            "lede": f"Licensing server of {status.name}." if status else "",
            "links_by_mail": False,
            "sso": settings.SSO,
            "link_command": "control-room person link NAME",
            "needs_second_factor": bool(person and needs_second_factor(person)),
        },
    }
    return shown if person is None or status is None else shown | _signed_in(request, person, status)


def _signed_in(request: HttpRequest, person: PersonView, status: Status) -> dict[str, Any]:
    return {
        "person": person.name,
        "seen": _seen(request, status),
        "person_note": ROLES.get(person.role or "", ""),
        "person_menu": [
            {"label": "Password and second factor", "url": reverse("mfa_index"), "icon": "key"},
            {"label": "Where I am signed in", "url": reverse("usersessions_list"), "icon": "monitor"},
            *([{"label": "Single sign-on", "url": reverse("sso-mine"), "icon": "user-group"}] if settings.SSO else []),
        ],
        "sign_out_url": reverse("account_logout"),
        "menu": _menu(request, person, status),
        "notices": notices(request, status),
        "allowed": {act.value: person.may(act) for act in Permission},
    }


def _seen(request: HttpRequest, status: Status) -> Any:
    """N5: how many records the ledger had before the page was made; after an act, before its answer is."""
    if request.method == "GET":
        return status.checkpoint.size
    client: UnixClient = request.client  # type: ignore[attr-defined]
    return SimpleLazyObject(lambda: client.ask(questions.Status()).checkpoint.size)


def _menu(request: HttpRequest, person: PersonView, status: Status) -> list[dict[str, Any]]:
    def item(name: str, label: str, icon: str, act: Permission, count: int = 0) -> list[dict[str, Any]]:
        if not person.may(act):
            return []
        url = reverse(name)
        here = request.path == url or (name != "home" and request.path.startswith(url))
        here = here or (name == "home" and request.path_info.startswith("/products/"))
        return [{"label": label, "url": url, "icon": icon, "count": count or None, "current": here}]

    sections = [
        {
            "title": "Administration",
            "items": [
                *item("home", "License Management", "home", Permission.VIEW),
                *item(
                    "exchange",
                    "Manage offline licenses",
                    "arrows-right-left",
                    Permission.VIEW,
                    int(bool(status.cycle)),
                ),
                *item("users", "Users and seats", "users", Permission.VIEW),
                *item("what-if", "What if", "clock", Permission.VIEW),
                *item("ledger", "Ledger", "book-open", Permission.AUDIT),
            ],
        },
        {
            "title": "Set up",
            "items": [
                *item("api-keys", "API keys", "key", Permission.ADMINISTER),
                *item("people", "People and roles", "user-group", Permission.ADMINISTER),
                *item("settings", "Settings", "cog-6-tooth", Permission.ADMINISTER),
            ],
        },
    ]
    return [section for section in sections if section["items"]]
