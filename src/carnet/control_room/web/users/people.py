"""People: who is assigned to what, page by page; one person; assigning, and taking back."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from carnet.control_room.authority.holders import People, UserDetail, UserDetailAnswer
from carnet.control_room.granting.people import May
from carnet.control_room.granting.users import AssignUser, UnassignUser, UserAnswer
from carnet.control_room.web.door import Visit, opens
from carnet.control_room.web.users.forms import Assign
from carnet.control_room.web.users.looking import Found, asked, look
from carnet.entitlements import Metric
from carnet.exchange.verdicts import Refusal


@opens(May.VIEW)
@require_GET
def users(request: Visit) -> HttpResponse:
    return show(request)


def show(request: Visit, form: Assign | None = None) -> HttpResponse:
    """The list, with what was typed into the form and the refusal of it."""
    search, after = asked(request)
    found = look(
        lambda place, limit: request.desk.ask(People(search, place, limit)), lambda answer: answer.people, after
    )
    refusal = None if isinstance(found, Found) else found
    form = form or Assign(request.status)
    context = {
        "found": None if refusal else found,
        "refusal": refusal,
        "search": search,
        "after": after,
        "next": next_page(search, found),
        "form": form,
        "products": [each for each in request.status.products if each.metric == Metric.NAMED_USER],
    }
    return render(request, "room/users/people.html", context, status=422 if refusal else form.status)


def next_page(search: str, found: object, **more: str) -> str:
    if not isinstance(found, Found) or found.next is None:
        return ""
    words = {"search": search, **more, "after": found.next}
    return "?" + urlencode({name: value for name, value in words.items() if value})


@opens(May.VIEW)
@require_GET
def person(request: Visit) -> HttpResponse:
    name = request.GET.get("name", "").strip()
    return show_person(request, name) if name else redirect("users")


def show_person(request: Visit, name: str, form: Assign | None = None, refusal: Refusal | None = None) -> HttpResponse:
    """Anybody may be looked for: whoever holds nothing can be assigned here."""
    found = request.desk.ask(UserDetail(name))
    assert isinstance(found, UserDetailAnswer)
    form = form or Assign(request.status, user=name)
    context = {"found": found, "form": form, "refusal": refusal or form.refusal}
    return render(request, "room/users/person.html", context, status=422 if refusal else form.status)


def person_url(name: str) -> str:
    return reverse("users-person") + "?" + urlencode({"name": name})


@opens(May.MANAGE)
@require_POST
def assign(request: Visit) -> HttpResponse:
    """`here`: it was asked at the page of the person."""
    here = "here" in request.POST
    form = Assign(request.status, request.POST, user=request.POST.get("user", "") if here else "")
    answer = form.ask(
        lambda given: request.desk.execute(AssignUser(given["product"], given["user"]), request.person.name)
    )
    if answer is None:
        return show_person(request, request.POST.get("user", "").strip(), form) if here else show(request, form)
    assert isinstance(answer, UserAnswer)
    told = {"user": answer.user, "name": _name(request, answer.sku), "n": answer.in_use, "all": answer.granted}
    messages.success(request, _("%(user)s is assigned to %(name)s. %(n)d of %(all)d are in use.") % told)
    return redirect(person_url(answer.user))


@opens(May.MANAGE)
@require_POST
def unassign(request: Visit) -> HttpResponse:
    """Takes effect at once; it can be assigned again, as long as one is left."""
    user, sku = request.POST.get("user", ""), request.POST.get("product", "")
    answer = request.desk.execute(UnassignUser(sku, user), request.person.name)
    if isinstance(answer, Refusal):
        return show_person(request, user, refusal=answer)
    assert isinstance(answer, UserAnswer)
    told = {"user": user, "name": _name(request, sku), "n": answer.in_use, "all": answer.granted}
    messages.success(request, _("%(user)s holds no %(name)s any more. %(n)d of %(all)d are in use.") % told)
    return redirect(person_url(user))


def _name(request: Visit, sku: str) -> str:
    return next((each.name for each in request.status.products if each.sku == sku), sku)
