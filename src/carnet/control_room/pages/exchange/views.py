"""Manage offline licenses: the page, the enablement token, generating and saving a request, withdrawing its cycle, the
receipt, a key set, and the release.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from carnet.control_room.local_api.client import unrefused
from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.pages.exchange.forms import Again, Generate, Release
from carnet.control_room.pages.exchange.page import show
from carnet.control_room.pages.exchange.preview_store import discard_preview
from carnet.control_room.queries.exchange import Exchange, RequestText
from carnet.control_room.rules.activation.generate_request import REQUEST, GenerateRequest, WithdrawCycle
from carnet.control_room.rules.activation.install_license import RECEIPT
from carnet.control_room.rules.activation.install_token import InstallKeySet, InstallToken
from carnet.control_room.rules.granting.people import Permission
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.verdicts import Refusal
from carnet.web_kit.files import download, read_upload


@requires(Permission.VIEW)
@require_GET
def manage(request: AuthorizedRequest) -> HttpResponse:
    return show(request)


@requires(Permission.INSTALL)
@require_POST
def token(request: AuthorizedRequest) -> HttpResponse:
    """Step 1. What was under preview answers a request that is void now (E2)."""
    raw = read_upload(request)
    if raw is None:
        return nothing_sent(request, "Choose the token that was downloaded from CALM.")
    answer = request.client.execute(InstallToken(raw), request.person.name)
    if isinstance(answer, Refusal):
        return show(request, refusal=answer, tried="token")
    discard_preview()
    messages.success(request, f"The token is installed. This site is enabled for {answer.account}.")
    return redirect("exchange")


@requires(Permission.INSTALL)
@require_GET
def receipt(request: AuthorizedRequest) -> HttpResponse:
    """Step 6: the same bytes each time."""
    raw = request.client.document(RECEIPT)
    if raw is None:
        raise Http404
    return download(raw, unrefused(request.client.ask(Exchange(limit=1))).receipt)


@requires(Permission.INSTALL)
@require_POST
def key_set(request: AuthorizedRequest) -> HttpResponse:
    """E16: a key set that comes as a file of its own."""
    raw = read_upload(request)
    if raw is None:
        return nothing_sent(request, "Choose the key set file that the vendor sent.")
    answer = request.client.execute(InstallKeySet(raw), request.person.name)
    if isinstance(answer, Refusal):
        return show(request, refusal=answer, tried="key-set")
    if answer.version == answer.was:
        messages.info(request, f"Key set {answer.version} was known already. Nothing is changed.")
    else:
        messages.success(request, f"Key set {answer.version} is installed. Files are judged by it from now on.")
    return redirect("exchange")


def nothing_sent(request: AuthorizedRequest, hint: str) -> HttpResponse:
    messages.warning(request, f"No file was sent. {hint}")
    return redirect("exchange")


@requires(Permission.INSTALL)
@require_POST
def generate(request: AuthorizedRequest) -> HttpResponse:
    """It voids every request before it (E4), and with them a license file under preview."""
    form = Generate(request.status, request.POST)
    answer = form.ask(lambda asked: request.client.execute(_asked(asked, request.POST), request.person.name))
    if answer is None:
        return show(request, refusal=form.refusal, tried="request", generate=form)
    discard_preview()
    said = f"Request #{answer.sequence} is generated. Read what leaves, then save the file. {answer.carries}"
    messages.success(request, said.rstrip())
    return redirect("exchange")


def _asked(asked: dict[str, Any], sent: Mapping[str, str]) -> GenerateRequest:
    """`after`: the newest request of the page that was sent; none where a script sent it without."""
    kind = RequestKind(asked["kind"])
    return GenerateRequest(kind, asked["since"], asked["new_keys"], asked["with_license"], sent.get("after"))


@requires(Permission.INSTALL)
@require_GET
def save(request: AuthorizedRequest) -> HttpResponse:
    """E3: the newest request, the same bytes each time. That is not a new one."""
    text, raw = request.client.ask(RequestText()), request.client.document(REQUEST)
    if isinstance(text, Refusal) or raw is None:
        raise Http404
    return download(raw, text.name)


@requires(Permission.VIEW)
@require_GET
def printed(request: AuthorizedRequest) -> HttpResponse:
    """All that leaves, on paper, for the person who must approve it."""
    text = request.client.ask(RequestText())
    if isinstance(text, Refusal):
        raise Http404
    return render(request, "room/exchange/request_print.html", {"text": text})


@requires(Permission.INSTALL)
@require_POST
def withdraw(request: AuthorizedRequest) -> HttpResponse:
    """E14."""
    answer = request.client.execute(WithdrawCycle(), request.person.name)
    if isinstance(answer, Refusal):
        return show(request, refusal=answer, tried="withdraw")
    discard_preview()
    messages.success(request, "The cycle is withdrawn. Its requests are void; nothing else is changed.")
    return redirect("exchange")


@requires(Permission.INSTALL)
@require_POST
def release(request: AuthorizedRequest) -> HttpResponse:
    """E11: the release. The name that is typed shows that this site is meant."""
    form = Release(request.status.name, request.POST)
    answer = form.ask(lambda _asked: _release(request, None))
    if answer is None:
        return show(request, refusal=form.refusal, tried="release", release=form)
    return _released(request)


@requires(Permission.INSTALL)
@require_POST
def release_again(request: AuthorizedRequest) -> HttpResponse:
    """Only once released: the first time needs the name."""
    if request.status.state != "released":
        return redirect("exchange")
    form = Again(request.POST)
    answer = form.ask(lambda asked: _release(request, asked["since"]))
    if answer is None:
        return show(request, refusal=form.refusal, tried="again", again=form)
    return _released(request)


def _release(request: AuthorizedRequest, since: int | None) -> object | Refusal:
    return request.client.execute(GenerateRequest(RequestKind.RELEASE, since), request.person.name)


def _released(request: AuthorizedRequest) -> HttpResponse:
    discard_preview()
    messages.success(request, "This Control Room is released. Save the release request and carry it to CALM.")
    return redirect("exchange")
