"""Several sites in one trip: many LFRs in, one archive of OLFs out, and a list of what was refused and why."""

import zipfile
from io import BytesIO

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from carnet.calm.issuing import batches
from carnet.calm.overview.room import file_name
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, opens
from carnet.calm.web.scope import account_of
from carnet.exchange.envelope import MAX_FILE
from carnet.exchange.verdicts import Refusal
from carnet.ui.downloads import download


@opens(May.EXCHANGE)
@require_http_methods(["GET", "POST"])
def upload(request: Desk, account: str) -> HttpResponse:
    """Each file is judged on its own; the page lists them all."""
    customer = account_of(request, account)
    taken: tuple[batches.Taken, ...] = ()
    if request.method == "POST":
        sent = [batches.Sent(one.name or "", one.read(MAX_FILE + 1)) for one in request.FILES.getlist("files")]
        taken = batches.accept_many(request.calm, account=customer.id, files=sent, **request.who)
    context = {
        "accepted": [one for one in taken if not isinstance(one.answer, Refusal)],
        "refused": [one for one in taken if isinstance(one.answer, Refusal)],
        "issuable": [one for one in taken if one.can_issue],
        "tried": bool(taken),
        "most": batches.MAX_FILES,
        "account": customer,
        "account_id": customer.id,
    }
    return render(request, "calm/customer/requests.html", context)


@opens(May.EXCHANGE)
@require_POST
def issue(request: Desk, account: str) -> HttpResponse:
    """For each accepted request what its site has now, in one archive, with a list of what was refused."""
    customer = account_of(request, account)
    chosen = request.POST.getlist("request")
    if not chosen:
        messages.warning(request, _("No request was chosen. Nothing was issued."))
        return redirect("requests-upload", account=customer.id)
    issued = batches.issue_same(request.calm, account=customer.id, requests=chosen, **request.who)
    return download(_archive(issued), f"{customer.name}-license-files.zip", "application/zip")


def _archive(issued: tuple[batches.IssuedSame, ...]) -> bytes:
    raw, lines = BytesIO(), []
    with zipfile.ZipFile(raw, "w") as archive:
        for one in issued:
            if isinstance(one.answer, Refusal):
                lines.append(f"{one.name}: refused ({one.answer.code}). {one.answer.message} {one.answer.next}")
                continue
            name = file_name(one.name, one.answer.sequence, "olf")
            archive.writestr(name, one.answer.raw or b"")
            lines.append(f"{one.name}: {name}, install before {one.answer.install_by:%Y-%m-%d %H:%M} UTC")
        archive.writestr("read-me-first.txt", "\n".join(lines) + "\n")
    return raw.getvalue()
