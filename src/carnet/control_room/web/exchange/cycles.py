"""All cycles, the newest first."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from carnet.control_room.authority.exchange import Exchange, ExchangeAnswer
from carnet.control_room.granting.people import May
from carnet.control_room.web.door import Visit, opens
from carnet.control_room.web.exchange.past import outcome


@opens(May.VIEW)
@require_GET
def cycles(request: Visit) -> HttpResponse:
    found = request.desk.ask(Exchange(_number(request.GET.get("before", ""))))
    assert isinstance(found, ExchangeAnswer)
    rows = [(entry, *outcome(entry)) for entry in found.entries]
    return render(
        request, "room/exchange/cycles.html", {"found": found, "rows": rows, "paged": "before" in request.GET}
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
