"""The page of one product: its facts and sentences, its files, and taking back what somebody holds."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from carnet import times
from carnet.control_room.local_api.client import unrefused
from carnet.control_room.pages.csv_files import csv_file
from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.pages.engine import engine
from carnet.control_room.pages.licenses import product as page
from carnet.control_room.pages.licenses.charts import DAYS, by_day, kind_used, today_by_hour
from carnet.control_room.pages.licenses.rows import coming_sentences
from carnet.control_room.queries.holders import Holders, HoldersAnswer
from carnet.control_room.queries.overview import LineRow, ProductDetail, ProductDetailAnswer, ProductRow
from carnet.control_room.rules.granting.people import Permission
from carnet.control_room.rules.granting.seats import ReleaseSeat
from carnet.control_room.rules.granting.users import UnassignUser
from carnet.exchange.verdicts import Refusal
from carnet.web_kit import words

_MONTH = 30  # days


@dataclass(frozen=True)
class Stat:
    label: str
    value: str
    note: str


def stats(detail: ProductDetailAnswer, row: ProductRow) -> list[Stat]:
    kind = row.view.metric.kind
    if not kind.has_quantity:
        return [Stat("Now", kind.amount(row.view.granted).capitalize(), ""), _ends(row), _refused(detail, row)]
    used, left = _units(detail, row) if kind.counts_units else _in_use(detail, row)
    return [Stat("Licensed", words.number(row.view.granted), row.view.coming), used, left, _refused(detail, row)]


def _in_use(detail: ProductDetailAnswer, row: ProductRow) -> tuple[Stat, Stat]:
    peak = detail.days[-1].peak_in_use if detail.days else row.view.in_use
    fewest = max(0, row.view.granted - peak)
    return (
        Stat("In use now", words.number(row.view.in_use), f"highest today {words.number(peak)}"),
        Stat("Left", words.number(row.view.remaining), f"fewest today {words.number(fewest)}"),
    )


def _units(detail: ProductDetailAnswer, row: ProductRow) -> tuple[Stat, Stat]:
    today, unit = detail.days[-1].consumed if detail.days else 0, row.view.unit
    held = ""
    if detail.reservations:
        held = f"{words.number(row.view.reserved)} held by {words.counted(detail.reservations, 'reservation')}"
    return (
        Stat("Used", words.number(row.view.consumed), f"today {words.number(today)}"),
        Stat("Left", words.number(row.view.remaining), held or unit),
    )


def _ends(row: ProductRow) -> Stat:
    grace = (row.ends - row.view.valid_until).days
    return Stat("Ends", times.end(row.view.valid_until), _grace(grace))


def _grace(days: int) -> str:
    return f"then {words.counted(days, 'day')} of grace" if days else ""


def _refused(detail: ProductDetailAnswer, row: ProductRow) -> Stat:
    days = sum(use.refused > 0 for use in detail.days[-_MONTH:])
    note = f"on {words.counted(days, 'day')}" if days else "nobody"
    return Stat("Refused, 30 days", words.number(row.refused_30_days), note)


def rules(detail: ProductDetailAnswer, row: ProductRow) -> list[tuple[str, str]]:
    """The policy of the lines that count, in words (Q5, S, E8)."""
    lines = [line for line in detail.lines if line.now in ("in_force", "grace")] or detail.lines
    grace = max((line.grace_days for line in lines), default=0)
    after = f"{words.counted(grace, 'day')} of grace, then refuse" if grace else "refuse at once"
    found = [("After the end", after)]
    kind = row.view.metric.kind
    found.append(("Deadline missed", kind.when_missed))
    return [(kind.use.all_used, over(lines)), *found] if kind.has_quantity else found


def over(lines: list[LineRow]) -> str:
    most = max((line.overage_percent for line in lines), default=0)
    return f"{most} % more, then refuse" if most else "refuse"


def forecast(row: ProductRow, now: datetime) -> str:
    """One sentence on where the last 30 days lead to; what is known and what is likely apart."""
    view = row.view
    numbers = {"granted": words.number(view.granted), "peak": words.number(row.peak)}
    if row.outlook == "runs_out" and row.runs_out_at:
        early = words.counted(max((row.ends - row.runs_out_at).days, 0), "day")
        out = times.day(row.runs_out_at)
        return f"At the pace of the last 30 days they run out about {out}, {early} before the end."
    if row.outlook == "early":
        known = words.counted(len(row.days), "day")
        return f"Too early to say: the use of {known} is known, and a week is needed for a forecast."
    if row.outlook == "full":
        return f"All {numbers['granted']} were in use on {row.times_full} of the last 30 days."
    if row.outlook == "ends":
        later = row.valid_from > now
        return "Nothing is granted yet." if later else "Nothing is granted now."
    if row.outlook == "on":
        return ""
    return view.metric.kind.use.lasts.format(**numbers)


_ROWS = 20  # holders on a page
_FILE_ROWS = 500  # at one question


@requires(Permission.VIEW)
@require_GET
def product(request: AuthorizedRequest, sku: str) -> HttpResponse:
    return _page(request, sku)


def _page(request: AuthorizedRequest, sku: str, refusal: Refusal | None = None) -> HttpResponse:
    """`refusal`: of what was just tried."""
    days = next((days for days in DAYS if str(days) == request.GET.get("days")), DAYS[0])
    detail = _detail(request, sku, days)
    search, after = request.GET.get("search", "").strip(), request.GET.get("after", "")
    holders = request.client.ask(Holders(sku, search, after, _ROWS))
    context = {
        "detail": detail,
        "days": days,
        "choices": DAYS,
        "chart": by_day(detail),
        "use": kind_used(detail).use,
        "hours": today_by_hour(detail),
        "holders": holders if isinstance(holders, HoldersAnswer) else None,
        "not_listed": holders if isinstance(holders, Refusal) else None,
        "refusal": refusal,
        **_holders_pages(request, holders),
        **_said(detail),
    }
    status = 422 if refusal or isinstance(holders, Refusal) else 200
    return render(request, "room/licenses/product.html", context, status=status)


def _holders_pages(request: AuthorizedRequest, holders: object) -> dict[str, str]:
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
        return {"state": "", "name": detail.sku, "kind": None}
    return {
        "state": row.view.state.value,
        "name": row.view.name,
        "kind": row.view.metric.kind,
        "stats": page.stats(detail, row),
        "rules": page.rules(detail, row),
        "grace_days": (row.ends - row.view.valid_until).days,
        "over": row.view.over,
        "coming": coming_sentences(row.view),
        "forecast": page.forecast(row, detail.at),
    }


def _detail(request: AuthorizedRequest, sku: str, days: int) -> ProductDetailAnswer:
    detail = request.client.ask(ProductDetail(sku, days))
    if isinstance(detail, Refusal):
        raise Http404
    return detail


@requires(Permission.MANAGE)
@require_POST
def take_back(request: AuthorizedRequest, sku: str) -> HttpResponse:
    """A seat by its lease, a license by its user's name."""
    _detail(request, sku, 1)
    lease, user = request.POST.get("lease", ""), request.POST.get("user", "")
    command = ReleaseSeat(lease) if lease else UnassignUser(sku, user)
    answer = request.client.execute(command, request.person.name)
    if isinstance(answer, Refusal):
        return _page(request, sku, answer)
    holder = getattr(answer, "holder", user)
    messages.success(request, f"Taken back from {holder}. It is free again.")
    return redirect("product", sku=sku)


@requires(Permission.VIEW)
@require_GET
def days_file(request: AuthorizedRequest, sku: str) -> HttpResponseBase:
    """Use per day, of all the days that are kept."""
    detail = _detail(request, sku, max(DAYS))
    rows = ((times.day(use.start), use.peak_in_use, use.granted, use.refused, use.consumed) for use in detail.days)
    return csv_file(f"{sku}-use.csv", ("day", "most_in_use", "taken", "refused", "units_used"), rows)


@requires(Permission.VIEW)
@require_GET
def holders_file(request: AuthorizedRequest, sku: str) -> HttpResponseBase:
    """Everybody who holds one, the newest first."""
    _detail(request, sku, 1)
    return csv_file(f"{sku}-holders.csv", ("holder", "lease", "since", "ends", "covered"), _holders(sku))


def _holders(sku: str) -> Iterator[tuple[object, ...]]:
    after: str | None = ""
    with engine() as client:
        while after is not None:
            found = unrefused(client.ask(Holders(sku, "", after, _FILE_ROWS)))
            for one in found.holders:
                since = one.since.isoformat() if one.since else ""
                ends = one.expires_at.isoformat() if one.expires_at else ""
                yield one.holder, one.lease_id, since, ends, "yes" if one.covered else "no"
            after = found.next
