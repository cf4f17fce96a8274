"""The checkpoint, to be kept where this machine cannot change it: on paper, or in another log."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from carnet.control_room.authority.questions import Checkpoint, CheckpointAnswer
from carnet.control_room.granting.people import May
from carnet.control_room.web.door import Visit, opens
from carnet.ui.downloads import download


@opens(May.AUDIT)
@require_GET
def paper(request: Visit) -> HttpResponse:
    return render(request, "room/ledger/checkpoint.html", {"checkpoint": checkpoint_of(request)})


@opens(May.AUDIT)
@require_GET
def file(request: Visit) -> HttpResponse:
    found = checkpoint_of(request)
    return download(found.text.encode(), f"{request.status.name}-{found.size}.txt", "text/plain; charset=utf-8")


def checkpoint_of(request: Visit) -> CheckpointAnswer:
    found = request.desk.ask(Checkpoint())
    assert isinstance(found, CheckpointAnswer)
    return found
