"""Files that cross the gap: LFR in, OLF out, receipt in. Bodies are the files' own bytes."""

from typing import Any

from django.http import HttpResponse
from ninja import Router, Status

from carnet.calm.people.access import Permission
from carnet.calm.rest import schemas
from carnet.calm.rest.auth import Call, requires
from carnet.calm.rest.problems import refused, refused_now
from carnet.calm.rest.schemas import Id
from carnet.calm.rest.scope import own_account, own_guid, own_lfr, own_license_file
from carnet.calm.use_cases import (
    accept_lfr,
    batches,
    guids,
    license_files,
    receipts,
    renewals,
)
from carnet.calm.use_cases.selection import Selection
from carnet.exchange.envelope import MAX_CARRYING, MAX_FILE
from carnet.exchange.verdicts import Refusal

router = Router()
FILE = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("/guids/{guid}", auth=requires(Permission.SEE), response=schemas.GuidBooks)
def show_guid(request: Call, guid: Id) -> Any:
    """What is held, spent and available at a License GUID."""
    return guids.show_guid(own_guid(request, guid), now=request.now)


@router.post("/guids/{guid}/lfrs", auth=requires(Permission.EXCHANGE), response=schemas.LfrAccepted, openapi_extra=FILE)
def accept_request(request: Call, guid: Id) -> Any:
    """Accepts an LFR against a License GUID."""
    license_guid = own_guid(request, guid)
    answer = accept_lfr.accept_lfr(request.calm, raw=request.read(MAX_CARRYING + 1), guid=license_guid, **request.who)
    return refused_now(answer, request.now) if isinstance(answer, Refusal) else answer


@router.post("/guids/{guid}/preview", auth=requires(Permission.EXCHANGE), response=schemas.LicenseFile)
def preview(request: Call, guid: Id, given: schemas.NewLicenseFile) -> Any:
    """What an OLF would be. Nothing is written."""
    lfr = own_lfr(own_guid(request, guid), given.lfr)
    answer = license_files.preview_license_file(request.calm, lfr_id=lfr, asked=_asked(given), **request.who)
    return refused(answer) if isinstance(answer, Refusal) else answer


@router.post("/guids/{guid}/license-files", auth=requires(Permission.EXCHANGE), response={201: schemas.LicenseFile})
def issue(request: Call, guid: Id, given: schemas.NewLicenseFile) -> Any:
    """Issues the OLF that answers an LFR."""
    lfr = own_lfr(own_guid(request, guid), given.lfr)
    answer = license_files.issue_license_file(request.calm, lfr_id=lfr, asked=_asked(given), **request.who)
    return refused(answer) if isinstance(answer, Refusal) else Status(201, answer)


@router.post("/guids/{guid}/renew-as-now", auth=requires(Permission.EXCHANGE), response={201: schemas.LicenseFile})
def renew_as_now(request: Call, guid: Id, given: schemas.RenewAsNow) -> Any:
    """Issues the same quantities as are installed out of the next purchases, to their end (Q1)."""
    lfr = own_lfr(own_guid(request, guid), given.lfr)
    answer = renewals.renew_as_now(request.calm, lfr_id=lfr, preview=given.preview, **request.who)
    return refused(answer) if isinstance(answer, Refusal) else Status(201, answer)


@router.post("/accounts/{account}/renew-as-now", auth=requires(Permission.EXCHANGE), response=schemas.RenewedMany)
def renew_many_as_now(request: Call, account: Id, given: schemas.RenewManyAsNow) -> Any:
    """The same for several sites of an account at once: each is issued, or refused on its own."""
    own = own_account(request, account)
    lfrs = given.lfrs or batches.waiting(own, request.now)
    found = batches.issue_same(request.calm, account=own, lfrs=lfrs, renews=True, preview=given.preview, **request.who)
    return {"renewed": [_renewed(one) for one in found]}


def _renewed(one: batches.IssuedSame) -> dict[str, Any]:
    is_refused = isinstance(one.answer, Refusal)
    return {
        "lfr": one.lfr,
        "control_room": one.control_room,
        "name": one.name,
        "guid": one.guid,
        "license_file": None if is_refused else one.answer,
        "refused": one.answer if is_refused else None,
    }


@router.get("/guids/{guid}/license-files/{file}", auth=requires(Permission.EXCHANGE), response={200: bytes})
def download(request: Call, guid: Id, file: Id) -> HttpResponse:
    """E6: the same bytes each time."""
    found = own_license_file(own_guid(request, guid), file)
    answer = license_files.download_license_file(request.calm, license_file=found, **request.who)
    if isinstance(answer, Refusal):
        return refused_now(answer, request.now)
    return HttpResponse(answer.raw or b"", content_type="application/octet-stream")


@router.post(
    "/guids/{guid}/receipts", auth=requires(Permission.EXCHANGE), response=schemas.ReceiptAccepted, openapi_extra=FILE
)
def accept_receipt(request: Call, guid: Id) -> Any:
    """H2: confirms what was installed."""
    license_guid = own_guid(request, guid)
    answer = receipts.accept_receipt(request.calm, raw=request.read(MAX_FILE + 1), guid=license_guid, **request.who)
    return refused_now(answer, request.now) if isinstance(answer, Refusal) else answer


def _asked(given: schemas.NewLicenseFile) -> Selection:
    return Selection(given.products, given.lines, given.until)
