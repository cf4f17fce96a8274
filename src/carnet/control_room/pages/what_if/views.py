"""What if: another day, and the license file that is installed until then. It only looks: neither what is asked nor a
file that is sent for it is kept.
"""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from carnet import times
from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.pages.models import Preview
from carnet.control_room.pages.what_if.chart import draw
from carnet.control_room.pages.what_if.sentences import sentences
from carnet.control_room.queries.forecast import seen_first, seen_on
from carnet.control_room.queries.what_if import FAR, WhatIf, WhatIfAnswer
from carnet.control_room.rules.granting.people import Permission
from carnet.exchange.verdicts import Refusal
from carnet.web_kit.files import read_upload
from carnet.web_kit.forms import DayField

NOTHING, PREVIEW, FILE = "nothing", "preview", "file"


class Suppose(forms.Form):
    """`on`: seen at noon, UTC."""

    on = DayField(label="On this day", help_text="Year-month-day, seen at 12:00 UTC")
    then = forms.ChoiceField(choices=[(NOTHING, ""), (PREVIEW, ""), (FILE, "")], required=False, label="and until then")

    def __init__(self, *given: Any, now: datetime, **more: Any) -> None:
        super().__init__(*given, **more)
        self._now = now

    def clean_on(self) -> datetime:
        day: datetime = self.cleaned_data["on"]
        if day > times.later(self._now, FAR):
            raise forms.ValidationError("Name a day of the next ten years.")
        return seen_on(day)


@requires(Permission.VIEW, repeats=True)
@require_http_methods(["GET", "POST"])
def what_if(request: AuthorizedRequest) -> HttpResponse:
    """GET with a day is a link that one can pass on; POST is for a file, which no link can hold."""
    preview = Preview.objects.order_by("-at", "-pk").first()
    if request.method == "GET" and "on" not in request.GET:
        return _first_look(request, preview)
    form = Suppose(request.POST if request.method == "POST" else request.GET, now=request.now)
    raw = _raw(request, form, preview)
    if not form.is_valid():
        return _page(request, form, preview, None)
    then = form.cleaned_data["then"] or NOTHING
    if request.method == "POST" and then != FILE:
        asked = urlencode({"on": times.day(form.cleaned_data["on"]), "then": then})
        return redirect(f"{reverse('what-if')}?{asked}")
    return _page(request, form, preview, request.client.ask(WhatIf(form.cleaned_data["on"], raw=raw)))


def _first_look(request: AuthorizedRequest, preview: Preview | None) -> HttpResponse:
    """The nearest day that matters: an open cycle's end, else the license's, where that can be asked for."""
    answer = request.client.ask(WhatIf(missed_deadline=True))
    if isinstance(answer, Refusal):
        answer = request.client.ask(WhatIf(_end_to_see(request)))
    on = answer.on if isinstance(answer, WhatIfAnswer) else request.now
    form = Suppose(initial={"on": on, "then": NOTHING}, now=request.now)
    return _page(request, form, preview, answer)


def _end_to_see(request: AuthorizedRequest) -> datetime:
    """Of a license that goes on for longer than anybody may ask about, today is shown."""
    installed, now = request.status.installed, request.now
    end = seen_first(max(installed.valid_until, now)) if installed else now
    return end if end <= times.later(now, FAR) else now


def _raw(request: AuthorizedRequest, form: Suppose, preview: Preview | None) -> bytes | None:
    """The file that is supposed. What is missing is an error of the form."""
    then = form.data.get("then")
    if then == PREVIEW:
        if preview is None:
            form.add_error("then", "No license file is under preview now.")
        return bytes(preview.raw) if preview else None
    raw = read_upload(request) if then == FILE else None
    if then == FILE and raw is None:
        form.add_error("then", "Choose a license file (OLF).")
    return raw


def _page(request: AuthorizedRequest, form: Suppose, preview: Preview | None, answer: object) -> HttpResponse:
    refusal = answer if isinstance(answer, Refusal) else None
    context: dict[str, Any] = {"form": form, "preview": preview, "refusal": refusal, "then": form["then"].value()}
    if isinstance(answer, WhatIfAnswer):
        context |= {
            "answer": answer,
            "told": sentences(answer, request.status),
            "drawing": draw(answer, request.now),
        }
    return render(request, "room/what_if/what_if.html", context, status=422 if refusal or form.errors else 200)
