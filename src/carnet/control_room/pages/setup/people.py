"""People and roles (A1). Who may do what is in the ledger; everybody chooses their own password.

Acts on people whose role may install licenses or audit take two administrators (A3): one asks here, another confirms.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.pages.engine import answered
from carnet.control_room.pages.menu import ROLES
from carnet.control_room.pages.models import EntryCode, Login
from carnet.control_room.pages.notices import tell_factors_removed
from carnet.control_room.pages.runtime_config import runtime_services
from carnet.control_room.pages.sign_in import forget, link_for
from carnet.control_room.pages.sign_in import unlock as forget_tries
from carnet.control_room.rules.granting.people import (
    Access,
    AddPerson,
    ChangePerson,
    FindPerson,
    ListPeople,
    NoteAccess,
    Permission,
    PersonAnswer,
    PersonView,
    Role,
    takes_two,
)
from carnet.control_room.rules.granting.two_people import (
    Act,
    AskedAnswer,
    AskPersonAct,
    GiveLink,
    ListTwoPeople,
    RemoveFactors,
    SettlePersonAct,
)
from carnet.web_kit.forms import Asking
from carnet.web_kit.page_seen import seen_by
from carnet.web_kit.sign_in import half_codes

CAN = {
    Role.ADMINISTRATOR: "everything, also people, keys and settings",
    Role.LICENSE_MANAGER: "sees licenses, installs license files, hands out seats",
    Role.SEAT_MANAGER: "sees licenses, hands out seats",
    Role.AUDITOR: "sees licenses, reads the ledger",
    Role.VIEWER: "sees licenses",
}
ACTS = {
    Act.ROLE: "another role",
    Act.LINK: "a new link to choose a password with",
    Act.FACTORS: "second factor lost: remove all, and a new password",
}
SAID = {
    Act.ADD: "add {name} as {role}",
    Act.ROLE: "{name}: {role}",
    Act.LINK: "a new password for {name}",
    Act.FACTORS: "remove the second factors and the password of {name}, and end every session",
}
DONE_THERE = {
    "add": "was added",
    "role": "got another role",
    "link": "was given a link to a password",
    "second factors": "had the second factors removed",
    "vouched": "was vouched for",
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
    reason = forms.CharField(
        max_length=200,
        required=False,
        label="Reason",
        help_text="Where the role may install licenses or audit: a second administrator reads it, and confirms.",
    )


class AskForm(Asking):
    name = forms.CharField(max_length=64, widget=forms.HiddenInput)
    act = forms.ChoiceField(choices=[(act.value, label) for act, label in ACTS.items()], label="What")
    role = forms.ChoiceField(
        choices=[("", "—"), *((role.value, ROLES[role.value]) for role in Role)], required=False, label="The other role"
    )
    reason = forms.CharField(max_length=200, label="Reason", help_text="Kept in the ledger.")


@requires(Permission.ADMINISTER, fresh=True)
@require_http_methods(["GET", "POST"])
def people(request: AuthorizedRequest) -> HttpResponse:
    form = NewPerson(request.POST or None)
    if request.method == "POST":
        added = form.ask(lambda asked: _added(request, asked))
        if isinstance(added, AskedAnswer):
            return _waits(request, added)
        if added:
            return _page(request, NewPerson(), link=request.build_absolute_uri(link_for(added.name)))
    return _page(request, form, status=form.status)


def _added(request: AuthorizedRequest, asked: dict[str, Any]) -> Any:
    """Added, with a link; or asked for, where the role takes two."""
    name, role, by = asked["name"].lower(), asked["role"], request.person.name
    if takes_two(role):
        return request.client.execute(AskPersonAct(Act.ADD, name, role, asked["reason"], by), by)
    added = request.client.execute(AddPerson(name, role), by)
    if isinstance(added, PersonAnswer):
        forget(name)
        request.client.execute(GiveLink(name), by)
    return added


def _waits(request: AuthorizedRequest, asked: AskedAnswer) -> HttpResponse:
    """The first half of a code is shown once, to who asked."""
    messages.success(request, "A second administrator must confirm it. Until then nothing is changed.")
    if asked.anew or asked.act == Act.LINK:
        half = half_codes.begin(EntryCode, asked.proposal, asked.name, runtime_services().random(10))
        told = f"Your half of the code is shown once, here. {asked.name} types it in once this is confirmed: {half}"
        messages.info(request, told)
    return redirect("people")


def _page(request: AuthorizedRequest, form: NewPerson, *, link: str = "", status: int = 200) -> HttpResponse:
    two = request.client.ask(ListTwoPeople())
    page = {
        "form": form,
        "link": link,
        "people": _people(request),
        "roles": _roles(),
        "waiting": [{"asked": asked, "words": _words(asked.act, asked.name, asked.role)} for asked in two.waiting],
        "on_machine": [{"act": act, "words": DONE_THERE.get(act.act, act.act)} for act in two.on_machine],
    }
    return render(request, "room/setup/people.html", page, status=status)


def _words(act: str, name: str, role: str | None) -> str:
    return SAID[Act(act)].format(name=name, role=ROLES.get(role or "", ""))


def _people(request: AuthorizedRequest) -> list[dict[str, Any]]:
    found = request.client.ask(ListPeople())
    logins = {login.name: login for login in Login.objects.all()}
    return [_row(person, logins.get(person.name)) for person in found.people]


def _row(person: PersonView, login: Login | None) -> dict[str, Any]:
    return {
        "name": person.name,
        "role": person.role,
        "takes_two": takes_two(person.role),
        "added_at": person.added_at,
        "last_login": login.last_login if login else None,
        "has_password": bool(login and login.has_usable_password()),
    }


def _roles() -> list[dict[str, Any]]:
    return [{"value": role.value, "label": ROLES[role.value], "can": CAN[role]} for role in Role]


@requires(Permission.ADMINISTER, fresh=True)
@require_POST
def change(request: AuthorizedRequest) -> HttpResponse:
    """Another role; none lets somebody go. A role that takes two administrators is asked for on a page of its own."""
    name, role = request.POST.get("name", ""), request.POST.get("role") or None
    if role and takes_two(role):
        return redirect(f"{reverse('person-ask')}?{urlencode({'name': name, 'act': Act.ROLE, 'role': role})}")
    answer = request.client.execute(ChangePerson(name, role, seen=seen_by(request)), request.person.name)
    refused = answered(request, answer, back="people")
    if refused or not isinstance(answer, PersonAnswer):
        return refused or redirect("people")
    if answer.anew:
        forget(name)
    if role:
        messages.success(request, f"{name} is {ROLES[role]} from now on.")
    else:
        messages.success(request, f"{name} may sign in no more.")
    return redirect("people")


@requires(Permission.ADMINISTER, fresh=True)
@require_POST
def link(request: AuthorizedRequest) -> HttpResponse:
    """A new link to choose a password by; the password that somebody has goes on until they use it."""
    name = request.POST.get("name", "")
    refused = answered(request, request.client.execute(GiveLink(name), request.person.name), back="people")
    return refused or _page(request, NewPerson(), link=request.build_absolute_uri(link_for(name)))


@requires(Permission.ADMINISTER, fresh=True)
@require_POST
def factors(request: AuthorizedRequest) -> HttpResponse:
    """Somebody lost theirs: all are removed, with the password and every session, and there is a new link."""
    name = request.POST.get("name", "")
    refused = answered(request, request.client.execute(RemoveFactors(name), request.person.name), back="people")
    if refused:
        return refused
    forget(name)
    messages.success(request, f"{name} has no second factor and no password now, and is signed out everywhere.")
    messages.info(request, tell_factors_removed(name, request.person.name))
    return _page(request, NewPerson(), link=request.build_absolute_uri(link_for(name)))


@requires(Permission.ADMINISTER, fresh=True)
@require_POST
def unlock(request: AuthorizedRequest) -> HttpResponse:
    """Somebody was locked by wrong passwords: one administrator is enough, for it opens nothing by itself."""
    name = request.POST.get("name", "")
    refused = answered(request, request.client.ask(FindPerson(name)), back="people")
    if refused:
        return refused
    request.client.execute(NoteAccess(Access.UNLOCKED, name), request.person.name)
    forget_tries(name)
    messages.success(request, f"{name} can try to sign in again at once.")
    return redirect("people")


@requires(Permission.ADMINISTER, fresh=True)
@require_http_methods(["GET", "POST"])
def ask(request: AuthorizedRequest) -> HttpResponse:
    """Asks for an act that takes two administrators."""
    form = AskForm(request.POST) if request.method == "POST" else AskForm(initial=request.GET.dict())
    if request.method == "POST":
        by = request.person.name
        asked = form.ask(
            lambda given: request.client.execute(
                AskPersonAct(given["act"], given["name"], given["role"] or None, given["reason"], by), by
            )
        )
        if asked:
            return _waits(request, asked)
    name = request.POST.get("name") or request.GET.get("name", "")
    page = {"form": form, "title": f"Change {name}", "send": "Ask a second administrator to confirm"}
    return render(request, "ui/form_page.html", page, status=form.status if request.method == "POST" else 200)


@requires(Permission.ADMINISTER, fresh=True)
@require_POST
def settle(request: AuthorizedRequest) -> HttpResponse:
    """Confirm what another administrator asked for, or take it back."""
    confirmed, by = request.POST.get("decision") == "confirm", request.person.name
    answer = request.client.execute(SettlePersonAct(request.POST.get("proposal", ""), confirmed, by), by)
    refused = answered(request, answer, back="people")
    if refused or not isinstance(answer, AskedAnswer):
        return refused or redirect("people")
    if confirmed:
        _done(request, answer)
    else:
        messages.success(request, "It is taken back: nothing comes of it.")
    return redirect("people")


def _done(request: AuthorizedRequest, done: AskedAnswer) -> None:
    """What the pages keep, after what the ledger does: what opened the name before goes, and the second half of a code
    is shown."""
    if done.anew:
        forget(done.name)
    if done.act == Act.FACTORS:
        messages.info(request, tell_factors_removed(done.name, f"{done.asked_by} and {request.person.name}"))
    half = half_codes.complete(EntryCode, done.proposal, runtime_services().random(10), request.now)
    messages.success(request, "Confirmed and done.")
    if half:
        page = request.build_absolute_uri(reverse("entry-code"))
        told = f"The second half of the code is shown once, here. {done.name} types both in at {page}: {half}"
        messages.info(request, told)
