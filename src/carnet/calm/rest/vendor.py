"""What vendor staff ask over all accounts, and proposals of acts of two people: a program confirms none (A3)."""

from typing import Annotated, Any

from django.http import Http404
from ninja import Query, Router, Status

from carnet.calm.control_rooms.models import ControlRoom, RefusedFile
from carnet.calm.people.access import Permission
from carnet.calm.queries import control_rooms, log_queries
from carnet.calm.rest import schemas
from carnet.calm.rest.auth import Call, requires
from carnet.calm.rest.problems import refused
from carnet.calm.rest.schemas import Id
from carnet.calm.use_cases import proposals
from carnet.exchange.verdicts import Refusal

router = Router()


@router.get("/control-rooms", auth=requires(Permission.SEE_VENDOR), response=schemas.Rooms)
def list_rooms(request: Call, page: schemas.Number = 1) -> Any:
    found = control_rooms.list_rooms(now=request.now, **schemas.cut(page))
    return {"control_rooms": found[: schemas.PAGE], "next": schemas.after(page, found)}


@router.get("/audit-log", auth=requires(Permission.SEE_VENDOR), response=schemas.Records)
def audit_log(request: Call, before: Annotated[int | None, Query(ge=0, le=2**53)] = None) -> Any:
    """The issuing log, the newest first; `older` is the next page's `before`."""
    return log_queries.read_audit(log_queries.AuditQuery(), before=before)


@router.post("/issuing-log/verify", auth=requires(Permission.SEE_VENDOR), response=schemas.Verified)
def verify_log(request: Call) -> Any:
    """V1: every record, node and issued file is read again."""
    return log_queries.verify_log(request.calm)


@router.post("/control-rooms/{room}/write-off", auth=requires(Permission.OPERATE), response={201: schemas.Proposed})
def write_off(request: Call, room: Id, given: schemas.NewWriteOff) -> Any:
    """E12: proposes it; a second person confirms."""
    if not ControlRoom.objects.filter(id=room).exists():
        raise Http404
    answer = proposals.propose_write_off(
        request.calm, control_room=room, reason=given.reason, return_unconsumed=given.return_unconsumed, **request.who
    )
    return refused(answer) if isinstance(answer, Refusal) else Status(201, answer)


@router.post("/control-rooms/{room}/readmission", auth=requires(Permission.OPERATE), response={201: schemas.Proposed})
def readmit(request: Call, room: Id, given: schemas.Reason) -> Any:
    """E11: proposes that it may enrol once more, though it was released before; a second person confirms."""
    if not ControlRoom.objects.filter(id=room).exists():
        raise Http404
    answer = proposals.propose_readmission(request.calm, control_room=room, reason=given.reason, **request.who)
    return refused(answer) if isinstance(answer, Refusal) else Status(201, answer)


@router.post(
    "/control-rooms/{room}/accepted-history", auth=requires(Permission.OPERATE), response={201: schemas.Proposed}
)
def accept_history(request: Call, room: Id, given: schemas.NewAcceptance) -> Any:
    """L2: proposes to accept the history of the newest LFR that was refused for it; a second person confirms."""
    if not ControlRoom.objects.filter(id=room).exists():
        raise Http404
    answer = proposals.propose_accept_history(
        request.calm,
        control_room=room,
        reason=given.reason,
        site_confirms=given.site_confirms,
        entered=given.lower,
        **request.who,
    )
    return refused(answer) if isinstance(answer, Refusal) else Status(201, answer)


@router.post("/control-rooms/{room}/take-back", auth=requires(Permission.OPERATE), response={201: schemas.Proposed})
def take_back(request: Call, room: Id, given: schemas.NewTakeBack) -> Any:
    """L6: proposes to take back what CALM forgot of it, as its newest LFR with the license proves it; a second person
    confirms. CALM may not know the Control Room itself any more."""
    if not RefusedFile.objects.filter(room=room).exists():
        raise Http404
    answer = proposals.propose_take_back(
        request.calm, control_room=room, reason=given.reason, entered=given.lower, **request.who
    )
    return refused(answer) if isinstance(answer, Refusal) else Status(201, answer)
