"""A5: a session that ends while somebody types. What they sent is kept in the new session of their browser, and shown
once they signed in again: nothing is done before they send it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET

MOST = 64 * 1024  # characters of one form that are kept
UNSEEN = {  # what a page puts into a form, and no person typed
    "after", "fingerprint", "good_rows_only", "here", "lease", "lfr", "next", "only_good", "proposal", "refused",
    "rows", "seen", "text",
}  # fmt: skip
_TYPED, _TOKEN = "typed", "csrfmiddlewaretoken"


def keep(request: HttpRequest, pk: object) -> bool:
    """`pk`: of whose session ended. A file and a password are never kept."""
    fields = [[name, value] for name, values in request.POST.lists() for value in values if name != _TOKEN]
    secret = any("password" in name.casefold() for name, _ in fields)
    if not fields or secret or request.FILES or sum(len(name) + len(value) for name, value in fields) > MOST:
        return False
    request.session[_TYPED] = {"by": str(pk), "path": request.get_full_path(), "fields": fields}
    return True


def next_of(request: HttpRequest, *, kept: bool) -> str:
    """Where one goes after signing in again: never to an address that only takes forms."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    if kept:
        return reverse("typed-again")
    back = request.headers.get("Referer", "")
    own = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return back if own else reverse("home")


@require_GET
def typed_again(request: HttpRequest) -> HttpResponse:
    """What this very person typed, with a button that sends it."""
    typed = request.session.get(_TYPED)
    if not typed or typed["by"] != str(request.user.pk):
        return redirect("home")
    shown = [(_words(name), value) for name, value in typed["fields"] if name not in UNSEEN and value]
    return render(request, "account/typed.html", {"path": typed["path"], "fields": typed["fields"], "shown": shown})


def _words(name: str) -> str:
    """`valid_until` as people read it: the form that knows its own words is not here."""
    return name.replace("_", " ").replace("-", " ").strip().capitalize()
