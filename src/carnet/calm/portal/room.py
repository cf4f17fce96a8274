"""The pages of one License GUID and its Control Room: the four steps (upload, configure, review and issue, download)
and the receipt, its timeline and use, and reporting it as lost (E12).

What CALM knows comes from `queries.room`, what an OLF would meet from `queries.preflight`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.messages import INFO, SUCCESS
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from carnet.calm.control_rooms.models import AcceptedLfr, ControlRoom, LossReport
from carnet.calm.people.access import Permission
from carnet.calm.portal.door import AuthorizedRequest, needs, requires
from carnet.calm.portal.entitlement_form import (
    LINE,
    PRODUCT,
    UNTIL,
    EntitlementForm,
    proposed,
    read_entitlement_form,
    read_selection,
)
from carnet.calm.portal.scope import guid_of, license_file_of
from carnet.calm.purchases.models import Guid
from carnet.calm.queries.difference import changes_of
from carnet.calm.queries.figures import Figures, PurchaseFigures, read_lines
from carnet.calm.queries.preflight import AskedRow, Preflight, preflight
from carnet.calm.queries.room import Configure, RoomPage, file_name, room_page
from carnet.calm.queries.timeline import Whose, by_cycle, events
from carnet.calm.queries.usage import ProductUsage, usage
from carnet.calm.use_cases import accept_lfr, license_files, losses, receipts, renewals
from carnet.calm.use_cases.uploads import retry_after
from carnet.exchange.envelope import MAX_CARRYING
from carnet.exchange.verdicts import Refusal
from carnet.web_kit import charts
from carnet.web_kit.files import download, read_upload, to_try_later
from carnet.web_kit.forms import Reason


@dataclass(frozen=True)
class Row:
    """A row of step 2: a product, or a line of it that starts later."""

    figures: Figures
    later: PurchaseFigures | None
    field: str
    value: str
    error: str
    asked: AskedRow | None

    @property
    def trouble(self) -> bool:
        return bool(self.error) or (self.asked is not None and self.asked.level in ("refusal", "warning"))


@dataclass(frozen=True)
class ConfigureForm:
    """Steps 2 and 3 as they stand."""

    rows: tuple[Row, ...]
    typed: EntitlementForm
    checked: Preflight | None
    flags: dict[str, bool]
    untouched: bool  # as it opened: nothing was typed yet

    @property
    def may_issue(self) -> bool:
        checked = self.checked
        return bool(checked and not checked.refusals and not self.typed.errors)

    @property
    def begins(self) -> bool:
        """A request that was just accepted, with nothing to propose: nobody asked for anything wrong yet."""
        checked = self.checked
        return bool(self.untouched and checked and checked.asks_nothing and len(checked.whole) < 2)

    @property
    def troubles(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.trouble)


FLAGS = ("site_clock_is_off", "lowers_clock", "frees_first")
STATED_BY_STAFF = ("site_clock_is_off", "lowers_clock")  # E5, T3


def configure_form(request: AuthorizedRequest, page: RoomPage) -> ConfigureForm | None:
    """Steps 2 and 3 with what was posted, or with what is proposed. None where there is nothing to configure."""
    if page.configure is None or page.lfr is None or page.lfr.used:
        return None
    posted = request.method == "POST" and UNTIL in request.POST
    typed = read_entitlement_form(request.POST, page.configure) if posted else proposed(page.configure)
    flags = {flag: posted and flag in request.POST for flag in FLAGS}
    for flag in STATED_BY_STAFF:
        flags[flag] = flags[flag] and needs(request, Permission.OPERATE)
    checked = preflight(page.lfr.id, typed.asked, request.now, site_clock_is_off=flags["site_clock_is_off"])
    return ConfigureForm(tuple(_rows(page.configure, typed, checked)), typed, checked, flags, not posted)


def _rows(configure: Configure, typed: EntitlementForm, checked: Preflight) -> Iterator[Row]:
    said = {(row.sku, row.purchase): row for row in checked.rows}
    for figures in configure.figures:
        yield _row(figures, None, PRODUCT + figures.sku, typed, said.get((figures.sku, "")))
        for line in figures.later:
            yield _row(figures, line, LINE + line.purchase, typed, said.get((figures.sku, line.purchase)))


def _row(
    figures: Figures, later: PurchaseFigures | None, field: str, typed: EntitlementForm, asked: AskedRow | None
) -> Row:
    return Row(figures, later, field, typed.values.get(field, ""), typed.errors.get(field, ""), asked)


def show(
    request: AuthorizedRequest, guid: Guid, *, refusal: Refusal | None = None, template: str = "room", **more: Any
) -> HttpResponse:
    """The page, with the refusal of what was just tried."""
    page = room_page(guid.id, request.now)
    context = {
        "page": page,
        "configure": configure_form(request, page),
        "refusal": refusal,
        "account_id": page.account,
        **more,
    }
    answer = render(request, f"calm/room/{template}.html", context, status=422 if refusal else 200)
    return to_try_later(answer, retry_after(refusal, request.now))


@requires(Permission.SEE)
@require_GET
def room(request: AuthorizedRequest, guid: str) -> HttpResponse:
    return show(request, guid_of(request, guid))


@requires(Permission.EXCHANGE, repeats=True)
@require_POST
def request_upload(request: AuthorizedRequest, guid: str) -> HttpResponse:
    """Step 1."""

    def said(answer: Any) -> tuple[int, str]:
        if answer.verdict == "released":
            return SUCCESS, f"{answer.name} is released. What it did not consume is available again."
        if answer.verdict == "accepted_again":
            return INFO, "That request was accepted before. Nothing is changed."
        return SUCCESS, f"Request #{answer.sequence} of {answer.name} is accepted."

    which = "the newest License File Request of the site"
    return _upload(request, guid, "request", which, accept_lfr.accept_lfr, said)


def _upload(
    request: AuthorizedRequest,
    guid: str,
    tried: str,
    which: str,
    accept: Callable[..., Any],
    said: Callable[[Any], tuple[int, str]],
) -> HttpResponse:
    """A file of a site that is sent at its License GUID, taken by `accept`."""
    license_guid = guid_of(request, guid)
    raw = read_upload(request, MAX_CARRYING)
    if raw is None:
        messages.warning(request, f"No file was sent. Choose {which}.")
        return redirect("room", guid=license_guid.id)
    answer = accept(request.calm, raw=raw, guid=license_guid.id, **request.who)
    if isinstance(answer, Refusal):
        return show(request, license_guid, refusal=answer, tried=tried)
    messages.add_message(request, *said(answer))
    return redirect("room", guid=license_guid.id)


@requires(Permission.EXCHANGE, repeats=True)
@require_POST
def configure(request: AuthorizedRequest, guid: str) -> HttpResponse:
    """Pre-flight: nothing is written, not even a record. As one types, only steps 2 and 3 come back."""
    license_guid = guid_of(request, guid)
    return show(request, license_guid, template="configure" if request.htmx else "room")


@requires(Permission.EXCHANGE)
@require_POST
def issue(request: AuthorizedRequest, guid: str) -> HttpResponse:
    """Step 3. What pre-flight said is judged again here, by issuing itself."""
    license_guid = guid_of(request, guid)
    page = room_page(license_guid.id, request.now)
    if late := _came_second(request, license_guid, page):
        return late
    shown = configure_form(request, page)
    if page.lfr is None or shown is None or not shown.may_issue or shown.checked is None:
        return show(request, license_guid)
    if shown.checked.warnings and not shown.flags["frees_first"]:
        messages.warning(request, "Not issued: read what stands against it, and say that it is issued all the same.")
        return show(request, license_guid)
    answer = license_files.issue_license_file(
        request.calm,
        lfr_id=page.lfr.id,
        asked=shown.typed.asked,
        site_clock_is_off=shown.flags["site_clock_is_off"],
        lowers_clock=shown.flags["lowers_clock"],
        **request.who,
    )
    if isinstance(answer, Refusal):
        return show(request, license_guid, refusal=answer, tried="issue")
    messages.success(request, f"License file #{answer.sequence} is issued.")
    return redirect("room", guid=license_guid.id)


def _came_second(request: AuthorizedRequest, guid: Guid, page: RoomPage) -> HttpResponse | None:
    """Where the request that was on the page was answered, or made void by a newer one, meanwhile: what was issued, by
    whom, and what of this was not (E6). None where the page is still of now."""
    lfr = request.POST.get("lfr", page.lfr.id if page.lfr else "")
    if page.lfr is None or (lfr == page.lfr.id and not page.lfr.used):
        return None
    if not AcceptedLfr.objects.filter(id=lfr, enrolment__guid=guid).exists():
        return None
    asked = read_selection(request.POST)
    if UNTIL in request.POST:
        answer = license_files.issue_license_file(request.calm, lfr_id=lfr, asked=asked, **request.who)
    else:
        answer = renewals.renew_as_now(request.calm, lfr_id=lfr, **request.who)
    return show(request, guid, refusal=answer, tried="issue") if isinstance(answer, Refusal) else None


@requires(Permission.EXCHANGE)
@require_POST
def renew(request: AuthorizedRequest, guid: str) -> HttpResponse:
    """Steps 2 and 3 in one: the same quantities out of the next purchases."""
    license_guid = guid_of(request, guid)
    page = room_page(license_guid.id, request.now)
    if late := _came_second(request, license_guid, page):
        return late
    if page.lfr is None:
        return show(request, license_guid)
    answer = renewals.renew_as_now(request.calm, lfr_id=page.lfr.id, **request.who)
    if isinstance(answer, Refusal):
        return show(request, license_guid, refusal=answer, tried="issue")
    messages.success(request, f"License file #{answer.sequence} is issued: renewed as now.")
    return redirect("room", guid=license_guid.id)


@requires(Permission.EXCHANGE, repeats=True)
@require_http_methods(["GET", "POST"])
def olf_download(request: AuthorizedRequest, guid: str, file: str) -> HttpResponse:
    """Step 4: the same bytes each time (E6)."""
    found = license_file_of(guid_of(request, guid), file)
    shown = license_files.download_license_file(request.calm, license_file=found.id, **request.who)
    if isinstance(shown, Refusal):
        return show(request, found.enrolment.guid, refusal=shown, tried="download")
    return download(shown.raw or b"", file_name(shown.name, shown.sequence, "olf"))


@requires(Permission.SEE)
@require_GET
def certificate(request: AuthorizedRequest, guid: str, file: str) -> HttpResponse:
    license_guid = guid_of(request, guid)
    found = license_file_of(license_guid, file)
    page = room_page(license_guid.id, request.now)
    lines = read_lines(found.room_id, [found.sequence])
    name = file_name(found.room.name, found.sequence, "olf")
    context = {"file": found, "page": page, "lines": lines, "changes": changes_of(found), "name": name}
    return render(request, "calm/room/certificate.html", context)


@requires(Permission.EXCHANGE, repeats=True)
@require_POST
def receipt_upload(request: AuthorizedRequest, guid: str) -> HttpResponse:
    def said(answer: Any) -> tuple[int, str]:
        if answer.verdict == "confirmed":
            return SUCCESS, f"License file #{answer.sequence} is installed, confirmed by its receipt."
        return INFO, "That was known already. Nothing is changed."

    which = "the receipt that the site wrote when it installed"
    return _upload(request, guid, "receipt", which, receipts.accept_receipt, said)


@requires(Permission.SEE)
@require_GET
def timeline(request: AuthorizedRequest, guid: str) -> HttpResponse:
    license_guid = guid_of(request, guid)
    room = ControlRoom.objects.filter(guid=license_guid).first()
    number = page_number(request)
    found = events(Whose(license_guid.account_id, room.id if room else "", license_guid.id), page=number)
    context = {
        "title": room.name if room else license_guid.label,
        "found": found,
        "groups": by_cycle(found.items),
        "guid": license_guid,
        "account_id": license_guid.account_id,
    }
    return render(request, "calm/timeline.html", context)


def page_number(request: AuthorizedRequest) -> int:
    text = request.GET.get("page", "1")
    return min(max(int(text), 1), 1000) if text.isascii() and text.isdigit() and len(text) < 6 else 1


@requires(Permission.SEE)
@require_GET
def usage_page(request: AuthorizedRequest, guid: str) -> HttpResponse:
    license_guid = guid_of(request, guid)
    room = ControlRoom.objects.filter(guid=license_guid).first()
    drawn = [(product, _chart(product)) for product in usage(room)] if room else []
    context = {"guid": license_guid, "room": room, "products": drawn, "account_id": license_guid.account_id}
    return render(request, "calm/room/usage.html", context)


def _chart(product: ProductUsage) -> charts.Columns:
    values = [(f"{point.at:%m-%d}", point.used) for point in product.points]
    granted = product.points[-1].granted
    return charts.columns(
        values,
        title=f"{product.name}, {product.metric.kind.use.used}",
        description="As each request stated it; the line is what is granted now.",
        limit=granted,
        limit_text="granted",
    )


class Lost(Reason):
    name = forms.CharField(label="Type the name of the Control Room")


@requires(Permission.EXCHANGE)
@require_POST
def found(request: AuthorizedRequest, guid: str) -> HttpResponse:
    """It turned up again: the report is taken back."""
    license_guid = guid_of(request, guid)
    row = get_object_or_404(LossReport, guid=license_guid, state=LossReport.State.OPEN)
    losses.withdraw_report(request.calm, report=row.id, reason="it was found again", **request.who)
    messages.success(request, "The report is taken back. Nothing else is changed.")
    return redirect("room", guid=license_guid.id)


@requires(Permission.EXCHANGE)
@require_http_methods(["GET", "POST"])
def report(request: AuthorizedRequest, guid: str) -> HttpResponse:
    license_guid = guid_of(request, guid)
    room = get_object_or_404(ControlRoom, guid=license_guid)
    form = Lost(request.POST or None)
    if request.method == "POST" and form.is_valid() and form.cleaned_data["name"].strip() != room.name:
        form.add_error("name", f"This is not {room.name}.")
    if request.method == "POST" and form.is_valid():
        reported = form.ask(
            lambda asked: losses.report_lost(request.calm, guid=license_guid.id, reason=asked["reason"], **request.who)
        )
        if reported:
            messages.success(request, "Reported. License operations decide on writing it off; two people are needed.")
            return redirect("room", guid=license_guid.id)
    context = {
        "form": form,
        "title": f"Report {room.name} as lost",
        "lede": "Only where it can make no request any more. Until license operations decide, nothing is changed.",
        "send": "Report as lost",
        "account_id": license_guid.account_id,
    }
    answer = render(request, "ui/form_page.html", context, status=form.status)
    return to_try_later(answer, retry_after(form.refusal, request.now))
