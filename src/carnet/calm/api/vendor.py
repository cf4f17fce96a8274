"""What vendor staff ask over all accounts, and acts of two people (A3)."""

from typing import Annotated, Any

from django.http import Http404
from ninja import Query, Router, Status

from carnet.calm.api import shapes
from carnet.calm.api.opening import Call, opens
from carnet.calm.api.problems import refused
from carnet.calm.api.shapes import Id
from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.issuing import audit, log_book, proposals, rooms
from carnet.calm.issuing.models import Proposal
from carnet.calm.people.access import May
from carnet.exchange.verdicts import Refusal

router = Router()


@router.get("/control-rooms", auth=opens(May.SEE_VENDOR), response=shapes.Rooms)
def list_rooms(request: Call, page: shapes.Number = 1) -> Any:
    found = rooms.list_rooms(now=request.now, **shapes.cut(page))
    return {"control_rooms": found[: shapes.PAGE], "next": shapes.after(page, found)}


@router.get("/audit-log", auth=opens(May.SEE_VENDOR), response=shapes.Records)
def audit_log(request: Call, before: Annotated[int | None, Query(ge=0, le=2**53)] = None) -> Any:
    """The issuing log, the newest first; `older` is the next page's `before`."""
    return audit.read_audit(audit.Wanted(), before=before)


@router.post("/issuing-log/verify", auth=opens(May.SEE_VENDOR), response=shapes.Verified)
def verify_log(request: Call) -> Any:
    """V1: every record, node and issued file is read again."""
    return log_book.verify_log(request.calm)


@router.post("/control-rooms/{room}/write-off", auth=opens(May.OPERATE), response={201: shapes.Proposed})
def write_off(request: Call, room: Id, given: shapes.NewWriteOff) -> Any:
    """E12: proposes it; a second person confirms."""
    if not ControlRoom.objects.filter(id=room).exists():
        raise Http404
    answer = proposals.propose_write_off(
        request.calm, control_room=room, reason=given.reason, return_unconsumed=given.return_unconsumed, **request.who
    )
    return refused(answer) if isinstance(answer, Refusal) else Status(201, answer)


@router.post("/confirmations/{proposal}/confirm", auth=opens(May.CONFIRM), response=shapes.Confirmed)
def confirm(request: Call, proposal: Id) -> Any:
    """A3: the second person's act."""
    if not Proposal.objects.filter(id=proposal).exists():
        raise Http404
    answer = proposals.confirm(request.calm, proposal=proposal, **request.who)
    return refused(answer) if isinstance(answer, Refusal) else answer
