"""People: who is assigned to what, page by page; one person; assigning, and taking back."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.pages.users.search import SearchPage, find_matching, search_terms
from carnet.control_room.queries.holders import People, UserDetail
from carnet.control_room.queries.status import Status
from carnet.control_room.rules.granting.people import Permission
from carnet.control_room.rules.granting.preconditions import MAX_NAME
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser
from carnet.entitlements import Taking
from carnet.exchange.verdicts import Code, Refusal
from carnet.web_kit import words
from carnet.web_kit.forms import Asking

T = TypeVar("T")


class Assign(Asking):
    user = forms.CharField(
        max_length=MAX_NAME,
        label="User",
        help_text="The name by which your directory knows them.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    product = forms.ChoiceField(label="Product")
    even_so = forms.BooleanField(
        required=False,
        label="This is another person",
        help_text="Assign it, though somebody has a name like this one.",
        widget=forms.HiddenInput(),
    )

    def __init__(self, status: Status, data: Any = None, user: str = "") -> None:
        super().__init__(data, auto_id="assign-%s")
        field = self.fields["product"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (
                product.sku,
                f"{product.name}, {words.number(product.remaining)} left",
            )
            for product in status.products
            if product.metric.kind.taking is Taking.ASSIGN
        ]
        if user:
            self.fields["user"].initial = user
            self.fields["user"].widget = forms.HiddenInput()
        if self.data.get("even_so"):  # it goes on being seen: the next name may be another
            self._offer_even_so()

    def ask(self, do: Callable[[dict[str, Any]], T | Refusal]) -> T | None:
        """G2: who is refused as a likely twin is asked whether these are two people."""
        answer = super().ask(do)
        if self.refusal and self.refusal.code is Code.LIKELY_TWIN:
            self._offer_even_so()
        return answer

    def _offer_even_so(self) -> None:
        self.fields["even_so"].widget = forms.CheckboxInput()


@requires(Permission.VIEW)
@require_GET
def users(request: AuthorizedRequest) -> HttpResponse:
    return show(request)


def show(request: AuthorizedRequest, form: Assign | None = None) -> HttpResponse:
    """The list, with what was typed into the form and the refusal of it."""
    search, after = search_terms(request)
    found = find_matching(
        lambda place, limit: request.client.ask(People(search, place, limit)), lambda answer: answer.people, after
    )
    refusal = None if isinstance(found, SearchPage) else found
    form = form or Assign(request.status)
    context = {
        "found": None if refusal else found,
        "refusal": refusal,
        "search": search,
        "after": after,
        "next": next_page(search, found),
        "form": form,
        "products": [each for each in request.status.products if each.metric.kind.taking is Taking.ASSIGN],
    }
    return render(request, "room/users/people.html", context, status=422 if refusal else form.status)


def next_page(search: str, found: object, **more: str) -> str:
    if not isinstance(found, SearchPage) or found.next is None:
        return ""
    words = {"search": search, **more, "after": found.next}
    return "?" + urlencode({name: value for name, value in words.items() if value})


@requires(Permission.VIEW)
@require_GET
def person(request: AuthorizedRequest) -> HttpResponse:
    name = request.GET.get("name", "").strip()
    return show_person(request, name) if name else redirect("users")


def show_person(
    request: AuthorizedRequest, name: str, form: Assign | None = None, refusal: Refusal | None = None
) -> HttpResponse:
    """Any name may be looked for: a user who holds nothing can be assigned here."""
    found = request.client.ask(UserDetail(name))
    form = form or Assign(request.status, user=name)
    context = {"found": found, "form": form, "refusal": refusal or form.refusal}
    return render(request, "room/users/person.html", context, status=422 if refusal else form.status)


def person_url(name: str) -> str:
    return reverse("users-person") + "?" + urlencode({"name": name})


@requires(Permission.MANAGE)
@require_POST
def assign(request: AuthorizedRequest) -> HttpResponse:
    """`here`: it was asked at the page of the person."""
    here = "here" in request.POST
    form = Assign(request.status, request.POST, user=request.POST.get("user", "") if here else "")
    answer = form.ask(
        lambda given: request.client.execute(
            AssignUser(given["product"], given["user"], given["even_so"]), request.person.name
        )
    )
    if answer is None:
        return show_person(request, request.POST.get("user", "").strip(), form) if here else show(request, form)
    name = _name(request, answer.sku)
    messages.success(request, f"{answer.user} is assigned to {name}. {answer.in_use} of {answer.granted} are in use.")
    return redirect(person_url(answer.user))


@requires(Permission.MANAGE)
@require_POST
def unassign(request: AuthorizedRequest) -> HttpResponse:
    """Takes effect at once; it can be assigned again, as long as one is left."""
    user, sku = request.POST.get("user", ""), request.POST.get("product", "")
    answer = request.client.execute(UnassignUser(sku, user), request.person.name)
    if isinstance(answer, Refusal):
        return show_person(request, user, refusal=answer)
    name = _name(request, sku)
    messages.success(request, f"{user} does not hold {name} any more. {answer.in_use} of {answer.granted} are in use.")
    return redirect(person_url(user))


def _name(request: AuthorizedRequest, sku: str) -> str:
    return next((each.name for each in request.status.products if each.sku == sku), sku)
