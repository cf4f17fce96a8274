"""People: of an account, or vendor staff. One page for both: who is in, adding, roles, letting go."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from carnet.calm.people import staff
from carnet.calm.people.access import CUSTOMER_ROLES, Permission, Role
from carnet.calm.people.models import Person
from carnet.calm.portal.door import AuthorizedRequest, needs, requires
from carnet.calm.portal.scope import account_of, person_of
from carnet.web_kit.forms import Asking
from carnet.web_kit.sign_in.adapters import password_link


class NewPerson(Asking):
    email = forms.EmailField(label="E-mail address")
    name = forms.CharField(max_length=200, label="Name")
    role = forms.ChoiceField(label="Role")

    def __init__(self, data: Any, *, customer: bool) -> None:
        super().__init__(data)
        roles = [role for role in Role if (role in CUSTOMER_ROLES) == customer]
        self.fields["role"].choices = [(role.value, role.value) for role in roles]  # type: ignore[attr-defined]


@requires(Permission.SEE)
@require_http_methods(["GET", "POST"])
def customer_people(request: AuthorizedRequest, account: str) -> HttpResponse:
    customer = account_of(request, account)
    return _people(request, customer.id, customer.name)


@requires(Permission.SEE_VENDOR)
@require_http_methods(["GET", "POST"])
def vendor_people(request: AuthorizedRequest) -> HttpResponse:
    return _people(request, None, "")


def _people(request: AuthorizedRequest, account: str | None, name: str) -> HttpResponse:
    form = NewPerson(request.POST or None, customer=account is not None)
    link = ""
    if request.method == "POST" and needs(request, Permission.MANAGE_PEOPLE):
        added = form.ask(lambda asked: staff.add_person(request.calm, account=account, **asked, **request.who))
        if added:
            link = request.build_absolute_uri(password_link(staff.find_person(added.email)))
            form = NewPerson(None, customer=account is not None)
    rows = Person.objects.filter(account=account).order_by("email")
    page = {"people": rows, "form": form, "link": link, "account_id": account, "account_name": name}
    return render(request, "calm/people.html", page, status=form.status)


@requires(Permission.MANAGE_PEOPLE)
@require_POST
def change_person(request: AuthorizedRequest, person: int) -> HttpResponse:
    """Another role, in or out, or a new link to choose a password with."""
    changed = person_of(request, person)
    form = Asking(request.POST)
    form.ask(lambda _asked: _change(request, changed))
    back = _back(changed)
    if form.errors:
        return render(request, "calm/refused_act.html", {"form": form, "back_url": back}, status=422)
    return redirect(back)


def _change(request: AuthorizedRequest, changed: Person) -> bool:
    what = request.POST.get("what", "")
    if what == "link":
        staff.give_link(request.calm, email=changed.email, **request.who)
        path = request.build_absolute_uri(password_link(changed))
        messages.success(request, f"{changed} chooses a password here, once: {path}")
    elif what in ("activate", "deactivate"):
        staff.set_active(request.calm, email=changed.email, active=what == "activate", **request.who)
        messages.success(request, f"{changed}: done.")
    else:
        staff.change_role(request.calm, email=changed.email, role=what, **request.who)
        messages.success(request, f"{changed} is {what} from now on.")
    return True


def _back(person: Person) -> str:
    return reverse("customer-people", args=[person.account_id]) if person.account_id else reverse("staff")
