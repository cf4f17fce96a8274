"""The page of one product, its files, and taking back what somebody holds."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from carnet.control_room.authority.holders import Holders, HoldersAnswer
from carnet.control_room.authority.product import ProductDetail, ProductDetailAnswer
from carnet.control_room.granting.people import May
from carnet.control_room.granting.seats import ReleaseSeat
from carnet.control_room.granting.users import UnassignUser
from carnet.control_room.web.csv_files import csv_file
from carnet.control_room.web.door import Visit, opens
from carnet.control_room.web.engine import engine
from carnet.control_room.web.licenses import product as page
from carnet.control_room.web.licenses.charts import DAYS, by_day, today_by_hour
from carnet.exchange.verdicts import Refusal
from carnet.ui import words

_ROWS = 20  # holders on a page
_FILE_ROWS = 500  # at one question


@opens(May.VIEW)
@require_GET
def product(request: Visit, sku: str) -> HttpResponse:
    return _page(request, sku)


def _page(request: Visit, sku: str, refusal: Refusal | None = None) -> HttpResponse:
    """`refusal`: of what was just tried."""
    days = next((days for days in DAYS if str(days) == request.GET.get("days")), DAYS[0])
    detail = _detail(request, sku, days)
    search, after = request.GET.get("search", "").strip(), request.GET.get("after", "")
    holders = request.desk.ask(Holders(sku, search, after, _ROWS))
    context = {
        "detail": detail,
        "days": days,
        "choices": DAYS,
        "chart": by_day(detail),
        "hours": today_by_hour(detail),
        "holders": holders if isinstance(holders, HoldersAnswer) else None,
        "not_listed": holders if isinstance(holders, Refusal) else None,
        "refusal": refusal,
        **_holders_pages(request, holders),
        **_said(detail),
    }
    status = 422 if refusal or isinstance(holders, Refusal) else 200
    return render(request, "room/licenses/product.html", context, status=status)


def _holders_pages(request: Visit, holders: object) -> dict[str, str]:
    """Addresses of other pages of the same list. They stay good while holders come and go."""
    search, after, query = request.GET.get("search", "").strip(), request.GET.get("after", ""), request.GET.copy()
    query.pop("after", None)
    first = f"?{query.urlencode()}#holders"
    query["after"] = (holders.next or "") if isinstance(holders, HoldersAnswer) else ""
    following = f"?{query.urlencode()}#holders"
    query.pop("after", None)
    query.pop("search", None)
    pages = {"first_page": first, "next_page": following, "all_page": f"?{query.urlencode()}#holders"}
    return {"search": search, "after": after, **pages}


def _said(detail: ProductDetailAnswer) -> dict[str, Any]:
    row = detail.row
    if row is None:
        return {"state": "", "name": detail.sku}
    return {
        "state": page.state_of(detail),
        "name": row.view.name,
        "counted_as": page.counted_as(row.view.metric),
        "stats": page.stats(detail, row),
        "rules": page.rules(detail, row),
        "grace_days": (row.ends - row.view.valid_until).days,
        "forecast": page.forecast(row, detail.at),
        "has_holders": row.view.metric in ("named_user", "concurrent"),
    }


def _detail(request: Visit, sku: str, days: int) -> ProductDetailAnswer:
    detail = request.desk.ask(ProductDetail(sku, days))
    if isinstance(detail, Refusal):
        raise Http404
    assert isinstance(detail, ProductDetailAnswer)
    return detail


@opens(May.MANAGE)
@require_POST
def take_back(request: Visit, sku: str) -> HttpResponse:
    """A seat by its lease, a license by its user's name."""
    _detail(request, sku, 1)
    lease, user = request.POST.get("lease", ""), request.POST.get("user", "")
    command = ReleaseSeat(lease) if lease else UnassignUser(sku, user)
    answer = request.desk.execute(command, request.person.name)
    if isinstance(answer, Refusal):
        return _page(request, sku, answer)
    holder = getattr(answer, "holder", user)
    messages.success(request, _("Taken back from %(holder)s. It is free again.") % {"holder": holder})
    return redirect("product", sku=sku)


@opens(May.VIEW)
@require_GET
def days_file(request: Visit, sku: str) -> HttpResponseBase:
    """Use per day, of all the days that are kept."""
    detail = _detail(request, sku, max(DAYS))
    rows = ((words.day(use.start), use.peak_in_use, use.granted, use.refused, use.consumed) for use in detail.days)
    return csv_file(f"{sku}-use.csv", ("day", "most_in_use", "taken", "refused", "units_used"), rows)


@opens(May.VIEW)
@require_GET
def holders_file(request: Visit, sku: str) -> HttpResponseBase:
    """Everybody who holds one, the newest first."""
    _detail(request, sku, 1)
    return csv_file(f"{sku}-holders.csv", ("holder", "lease", "since", "ends", "covered"), _holders(sku))


def _holders(sku: str) -> Iterator[tuple[object, ...]]:
    after: str | None = ""
    with engine() as desk:
        while after is not None:
            found = desk.ask(Holders(sku, "", after, _FILE_ROWS))
            assert isinstance(found, HoldersAnswer)
            for one in found.holders:
                since = one.since.isoformat() if one.since else ""
                ends = one.expires_at.isoformat() if one.expires_at else ""
                yield one.holder, one.lease_id, since, ends, "yes" if one.covered else "no"
            after = found.next
