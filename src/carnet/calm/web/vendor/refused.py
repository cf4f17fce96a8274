"""A refused file: what does not match, from where, and who decides what."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET, require_POST

from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, opens
from carnet.calm.web.downloads import download
from carnet.calm.web.scope import refused_of


@opens(May.SEE)
@require_GET
def evidence(request: Desk, number: int) -> HttpResponse:
    refused_of(request, number)
    return HttpResponse("")


@opens(May.SEE)
@require_GET
def file(request: Desk, number: int) -> HttpResponse:
    """The very bytes, to be checked with other tools."""
    row = refused_of(request, number)
    return download(bytes(row.raw), f"refused-{row.digest[:16]}.{'lfr' if row.kind == 'request' else row.kind}")


@opens(May.OPERATE)
@require_POST
def accept(request: Desk, number: int) -> HttpResponse:
    refused_of(request, number)
    return HttpResponse("")
