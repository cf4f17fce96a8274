"""The four steps: upload, configure, review and issue, download. And the receipt."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from carnet.calm.issuing import license_files, receipts, requests
from carnet.calm.overview.figures import read_lines
from carnet.calm.overview.room import file_name, room_page
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, opens
from carnet.calm.web.room.page import desktop, show
from carnet.calm.web.scope import guid_of, license_file_of
from carnet.exchange.verdicts import Refusal
from carnet.ui.downloads import download
from carnet.ui.uploads import read_upload


@opens(May.SEE)
@require_GET
def room(request: Desk, guid: str) -> HttpResponse:
    return show(request, guid_of(request, guid))


@opens(May.EXCHANGE)
@require_POST
def request_upload(request: Desk, guid: str) -> HttpResponse:
    """Step 1."""
    slot = guid_of(request, guid)
    raw = read_upload(request)
    if raw is None:
        messages.warning(request, _("No file was sent. Choose the newest License File Request of the site."))
        return redirect("room", guid=slot.id)
    answer = requests.accept_request(request.calm, raw=raw, guid=slot.id, **request.who)
    if isinstance(answer, Refusal):
        return show(request, slot, refusal=answer, tried="request")
    if answer.verdict == "released":
        messages.success(
            request, _("%(name)s is released. What it did not consume is available again.") % {"name": answer.name}
        )
    elif answer.verdict == "accepted_again":
        messages.info(request, _("That request was accepted before. Nothing is changed."))
    else:
        messages.success(
            request,
            _("Request #%(number)s of %(name)s is accepted.") % {"number": answer.sequence, "name": answer.name},
        )
    return redirect("room", guid=slot.id)


@opens(May.EXCHANGE)
@require_POST
def configure(request: Desk, guid: str) -> HttpResponse:
    """Pre-flight: nothing is written, not even a record. As one types, only steps 2 and 3 come back."""
    slot = guid_of(request, guid)
    return show(request, slot, template="configure" if request.htmx else "room")


@opens(May.EXCHANGE)
@require_POST
def issue(request: Desk, guid: str) -> HttpResponse:
    """Step 3. What pre-flight said is judged again here, by issuing itself."""
    slot = guid_of(request, guid)
    page = room_page(slot.id, request.now)
    desk = desktop(request, page)
    if page.request is None or desk is None or not desk.may_issue or desk.checked is None:
        return show(request, slot)
    if desk.checked.warnings and not desk.flags["frees_first"]:
        messages.warning(request, _("Not issued: say that the site frees them first, or grant what is in use."))
        return show(request, slot)
    answer = license_files.issue_license_file(
        request.calm,
        request=page.request.request,
        asked=desk.typed.asked,
        site_clock_is_off=desk.flags["site_clock_is_off"],
        lowers_clock=desk.flags["lowers_clock"],
        **request.who,
    )
    if isinstance(answer, Refusal):
        return show(request, slot, refusal=answer, tried="issue")
    messages.success(request, _("License file #%(number)s is issued.") % {"number": answer.sequence})
    return redirect("room", guid=slot.id)


@opens(May.EXCHANGE)
@require_http_methods(["GET", "POST"])
def olf_download(request: Desk, guid: str, file: str) -> HttpResponse:
    """Step 4: the same bytes each time (E6)."""
    found = license_file_of(guid_of(request, guid), file)
    shown = license_files.download_license_file(request.calm, license_file=found.id, **request.who)
    return download(shown.raw or b"", file_name(shown.name, shown.sequence, "olf"))


@opens(May.SEE)
@require_GET
def certificate(request: Desk, guid: str, file: str) -> HttpResponse:
    slot = guid_of(request, guid)
    found = license_file_of(slot, file)
    page = room_page(slot.id, request.now)
    lines = read_lines(found.room_id, [found.sequence])
    context = {"file": found, "page": page, "lines": lines, "name": file_name(found.room.name, found.sequence, "olf")}
    return render(request, "calm/room/certificate.html", context)


@opens(May.EXCHANGE)
@require_POST
def receipt_upload(request: Desk, guid: str) -> HttpResponse:
    slot = guid_of(request, guid)
    raw = read_upload(request)
    if raw is None:
        messages.warning(request, _("No file was sent. Choose the receipt that the site wrote when it installed."))
        return redirect("room", guid=slot.id)
    answer = receipts.accept_receipt(request.calm, raw=raw, guid=slot.id, **request.who)
    if isinstance(answer, Refusal):
        return show(request, slot, refusal=answer, tried="receipt")
    if answer.verdict == "confirmed":
        messages.success(
            request, _("License file #%(number)s is installed, confirmed by its receipt.") % {"number": answer.sequence}
        )
    else:
        messages.info(request, _("That was known already. Nothing is changed."))
    return redirect("room", guid=slot.id)
