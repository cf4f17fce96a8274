"""Seats in use: the running leases of bots and products, and taking one back."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.pages.users.people import next_page
from carnet.control_room.pages.users.search import SearchPage, find_matching, search_terms
from carnet.control_room.queries.holders import Holders
from carnet.control_room.rules.granting.people import Permission
from carnet.control_room.rules.granting.seats import ReleaseSeat, SeatAnswer
from carnet.entitlements import Taking


@requires(Permission.VIEW)
@require_GET
def seats(request: AuthorizedRequest) -> HttpResponse:
    (search, after), sku = search_terms(request), request.GET.get("sku", "")
    found = find_matching(
        lambda place, limit: request.client.ask(Holders(sku or None, search, place, limit, only_seats=True)),
        lambda answer: [each for each in answer.holders if each.lease_id],
        after,
    )
    refusal = None if isinstance(found, SearchPage) else found
    names = {each.sku: each.name for each in request.status.products}
    context = {
        "found": None if refusal else found,
        "refusal": refusal,
        "search": search,
        "sku": sku,
        "after": after,
        "next": next_page(search, found, sku=sku),
        "names": names,
        "products": [each for each in request.status.products if each.metric.kind.taking is Taking.ACQUIRE],
    }
    return render(request, "room/users/seats.html", context, status=422 if refusal else 200)


class Seat(forms.Form):
    lease = forms.CharField(max_length=64)
    holder = forms.CharField(max_length=200, required=False)
    product = forms.CharField(max_length=200, required=False)


@requires(Permission.MANAGE)
@require_http_methods(["GET", "POST"])
def take_back(request: AuthorizedRequest) -> HttpResponse:
    """First what it means, then the act."""
    form = Seat(request.POST if request.method == "POST" else request.GET)
    if not form.is_valid():
        return redirect("users-seats")
    seat = form.cleaned_data
    refusal = None
    if request.method == "POST":
        answer = request.client.execute(ReleaseSeat(seat["lease"]), request.person.name)
        if isinstance(answer, SeatAnswer):
            messages.success(request, f"The seat of {answer.holder} is taken back.")
            return redirect("users-seats")
        refusal = answer
    context = {"seat": seat, "refusal": refusal}
    return render(request, "room/users/take_back.html", context, status=422 if refusal else 200)
