from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from carnet.control_room.authority.overview import Overview, OverviewAnswer
from carnet.control_room.granting.people import May
from carnet.control_room.web.door import Visit, opens
from carnet.control_room.web.licenses.installed import missing, span_of
from carnet.control_room.web.licenses.rows import SHOWN, groups


@opens(May.VIEW)
@require_GET
def license_management(request: Visit) -> HttpResponse:
    answer, status = request.desk.ask(Overview()), request.status
    assert isinstance(answer, OverviewAnswer)
    shown = request.GET.get("show", "")
    context = {
        "overview": answer,
        "groups": groups(answer, shown),
        "total": len(answer.rows),
        "shown": shown if shown in SHOWN else "",
        "span": span_of(status.installed, answer.rows, answer.at) if status.installed and answer.rows else None,
        "missing": None if status.installed else missing(status.state, asked=status.cycle is not None),
    }
    return render(request, "room/licenses/license_management.html", context)
