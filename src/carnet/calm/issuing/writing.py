"""The bytes of an OLF: sealed body, then the record in the issuing log that commits to it, then the signatures."""

from dataclasses import dataclass

import msgspec

from carnet.calm.control_rooms.counting import pending
from carnet.calm.control_rooms.models import Acceptance as AcceptanceRow
from carnet.calm.issuing.context import Act
from carnet.calm.issuing.key_sets import jws_of
from carnet.calm.issuing.planning import Plan
from carnet.exchange.history import CheckpointFields
from carnet.exchange.keys import Signer
from carnet.exchange.offline_license_file import (
    AcceptedHistory,
    Answers,
    OfflineLicenseFile,
    SealedBody,
    seal_body,
    write_license_file,
)


@dataclass(frozen=True)
class Written:
    olf: OfflineLicenseFile
    raw: bytes
    log_index: int


def write_olf(doing: Act, plan: Plan, issuers: list[Signer]) -> Written:
    olf = _without_proof(doing, plan)
    seen = plan.lfr.issuing_log
    appended = doing.record(
        "license_file.issued",
        olf.olf_id,
        content=olf.content_digest(),
        tail=plan.tail,
        control_room=plan.room.id,
        request=plan.request.id,
        sequence=olf.sequence,
        lines=[[line.sku, line.quantity, line.valid_until] for line in plan.lines],
        site_clock_is_off=plan.site_clock_is_off,
        lowers_clock=plan.lowers_clock,
    )
    olf = msgspec.structs.replace(olf, issuing_log=appended.proof(seen))
    return Written(olf, write_license_file(olf, issuers), appended.record.index)


def _without_proof(doing: Act, plan: Plan) -> OfflineLicenseFile:
    olf_id, key, lfr = doing.new_id(), plan.lfr.sealing_key, plan.lfr
    body = SealedBody(account_name=plan.room.account.name, lines=plan.lines)
    sealed, digest = seal_body(body, key, olf_id, plan.room.id, plan.sequence)
    return OfflineLicenseFile(
        olf_id=olf_id,
        sequence=plan.sequence,
        answers=Answers(request_id=lfr.request_id, sha256=plan.request.digest),
        control_room_id=plan.room.id,
        sealing_key=key.kid,
        license_guid=str(plan.room.guid_id),
        issued_at=doing.now,
        install_by=plan.install_by,
        valid_from=min(line.valid_from for line in plan.lines),
        valid_until=max(line.valid_until for line in plan.lines),
        acknowledged=lfr.ledger.checkpoint,
        accepts_history=_accepted(plan),
        lowers_clock=plan.lowers_clock,
        key_set=jws_of(plan.key_set) if lfr.key_set_version < plan.key_set.version else None,
        sealed_sha256=digest,
        sealed=sealed,
        issuing_log=None,
    )


def _accepted(plan: Plan) -> AcceptedHistory | None:
    """L2: every OLF carries what was accepted, until an LFR states its number."""
    if not plan.acceptances:
        return None
    newest = plan.acceptances[-1].number
    row = AcceptanceRow.objects.get(room=plan.room, number=newest)
    return AcceptedHistory(
        number=newest,
        checkpoint=msgspec.json.decode(row.checkpoint, type=CheckpointFields),
        add=pending(plan.acceptances, plan.lfr.history_accepted),
    )
