"""Steps 4 and 5: a license file is looked at, room is made for it, and it is installed."""

from collections import Counter

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from carnet.control_room.local_api.client import unrefused
from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.pages.exchange.page import show
from carnet.control_room.pages.exchange.preview_store import Previewed, discard_preview, previewed, store_preview
from carnet.control_room.pages.exchange.views import nothing_sent
from carnet.control_room.queries.exchange import Exchange
from carnet.control_room.queries.license_preview import PreviewAnswer, ToFree
from carnet.control_room.rules.activation.install_license import InstallLicense, LicenseAnswer
from carnet.control_room.rules.granting.assignment_file import AssignmentRow
from carnet.control_room.rules.granting.assignments import AssignMany
from carnet.control_room.rules.granting.people import Permission
from carnet.control_room.rules.granting.seats import ReleaseSeat
from carnet.entitlements import Taking
from carnet.exchange.verdicts import Refusal
from carnet.times import stamp
from carnet.web_kit.files import read_upload, uploaded_name

CHOSEN = "free-"  # the field of a product's holders


@requires(Permission.INSTALL)
@require_POST
def upload(request: AuthorizedRequest) -> HttpResponse:
    raw = read_upload(request)
    if raw is None:
        return nothing_sent(request, "Choose the license file that CALM issued.")
    refusal = store_preview(request, raw, uploaded_name(request.FILES.get("file")))
    if refusal:
        return show(request, refusal=refusal, tried="preview")
    return redirect(_at("preview"))


@requires(Permission.INSTALL)
@require_POST
def put_away(request: AuthorizedRequest) -> HttpResponse:
    if discard_preview():
        messages.info(request, "The license file is put away. Nothing else is changed.")
    return redirect("exchange")


@requires(Permission.MANAGE)
@require_POST
def free(request: AuthorizedRequest) -> HttpResponse:
    """It takes from people and bots what they hold, as Users and seats does, and so asks for the same permission."""
    found = previewed(request)
    if found is None or found.answer is None:
        return redirect("exchange")
    chosen = Counter[str]()
    for few in found.answer.to_free:
        freed = _free(request, few, request.POST.getlist(CHOSEN + few.sku))
        if isinstance(freed, Refusal):
            return show(request, refusal=freed, tried="free")
        chosen[few.name] += freed
    told = [f"{count:,} {name}" for name, count in chosen.items() if count]
    if told:
        messages.success(request, f"Freed: {', '.join(told)}. The file was checked again.")
    else:
        messages.warning(request, "No user was chosen. Nothing was changed.")
    return redirect(_at("preview"))


def _free(request: AuthorizedRequest, few: ToFree, ids: list[str]) -> int | Refusal:
    """How many were freed. A user who gave theirs back meanwhile is not an error."""
    if not ids:
        return 0
    if few.metric.kind.taking is Taking.ASSIGN:  # all of them or nobody
        rows = [AssignmentRow(place, user, few.sku, "unassign") for place, user in enumerate(ids, 1)]
        answer = request.client.execute(AssignMany(rows), request.person.name)
        if isinstance(answer, Refusal):
            return answer
        return answer.unassigned
    answers = [request.client.execute(ReleaseSeat(lease), request.person.name) for lease in ids]
    return sum(not isinstance(answer, Refusal) for answer in answers)


@requires(Permission.INSTALL)
@require_POST
def install(request: AuthorizedRequest) -> HttpResponse:
    """The file that this page showed, and no other: somebody else may have put another in its place."""
    found = previewed(request)
    if found is None or not _is_shown(request, found.answer):
        messages.warning(request, f"Not installed. {_meanwhile(request, found)}")
        return redirect(_at("preview"))
    answer = request.client.execute(InstallLicense(bytes(found.row.raw)), request.person.name)
    if isinstance(answer, Refusal):
        return show(request, refusal=answer, tried="install")
    discard_preview()
    messages.success(request, _installed(answer))
    return redirect(_at("receipt"))


def _meanwhile(request: AuthorizedRequest, found: Previewed | None) -> str:
    """What somebody else did since the page was opened, and who."""
    installed = request.status.installed
    if installed and installed.fingerprint == request.POST.get("fingerprint"):
        past = unrefused(request.client.ask(Exchange())).entries
        by = next((one.outcome_by for one in past if one.olf_sequence == installed.sequence), "")
        who = f" by {by}" if by else ""
        return f"License file #{installed.sequence} was installed at {stamp(installed.installed_at)}{who} already."
    if found is None:
        return "No license file is under preview now: it was put away or installed."
    return f"{found.row.by} put another license file under preview at {stamp(found.row.at)}."


def _is_shown(request: AuthorizedRequest, answer: PreviewAnswer | None) -> bool:
    return answer is None or request.POST.get("fingerprint") == answer.fingerprint


def _installed(answer: LicenseAnswer) -> str:
    told = f"License file #{answer.sequence} is installed."
    if not answer.units_added:
        return told
    added = (
        "%d unit of a history that was given up is counted."
        if answer.units_added == 1
        else "%d units of a history that was given up are counted."
    )
    return f"{told} {added % answer.units_added}"


def _at(place: str) -> str:
    return f"{reverse('exchange')}#{place}"
