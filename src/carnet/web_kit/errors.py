"""What somebody sees where there is nothing for them, or where something broke. The same words for what is another's as
for what is not there."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    del exception
    return fault_page(
        request, 400, "The server cannot read this request.", "Go back, load the page again, and try again."
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    del exception
    return fault_page(
        request, 403, "Your role does not open this.", "If you need it, ask the person who manages users on your side."
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    del exception
    return fault_page(request, 404, "There is nothing at this address for you.", "Start again from the overview.")


def server_error(request: HttpRequest) -> HttpResponse:
    return fault_page(
        request,
        500,
        "Something broke, and it is not known what was done.",
        "Look at the page that shows it before you try again, and tell the person who runs this server.",
    )


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    del reason
    return fault_page(
        request,
        403,
        "This form is older than your sign-in. Nothing was changed.",
        "Load the page again, and send it again.",
    )


def fault_page(request: HttpRequest, status: int, message: str, next_step: str, *, code: bool = True) -> HttpResponse:
    """`code`: whether the page says the status by its number. What else there is to be told waits for another page: it
    is kept in the session, and what broke may be what keeps that."""
    context = {"message": message, "next": next_step, "messages": ()} | ({"code": status} if code else {})
    return render(request, "ui/fault.html", context, status=status)
