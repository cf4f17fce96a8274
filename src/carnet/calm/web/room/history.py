"""What happened at a License GUID, and what its Control Room used over time."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.overview.timeline import Whose, by_cycle, events
from carnet.calm.overview.usage import ProductUsage, usage
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, opens
from carnet.calm.web.scope import guid_of
from carnet.entitlements import Metric
from carnet.ui import charts


@opens(May.SEE)
@require_GET
def timeline(request: Desk, guid: str) -> HttpResponse:
    slot = guid_of(request, guid)
    room = ControlRoom.objects.filter(guid=slot).first()
    number = page_number(request)
    found = events(Whose(room=room.id if room else "", guid=slot.id, account=slot.account_id), page=number)
    context = {
        "title": room.name if room else slot.label,
        "found": found,
        "groups": by_cycle(found.items),
        "guid": slot,
        "account_id": slot.account_id,
    }
    return render(request, "calm/timeline.html", context)


def page_number(request: Desk) -> int:
    text = request.GET.get("page", "1")
    return min(max(int(text), 1), 1000) if text.isascii() and text.isdigit() and len(text) < 6 else 1


@opens(May.SEE)
@require_GET
def usage_page(request: Desk, guid: str) -> HttpResponse:
    slot = guid_of(request, guid)
    room = ControlRoom.objects.filter(guid=slot).first()
    drawn = [(product, _chart(product)) for product in usage(room)] if room else []
    context = {"guid": slot, "room": room, "products": drawn, "account_id": slot.account_id}
    return render(request, "calm/room/usage.html", context)


def _chart(product: ProductUsage) -> charts.Columns:
    values = [(f"{point.at:%m-%d}", point.used) for point in product.points]
    granted = product.points[-1].granted
    what = _("consumed in the period") if product.metric == Metric.CONSUMABLE else _("in use")
    return charts.columns(
        values,
        title=f"{product.name}, {what}",
        description=_("As each request stated it; the line is what is granted now."),
        limit=granted,
        limit_text=_("granted"),
    )
