"""Step 2: generating the request, reading it, saving it byte for byte; withdrawing its cycle; and the release."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from carnet.control_room.activation.generate_request import REQUEST, GenerateRequest, RequestAnswer
from carnet.control_room.activation.request_text import RequestText
from carnet.control_room.activation.withdraw_cycle import WithdrawCycle
from carnet.control_room.granting.people import May
from carnet.control_room.web.door import Visit, opens
from carnet.control_room.web.exchange.forms import Again, Generate, Release
from carnet.control_room.web.exchange.kept import leave
from carnet.control_room.web.exchange.page import show
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.verdicts import Refusal
from carnet.ui.downloads import download


@opens(May.INSTALL)
@require_POST
def generate(request: Visit) -> HttpResponse:
    """It voids every request before it (E4), and with them a license file under preview."""
    form = Generate(request.status, request.POST)
    answer = form.ask(
        lambda asked: request.desk.execute(
            GenerateRequest(RequestKind(asked["kind"]), asked["since"], asked["new_keys"]), request.person.name
        )
    )
    if answer is None:
        return show(request, refusal=form.refusal, tried="request", generate=form)
    assert isinstance(answer, RequestAnswer)
    leave()
    messages.success(request, _("Request #%d is generated. Read what leaves, then save the file.") % answer.sequence)
    return redirect("exchange")


@opens(May.INSTALL)
@require_GET
def save(request: Visit) -> HttpResponse:
    """E3: the newest request, the same bytes each time. That is not a new one."""
    text, raw = request.desk.ask(RequestText()), request.desk.document(REQUEST)
    if isinstance(text, Refusal) or raw is None:
        raise Http404
    return download(raw, text.name)  # type: ignore[attr-defined]  # an answer of RequestText


@opens(May.VIEW)
@require_GET
def printed(request: Visit) -> HttpResponse:
    """All that leaves, on paper, for whoever must approve it."""
    text = request.desk.ask(RequestText())
    if isinstance(text, Refusal):
        raise Http404
    return render(request, "room/exchange/request_print.html", {"text": text})


@opens(May.INSTALL)
@require_POST
def withdraw(request: Visit) -> HttpResponse:
    """E14."""
    answer = request.desk.execute(WithdrawCycle(), request.person.name)
    if isinstance(answer, Refusal):
        return show(request, refusal=answer, tried="withdraw")
    leave()
    messages.success(request, _("The cycle is withdrawn. Its requests are void; nothing else is changed."))
    return redirect("exchange")


@opens(May.INSTALL)
@require_POST
def release(request: Visit) -> HttpResponse:
    """E11: the last word. The name that is typed shows that this site is meant."""
    form = Release(request.status.name, request.POST)
    answer = form.ask(lambda _asked: _release(request, None))
    if answer is None:
        return show(request, refusal=form.refusal, tried="release", release=form)
    return _released(request)


@opens(May.INSTALL)
@require_POST
def release_again(request: Visit) -> HttpResponse:
    """Only once released: the first time needs the name."""
    if request.status.state != "released":
        return redirect("exchange")
    form = Again(request.POST)
    answer = form.ask(lambda asked: _release(request, asked["since"]))
    if answer is None:
        return show(request, refusal=form.refusal, tried="again", again=form)
    return _released(request)


def _release(request: Visit, since: int | None) -> object | Refusal:
    return request.desk.execute(GenerateRequest(RequestKind.RELEASE, since), request.person.name)


def _released(request: Visit) -> HttpResponse:
    leave()
    messages.success(request, _("This Control Room is released. Save the release request and carry it to CALM."))
    return redirect("exchange")
