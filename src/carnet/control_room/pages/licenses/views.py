"""License Management: what the site is licensed for, what is in use, and until when."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.pages.licenses.installed import missing, span_of
from carnet.control_room.pages.licenses.rows import SHOWN, groups
from carnet.control_room.queries.overview import Overview
from carnet.control_room.rules.granting.people import Permission


@requires(Permission.VIEW)
@require_GET
def license_management(request: AuthorizedRequest) -> HttpResponse:
    answer, status = request.client.ask(Overview()), request.status
    shown = request.GET.get("show", "")
    context = {
        "overview": answer,
        "groups": groups(answer, shown),
        "total": len(answer.rows),
        "kinds": [metric.kind for metric in SHOWN.values()],
        "shown": shown if shown in SHOWN else "",
        "span": span_of(status.installed, answer.rows, answer.at) if status.installed and answer.rows else None,
        "missing": None if status.installed else missing(status.state, asked=status.cycle is not None),
    }
    return render(request, "room/licenses/license_management.html", context)
