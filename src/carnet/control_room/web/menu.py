"""The menu and the head of every page: which server this is, who is signed in, where one can go."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from carnet.control_room.authority.views import Status
from carnet.control_room.granting.people import May, PersonView
from carnet.control_room.web.banners import notices

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
    shown: dict[str, Any] = {
        "side": "room",
        "product": "Control Room",
        "own_styles": ["room/pages.css"],
        "place": status.name if status else "",
        "version": f"v.{status.version}" if status else "",
        "now": status.clock.trusted if status else None,
        "status": status,
        "sign_in": {
            "title": _("Sign in"),
            "lede": _("Licensing server of %(name)s.") % {"name": status.name} if status else "",
            "links_by_mail": False,
            "link_command": "control-room person link NAME",
            "needs_second_factor": settings.NEEDS_SECOND_FACTOR,
        },
    }
    person: PersonView | None = getattr(request, "person", None)
    return shown if person is None or status is None else shown | _signed_in(request, person, status)


def _signed_in(request: HttpRequest, person: PersonView, status: Status) -> dict[str, Any]:
    return {
        "person": person.name,
        "person_note": ROLES.get(person.role or "", ""),
        "person_menu": [
            {"label": _("Password and second factor"), "url": reverse("mfa_index"), "icon": "key"},
            {"label": _("Where I am signed in"), "url": reverse("usersessions_list"), "icon": "monitor"},
        ],
        "sign_out_url": reverse("account_logout"),
        "menu": _menu(request, person, status),
        "notices": notices(request, status),
        "allowed": {act.value: person.may(act) for act in May},
    }


def _menu(request: HttpRequest, person: PersonView, status: Status) -> list[dict[str, Any]]:
    def item(name: str, label: str, icon: str, act: May, count: int = 0) -> list[dict[str, Any]]:
        if not person.may(act):
            return []
        url = reverse(name)
        here = request.path == url or (name != "home" and request.path.startswith(url))
        here = here or (name == "home" and request.path.startswith("/products/"))
        return [{"label": label, "url": url, "icon": icon, "count": count or None, "current": here}]

    sections = [
        {
            "title": _("Administration"),
            "items": [
                *item("home", _("License Management"), "home", May.VIEW),
                *item("exchange", _("Manage offline licenses"), "arrows-right-left", May.VIEW, int(bool(status.cycle))),
                *item("users", _("Users and seats"), "users", May.VIEW),
                *item("what-if", _("What if"), "clock", May.VIEW),
                *item("ledger", _("Ledger"), "book-open", May.AUDIT),
            ],
        },
        {
            "title": _("Set up"),
            "items": [
                *item("api-keys", _("API keys"), "key", May.ADMINISTER),
                *item("people", _("People and roles"), "user-group", May.ADMINISTER),
                *item("settings", _("Settings"), "cog-6-tooth", May.ADMINISTER),
            ],
        },
    ]
    return [section for section in sections if section["items"]]
