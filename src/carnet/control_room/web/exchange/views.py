"""The page; and its first and last files: the enablement token, the receipt, and a key set."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from carnet.control_room.activation.install_key_set import InstallKeySet, KeySetAnswer
from carnet.control_room.activation.install_license import RECEIPT
from carnet.control_room.activation.install_token import InstallToken, TokenAnswer
from carnet.control_room.activation.request_text import file_name
from carnet.control_room.granting.people import May
from carnet.control_room.web.door import Visit, opens
from carnet.control_room.web.exchange.kept import leave
from carnet.control_room.web.exchange.page import show
from carnet.exchange.verdicts import Refusal
from carnet.ui.downloads import download
from carnet.ui.uploads import read_upload


@opens(May.VIEW)
@require_GET
def manage(request: Visit) -> HttpResponse:
    return show(request)


@opens(May.INSTALL)
@require_POST
def token(request: Visit) -> HttpResponse:
    """Step 1. What was under preview answers a request that is void now (E2)."""
    raw = read_upload(request)
    if raw is None:
        return nothing_sent(request, _("Choose the token that was downloaded from CALM."))
    answer = request.desk.execute(InstallToken(raw), request.person.name)
    if isinstance(answer, Refusal):
        return show(request, refusal=answer, tried="token")
    assert isinstance(answer, TokenAnswer)
    leave()
    messages.success(request, _("The token is installed. This site is enabled for %s.") % answer.account)
    return redirect("exchange")


@opens(May.INSTALL)
@require_GET
def receipt(request: Visit) -> HttpResponse:
    """Step 6: the same bytes each time."""
    installed, raw = request.status.installed, request.desk.document(RECEIPT)
    if installed is None or raw is None:
        raise Http404
    return download(raw, file_name(request.status.name, installed.sequence, "receipt"))


@opens(May.INSTALL)
@require_POST
def key_set(request: Visit) -> HttpResponse:
    """E16: a key set that comes as a file of its own."""
    raw = read_upload(request)
    if raw is None:
        return nothing_sent(request, _("Choose the key set file that the vendor sent."))
    answer = request.desk.execute(InstallKeySet(raw), request.person.name)
    if isinstance(answer, Refusal):
        return show(request, refusal=answer, tried="key-set")
    assert isinstance(answer, KeySetAnswer)
    if answer.version == answer.was:
        messages.info(request, _("Key set %d was known already. Nothing is changed.") % answer.version)
    else:
        messages.success(request, _("Key set %d is installed. Files are judged by it from now on.") % answer.version)
    return redirect("exchange")


def nothing_sent(request: Visit, hint: str) -> HttpResponse:
    messages.warning(request, _("No file was sent. %s") % hint)
    return redirect("exchange")
