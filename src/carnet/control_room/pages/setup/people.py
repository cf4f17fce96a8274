"""People and roles (A1). Who may do what is in the ledger; everybody chooses their own password, by a link."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.pages.engine import answered
from carnet.control_room.pages.menu import ROLES
from carnet.control_room.pages.models import Login
from carnet.control_room.pages.sign_in import link_for
from carnet.control_room.rules.granting.people import (
    Access,
    AddPerson,
    ChangePerson,
    FindPerson,
    ListPeople,
    NoteAccess,
    Permission,
    PersonView,
    Role,
)
from carnet.web_kit.forms import Asking

CAN = {
    Role.ADMINISTRATOR: "everything, also people, keys and settings",
    Role.LICENSE_MANAGER: "sees licenses, installs license files, hands out seats",
    Role.SEAT_MANAGER: "sees licenses, hands out seats",
    Role.AUDITOR: "sees licenses, reads the ledger",
    Role.VIEWER: "sees licenses",
}


class NewPerson(Asking):
    name = forms.CharField(
        max_length=64,
        label="User name",
        help_text="a–z, 0–9 and . _ @ -; acts are recorded under it.",
    )
    role = forms.ChoiceField(
        choices=[(role.value, ROLES[role.value]) for role in Role],
        initial=Role.VIEWER.value,
        label="Role",
    )


@requires(Permission.ADMINISTER)
@require_http_methods(["GET", "POST"])
def people(request: AuthorizedRequest) -> HttpResponse:
    form, link_ = NewPerson(request.POST or None), ""
    if request.method == "POST":
        added = form.ask(
            lambda asked: request.client.execute(AddPerson(asked["name"].lower(), asked["role"]), request.person.name)
        )
        if added:
            link_ = _link(request, added.name)
    status = form.status
    page = {"form": NewPerson() if link_ else form, "link": link_, "people": _people(request), "roles": _roles()}
    return _page(request, page, status)


def _page(request: AuthorizedRequest, page: dict[str, Any], status: int = 200) -> HttpResponse:
    return render(request, "room/setup/people.html", page, status=status)


def _people(request: AuthorizedRequest) -> list[dict[str, Any]]:
    found = request.client.ask(ListPeople())
    logins = {login.name: login for login in Login.objects.all()}
    return [_row(person, logins.get(person.name)) for person in found.people]


def _row(person: PersonView, login: Login | None) -> dict[str, Any]:
    return {
        "name": person.name,
        "role": person.role,
        "added_at": person.added_at,
        "last_login": login.last_login if login else None,
        "has_password": bool(login and login.has_usable_password()),
    }


def _roles() -> list[dict[str, Any]]:
    return [{"value": role.value, "label": ROLES[role.value], "can": CAN[role]} for role in Role]


def _link(request: AuthorizedRequest, name: str) -> str:
    request.client.execute(NoteAccess(Access.LINK_GIVEN, name), request.person.name)
    return request.build_absolute_uri(link_for(name))


@requires(Permission.ADMINISTER)
@require_POST
def change(request: AuthorizedRequest) -> HttpResponse:
    """Another role; none lets somebody go."""
    name, role = request.POST.get("name", ""), request.POST.get("role") or None
    answer = request.client.execute(ChangePerson(name, role), request.person.name)
    refused = answered(request, answer, back="people")
    if refused:
        return refused
    if role:
        messages.success(request, f"{name} is {ROLES[role]} from now on.")
    else:
        messages.success(request, f"{name} may sign in no more.")
    return redirect("people")


@requires(Permission.ADMINISTER)
@require_POST
def link(request: AuthorizedRequest) -> HttpResponse:
    """A new link to choose a password by; the password that somebody has goes on until they use it."""
    name = request.POST.get("name", "")
    refused = answered(request, request.client.ask(FindPerson(name)), back="people")
    if refused:
        return refused
    page = {"form": NewPerson(), "link": _link(request, name), "people": _people(request), "roles": _roles()}
    return _page(request, page)
