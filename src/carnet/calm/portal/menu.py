"""The menu and the head of every page: which side this is, who is signed in, where one can go."""

from typing import Any

from django.conf import settings
from django.db import Error
from django.http import HttpRequest
from django.urls import reverse, reverse_lazy

from carnet.calm.people.access import Permission, may
from carnet.calm.people.models import Person
from carnet.calm.portal.portal import portal
from carnet.calm.queries.attention import vendor_counts
from carnet.web_kit.places import with_prefix


def page(request: HttpRequest) -> dict[str, Any]:
    """Context of every template. `account_id` in the context of a page adds the account's own part of the menu. Found
    once for each request: a page is made of several templates."""
    found: dict[str, Any] | None = getattr(request, "calm_page", None)
    if found is None:
        try:
            found = _page(request, _person(request))
        except Error:  # the database's: the page that says so has to come up without a menu
            found = _page(request, None)
        request.calm_page = found  # type: ignore[attr-defined]
    return found


def _person(request: HttpRequest) -> Person | None:
    user = getattr(request, "user", None)
    return user if isinstance(user, Person) else None


def _page(request: HttpRequest, person: Person | None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "side": "calm",
        "product": "CALM",
        "home_url": with_prefix("/"),
        "own_styles": ["calm/portal.css"],
        "vendor": portal().name,
        "sign_in": {
            "title": "Sign in to CALM",
            "lede": f"License operations of {portal().name}.",
            "links_by_mail": True,
            "sso": settings.SSO,
            "sso_by_address": True,
            "needs_second_factor": bool(person and person.is_vendor and settings.SECOND_FACTOR != "optional"),
        },
        "now": getattr(request, "now", None) or portal().now(),
        "person": person,
        "seen": getattr(request, "seen", None),
    }
    shown["code_time"] = shown["now"]
    if person is None:
        return shown
    account = person.account
    return shown | {
        "place": account.name if account else "License operations",
        "menu": _customer(request, account.id) if account else _vendor(request),
        **({} if account else _VENDOR_HEAD),
        "person_note": f"{person.email} · {person.role}",
        "person_menu": [
            {"label": "Password and second factor", "url": reverse("mfa_index"), "icon": "key"},
            {"label": "Where I am signed in", "url": reverse("usersessions_list"), "icon": "monitor"},
            *([{"label": "Single sign-on", "url": reverse("sso-mine"), "icon": "user-group"}] if settings.SSO else []),
            {"label": "API tokens", "url": reverse("api-tokens"), "icon": "file"},
        ],
        "sign_out_url": reverse("account_logout"),
        "allowed": {act.value: may(person.role, act) for act in Permission},
    }


_VENDOR_HEAD = {
    "search_url": reverse_lazy("search"),
    "search_label": "Account, License GUID, Control Room, file or person",
    "frame": "calm/parts/account.html",
}


def _vendor(request: HttpRequest) -> list[dict[str, Any]]:
    counts = vendor_counts(request.now)  # type: ignore[attr-defined]
    return [
        {
            "items": [
                _item(request, "inbox", "Inbox", "inbox", count=counts.approvals + counts.attention),
                _item(request, "accounts", "Accounts", "users"),
                _item(request, "rooms", "Control Rooms", "computer-desktop"),
                _item(request, "purchases", "Purchases", "shopping-cart"),
                _item(request, "expiring", "Expiring soon", "clock", count=counts.expiring),
                _item(request, "confirmations", "Confirmations", "check-circle", count=counts.proposals),
            ]
        },
        {
            "title": "Accountability",
            "items": [
                _item(request, "issuing-log", "Issuing log", "book-open"),
                _item(request, "audit-log", "Audit log", "list-bullet"),
                _item(request, "keys", "Keys", "key"),
            ],
        },
        {
            "title": "Set up",
            "items": [
                _item(request, "catalogue", "Catalogue", "chart-bar"),
                _item(request, "staff", "People", "user-group"),
                _item(request, "settings", "Settings", "cog-6-tooth"),
            ],
        },
    ]


def _customer(request: HttpRequest, account: str) -> list[dict[str, Any]]:
    def item(name: str, label: str, icon: str) -> dict[str, Any]:
        return _item(request, name, label, icon, account=account)

    return [
        {
            "items": [
                item("customer", "Overview", "home"),
                item("customer-rooms", "Control Rooms", "computer-desktop"),
                item("customer-purchases", "Purchases", "shopping-cart"),
                item("customer-files", "Files", "arrows-right-left"),
                item("customer-timeline", "Timeline", "clock"),
            ]
        },
        {
            "title": "Account",
            "items": [
                item("customer-approval", "Offline approval", "shield-check"),
                item("customer-people", "People", "users"),
                item("customer-notices", "Notices", "bell"),
                *([item("account-issuer", "Single sign-on", "key")] if settings.SSO else []),
            ],
        },
    ]


def _item(request: HttpRequest, name: str, label: str, icon: str, *, count: int = 0, **of: str) -> dict[str, Any]:
    url = reverse(name, kwargs=of or None)
    here = request.path == url or (name != "customer" and request.path.startswith(url))
    return {"label": label, "url": url, "icon": icon, "count": count or None, "current": here}
