"""What a view does with an answer that is a refusal: a page that says so, with the way back."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from carnet.exchange.verdicts import Refusal


def answered(request: HttpRequest, answer: object, *, back: str) -> HttpResponse | None:
    """None where it was no refusal. `back`: the name of the page to go back to."""
    if not isinstance(answer, Refusal):
        return None
    page = {"refusal": answer, "back_url": reverse(back)}
    return render(request, "room/refused.html", page, status=422)
