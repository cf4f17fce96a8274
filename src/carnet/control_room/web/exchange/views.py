from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from carnet.control_room.granting.people import May
from carnet.control_room.web.door import Visit, opens


@opens(May.VIEW)
@require_GET
def manage(request: Visit) -> HttpResponse:
    return render(request, "room/exchange/manage.html")
