"""People: of an account, or vendor staff. One page for both: who is in, adding, roles, letting go.

On vendor staff two people act (A3): what is asked for here waits under *Confirmations*. Letting go needs one.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from carnet.calm.people import staff, staff_acts
from carnet.calm.people.access import CUSTOMER_ROLES, Permission, Role
from carnet.calm.people.models import Person
from carnet.calm.people.staff_acts import StaffAct
from carnet.calm.portal import links
from carnet.calm.portal.door import AuthorizedRequest, needs, requires
from carnet.calm.portal.scope import account_of, person_of
from carnet.web_kit.forms import Asking, Reason
from carnet.web_kit.sign_in.adapters import password_link

ACTS = {
    staff_acts.LINK: "a new link to choose a password with",
    staff_acts.ROLE: "another role",
    staff_acts.LET_IN: "let them in again",
    staff_acts.FACTORS: "second factor lost: remove all, and a new password",
}


def _roles(*, customer: bool) -> list[tuple[str, str]]:
    return [(role.value, role.value) for role in Role if (role in CUSTOMER_ROLES) == customer]


class NewPerson(Asking):
    email = forms.EmailField(label="E-mail address")
    name = forms.CharField(max_length=200, label="Name")
    role = forms.ChoiceField(label="Role", choices=_roles(customer=True))


class NewStaff(Reason):
    email = forms.EmailField(label="E-mail address")
    name = forms.CharField(max_length=200, label="Name")
    role = forms.ChoiceField(label="Role", choices=_roles(customer=False))
    field_order = ("email", "name", "role", "reason")


class Change(Reason):
    kind = forms.ChoiceField(label="What", choices=list(ACTS.items()))
    role = forms.ChoiceField(label="The other role", choices=[("", "—"), *_roles(customer=False)], required=False)
    field_order = ("kind", "role", "reason")


@requires(Permission.SEE, fresh=True)
@require_http_methods(["GET", "POST"])
def customer_people(request: AuthorizedRequest, account: str) -> HttpResponse:
    customer = account_of(request, account)
    form, link = NewPerson(request.POST or None), ""
    if request.method == "POST" and needs(request, Permission.MANAGE_PEOPLE):
        added = form.ask(lambda asked: staff.add_person(request.calm, account=customer.id, **asked, **request.who))
        if added:
            link = _link(request, added.email)
            form = NewPerson(None)
    page = {"form": form, "link": link, "account_id": customer.id, "account_name": customer.name}
    page["roles"] = [role for role, _ in _roles(customer=True)]
    return _people(request, page, form.status)


def _link(request: AuthorizedRequest, email: str, *, lost_by: str = "") -> str:
    """A3: by mail to the person alone; shown, where no mail server is set."""
    if links.mail_is_set():
        links.mailed(request, email, lost_by=lost_by)
        return ""
    return request.build_absolute_uri(password_link(staff.find_person(email)))


@requires(Permission.SEE_VENDOR, fresh=True)
@require_http_methods(["GET", "POST"])
def vendor_people(request: AuthorizedRequest) -> HttpResponse:
    form = NewStaff(request.POST or None)
    if request.method == "POST" and needs(request, Permission.MANAGE_PEOPLE):
        asked = form.ask(lambda fields: _proposed(request, StaffAct(staff_acts.ADD, **fields)))
        if asked:
            return _waits(request, asked)
    return _people(request, {"form": form, "account_id": None}, form.status)


def _people(request: AuthorizedRequest, page: dict[str, Any], status: int) -> HttpResponse:
    rows = Person.objects.filter(account=page["account_id"]).order_by("email")
    return render(request, "calm/people.html", page | {"people": rows}, status=status)


def _proposed(request: AuthorizedRequest, asked: StaffAct) -> Any:
    return staff_acts.propose(request.calm, asked, by_mail=links.mail_is_set(), **request.who)


def _waits(request: AuthorizedRequest, asked: staff_acts.StaffProposed) -> HttpResponse:
    """The first half of a code is shown once, to who asked."""
    messages.success(request, "A second person must confirm it. Until then nothing is changed.")
    if asked.half:
        who = asked.proposed.subject
        told = f"Your half of the code is shown once, here. {who} types it in once this is confirmed: {asked.half}"
        messages.info(request, told)
    return redirect("confirmations")


@requires(Permission.OPERATE, fresh=True)
@require_http_methods(["GET", "POST"])
def staff_person(request: AuthorizedRequest, colleague: int) -> HttpResponse:
    """Asks for an act on one of the vendor's staff."""
    about = person_of(request, colleague)
    if not about.is_vendor:
        raise Http404
    form = Change(request.POST or None)
    if request.method == "POST":
        asked = form.ask(lambda fields: _proposed(request, StaffAct(email=about.email, **fields)))
        if asked:
            return _waits(request, asked)
    lede = f"{about.email}, {about.role}. A second person confirms it."
    page = {"form": form, "title": f"Change {about}", "lede": lede, "send": "Ask a second person to confirm"}
    return render(request, "ui/form_page.html", page, status=form.status)


@requires(Permission.MANAGE_PEOPLE, fresh=True)
@require_POST
def change_person(request: AuthorizedRequest, person: int) -> HttpResponse:
    """Another role, in or out, a new link to choose a password with, or no second factors any more."""
    changed = person_of(request, person)
    form = Asking(request.POST)
    form.ask(lambda _asked: _change(request, changed))
    back = _back(changed)
    if form.errors:
        context = {"form": form, "back_url": back, "account_id": changed.account_id}
        return render(request, "calm/refused_act.html", context, status=422)
    return redirect(back)


def _change(request: AuthorizedRequest, changed: Person) -> bool:
    what = request.POST.get("what", "")
    if what == "link":
        staff.give_link(request.calm, email=changed.email, **request.who)
        if path := _link(request, changed.email):
            messages.info(request, f"{changed} chooses a password here, once: {path}")
    elif what == "factors":
        staff.remove_second_factors(request.calm, email=changed.email, **request.who)
        messages.success(request, f"{changed} has no second factor and no password now, and is signed out everywhere.")
        if path := _link(request, changed.email, lost_by=request.person.email):
            messages.info(request, f"{changed} chooses a password here, once: {path}")
    elif what == "unlock":
        staff.unlock(request.calm, email=changed.email, **request.who)
        messages.success(request, f"{changed} can try to sign in again at once.")
    elif what in ("activate", "deactivate"):
        staff.set_active(request.calm, email=changed.email, active=what == "activate", **request.who)
        messages.success(request, f"{changed} is {'active' if what == 'activate' else 'deactivated'} now.")
    else:
        staff.change_role(request.calm, email=changed.email, role=what, **request.who)
        messages.success(request, f"{changed} is {what} from now on.")
    return True


def _back(person: Person) -> str:
    return reverse("customer-people", args=[person.account_id]) if person.account_id else reverse("staff")
