"""What somebody sees where there is nothing for them, or where something broke. The same words for what is another's as
for what is not there."""

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.shortcuts import render

from carnet.printable import printable
from carnet.web_kit.places import with_prefix

_ELSEWHERE = ("Origin checking failed", "Referer checking failed")
_LONG = 200  # characters of what a caller said that are said back


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, DisallowedHost):
        return _unknown_host(request)
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
    if reason.startswith(_ELSEWHERE):
        return _from_elsewhere(request)
    if reason == REASON_NO_CSRF_COOKIE:
        return fault_page(
            request,
            403,
            "The browser sent no cookie of this site with the form. Nothing was changed.",
            "Allow cookies for this address, load the page again, and send it again.",
        )
    return fault_page(
        request,
        403,
        "This form is older than your sign-in. Nothing was changed.",
        "Load the page again, and send it again.",
    )


def _from_elsewhere(request: HttpRequest) -> HttpResponse:
    """What was seen, and what is expected: most often a proxy changed one of the two."""
    seen = request.headers.get("Origin") or _origin(request.headers.get("Referer", ""))
    told = f"from {printable(seen, _LONG)}" if seen not in ("", "null") else "without saying from which address"
    expected = f"{request.scheme}://{request.get_host()}"
    return fault_page(
        request,
        403,
        f"The request came {told}, and this server answers for {expected}. Nothing was changed.",
        "Load the page at the address that you use, and send it again. If that does not help, tell the person who runs "
        "this server: a proxy must pass on the browser's Host, Origin and Referer, and say X-Forwarded-Proto.",
    )


def _origin(address: str) -> str:
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}" if rest else ""


def _unknown_host(request: HttpRequest) -> HttpResponse:
    seen, names = printable(request.META.get("HTTP_HOST", ""), _LONG), ", ".join(settings.ALLOWED_HOSTS)
    return fault_page(
        request,
        400,
        f"The server was asked for as {seen or 'nothing'}, and it answers for {names}.",
        "Use one of these names. Or tell the person who runs this server: the name is one to give to serve, or the "
        "proxy must pass on the browser's Host.",
    )


def fault_page(request: HttpRequest, status: int, message: str, next_step: str, *, code: bool = True) -> HttpResponse:
    """`code`: whether the page says the status by its number. What else there is to be told waits for another page: it
    is kept in the session, and what broke may be what keeps that."""
    context: dict[str, object] = {"message": message, "next": next_step, "messages": (), "start": with_prefix("/")}
    context |= {"code": status} if code else {}
    return render(request, "ui/fault.html", context, status=status)
