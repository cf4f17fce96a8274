"""What if: only looks. Neither what is asked nor a file that is sent for it is kept."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from carnet.control_room.granting.people import May
from carnet.control_room.web.door import Visit, opens
from carnet.control_room.web.models import Preview
from carnet.control_room.web.what_if.drawing import draw
from carnet.control_room.web.what_if.suppose import FILE, NOTHING, PREVIEW, Suppose
from carnet.control_room.web.what_if.told import told
from carnet.control_room.what_if.question import WhatIf, WhatIfAnswer
from carnet.exchange.verdicts import Refusal
from carnet.ui import words
from carnet.ui.uploads import read_upload


@opens(May.VIEW)
@require_http_methods(["GET", "POST"])
def what_if(request: Visit) -> HttpResponse:
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
        asked = urlencode({"on": words.day(form.cleaned_data["on"]), "then": then})
        return redirect(f"{reverse('what-if')}?{asked}")
    return _page(request, form, preview, request.desk.ask(WhatIf(form.cleaned_data["on"], raw=raw)))


def _first_look(request: Visit, preview: Preview | None) -> HttpResponse:
    """The nearest day that matters: an open cycle's end, else the license's."""
    installed = request.status.installed
    answer = request.desk.ask(WhatIf(missed_deadline=True))
    if isinstance(answer, Refusal):
        answer = request.desk.ask(WhatIf(max(installed.valid_until, request.now) if installed else request.now))
    on = answer.on if isinstance(answer, WhatIfAnswer) else request.now
    form = Suppose(initial={"on": on, "then": NOTHING}, now=request.now)
    return _page(request, form, preview, answer)


def _raw(request: Visit, form: Suppose, preview: Preview | None) -> bytes | None:
    """The file that is supposed. What is missing is an error of the form."""
    then = form.data.get("then")
    if then == PREVIEW:
        if preview is None:
            form.add_error("then", _("No license file is under preview now."))
        return bytes(preview.raw) if preview else None
    raw = read_upload(request) if then == FILE else None
    if then == FILE and raw is None:
        form.add_error("then", _("Choose a license file (OLF)."))
    return raw


def _page(request: Visit, form: Suppose, preview: Preview | None, answer: object) -> HttpResponse:
    refusal = answer if isinstance(answer, Refusal) else None
    context: dict[str, Any] = {"form": form, "preview": preview, "refusal": refusal, "then": form["then"].value()}
    if isinstance(answer, WhatIfAnswer):
        context |= {
            "answer": answer,
            "told": told(answer, request.status),
            "drawing": draw(answer, request.now),
        }
    return render(request, "room/what_if/what_if.html", context, status=422 if refusal or form.errors else 200)
