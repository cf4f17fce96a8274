"""N4: a form acts once. A double click, a reload and the way back in a browser send the same form again; it is answered
with what came of it, and is not carried out a second time.

The hidden field against forgery, which Django requires of every form, is masked in another way for each page that is
made. So it also names the form, and no form can lack it. What a script sends without such a field is as many acts as it
sends."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import wraps
from hashlib import sha256
from typing import Any, ClassVar, Protocol, cast

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import models
from django.http import HttpRequest, HttpResponseBase
from django.middleware.csrf import CSRF_TOKEN_LENGTH
from django.shortcuts import redirect

from carnet.web_kit.errors import fault_page

KEPT = timedelta(days=1)  # longer than a session lasts (A5), so longer than a form can be sent
_FIELD = "csrfmiddlewaretoken"
NOT_AGAIN = "This form was sent before. It was not carried out a second time."


class SentForms(models.Model):
    """Base of a side's rows. `digest` covers the name of the form, which is kept nowhere, and all that was sent."""

    digest = models.CharField(primary_key=True, max_length=64)
    at = models.DateTimeField()
    done = models.BooleanField(default=False)
    location = models.CharField(max_length=2000, blank=True)  # where the answer led; empty where it was a page or file

    objects: ClassVar[models.Manager["SentForms"]]

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.location


class _Signed(Protocol):
    """A request that the door let in."""

    sent_forms: type[SentForms]
    now: datetime


View = Callable[..., HttpResponseBase]


def once(view: View, *, pages_too: bool = True) -> View:
    """A view that carries a form out once (N4). What was refused, or failed, can be sent again as it is. `pages_too`:
    whether an answer of status 200 says that it was carried out; the sign-in package says with it what was wrong."""

    @wraps(view)
    def carried_out_once(request: HttpRequest, *words: Any, **named: Any) -> HttpResponseBase:
        kind = getattr(request, "sent_forms", None)
        if kind is None or request.method != "POST" or len(request.POST.get(_FIELD, "")) != CSRF_TOKEN_LENGTH:
            return view(request, *words, **named)
        row, is_first = _claim(cast("_Signed", request), _digest(request))
        if not is_first:
            return _answered_before(request, row)
        return _carry_out(row, lambda: view(request, *words, **named), pages_too=pages_too)

    return carried_out_once


def _claim(request: _Signed, digest: str) -> tuple[SentForms, bool]:
    """The row of the form, and whether it is this request that carries it out: one of any number at once."""
    rows = request.sent_forms.objects
    rows.filter(at__lt=request.now - KEPT).delete()
    return rows.get_or_create(digest=digest, defaults={"at": request.now})


def _carry_out(row: SentForms, act: Callable[[], HttpResponseBase], *, pages_too: bool) -> HttpResponseBase:
    try:
        answer = act()
    except BaseException:
        row.delete()
        raise
    if answer.status_code >= 400 or (answer.status_code == 200 and not pages_too):
        row.delete()
        return answer
    row.done, row.location = True, answer.headers.get("Location", "")
    row.save(force_update=True)
    return answer


def _answered_before(request: HttpRequest, row: SentForms) -> HttpResponseBase:
    if row.done and row.location:
        messages.info(request, f"{NOT_AGAIN} To do it once more, load the page and fill in the form again.")
        return redirect(row.location)
    if row.done:
        shown = "What it showed, such as a secret, is shown only once. Load the page again to see what was done."
        return fault_page(request, 409, NOT_AGAIN, shown, code=False)
    said = "Load the page again in a moment, and look at what was done."
    return fault_page(request, 409, "This form was sent before, and is carried out only once.", said, code=False)


def _digest(request: HttpRequest) -> str:
    """Of who sends it, where to, its name, and each field and file: other words in the same form are another act."""
    found = sha256()
    for part in _parts(request):
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()


def _parts(request: HttpRequest) -> Iterator[bytes]:
    yield from (str(request.user.pk).encode(), request.get_full_path().encode())
    for name, values in sorted(request.POST.lists()):
        yield from (part.encode() for part in (name, *values))
    for name, files in sorted(request.FILES.lists()):
        yield name.encode()
        yield from (_content(file) for file in cast("list[UploadedFile[bytes]]", files))


def _content(file: "UploadedFile[bytes]") -> bytes:
    found = sha256((file.name or "").encode())
    for chunk in file.chunks():
        found.update(chunk)
    file.seek(0)
    return found.digest()
