"""L6: taking back what CALM forgot and its own keys signed, by two people (A3).

An LFR made with the license brings all that is needed: the installed OLF proves that CALM enrolled this Control Room,
with which key, at which License GUID, and what it granted; the totals are the LFR's own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from carnet.calm.control_rooms.counting import Carried, Stated, falls, stated_in
from carnet.calm.control_rooms.history import Standing
from carnet.calm.control_rooms.models import (
    AcceptedLfr,
    ControlRoom,
    Counted,
    Enrolment,
    LicenseFile,
    LicenseLine,
    RefusedFile,
)
from carnet.calm.control_rooms.positions import periods_of, read_position
from carnet.calm.customers.models import Account
from carnet.calm.customers.names import fold
from carnet.calm.customers.windows import write_windows
from carnet.calm.purchases.models import Guid, Purchase
from carnet.calm.use_cases import lfr_refusals
from carnet.calm.use_cases.apply_lfr import apply_lfr, change_account, end, new_room, write_closing
from carnet.calm.use_cases.carrying import said
from carnet.calm.use_cases.context import Act
from carnet.calm.use_cases.denormalised import note_confirmed
from carnet.calm.use_cases.exposures import note_exposure
from carnet.calm.use_cases.histories import NOTHING_LOWER, accept_known_history, compare, settle_refusals
from carnet.calm.use_cases.key_sets import keep_key_set
from carnet.calm.use_cases.models import IssuedKeySet, Token
from carnet.calm.use_cases.restorations import forgotten_at
from carnet.calm.use_cases.tokens import secret_name
from carnet.calm.use_cases.unremembered import (
    brought_key_sets,
    known_key_sets,
    pinned_by,
    proven_words,
    read_proof,
    standing_of,
    stated_pair,
)
from carnet.calm.use_cases.validate_lfr import (
    Case,
    count,
    find_room,
    id_was_used,
    own_keys,
    read_acceptances,
    read_counted,
    retire,
    retired_keys,
)
from carnet.calm.use_cases.validate_statements import judge_statements
from carnet.entitlements import Line
from carnet.errors import UsageError
from carnet.exchange.carried_license import ReadCarried
from carnet.exchange.enablement_token import Token as TokenFields
from carnet.exchange.enablement_token import read_token
from carnet.exchange.license_file_request import LicenseFileRequest, ReadLfr, read_lfr
from carnet.exchange.strict import encode, from_base64url
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import day, end_typed, stamp


@dataclass(frozen=True)
class Provable:
    """A kept LFR with the license, and what it proves."""

    refused: RefusedFile
    read: ReadLfr
    proof: ReadCarried
    room: ControlRoom | None
    guid: Guid
    purchases: Mapping[str, Purchase]  # by the id that the line's purchase had: the one that takes its place
    standing: Standing

    @property
    def lfr(self) -> LicenseFileRequest:
        return self.read.lfr


def find_provable(room_id: str, refused: int | None = None) -> Provable | Refusal:
    """The newest kept LFR of the Control Room that carries its license. Judged when proposed, and when confirmed."""
    rows = RefusedFile.objects.filter(room=room_id, kind="lfr", code=Code.NOT_REMEMBERED, known=True, resolved=False)
    row = rows.order_by("-id").first()
    if row is None or (refused is not None and row.pk != refused):
        return _nothing(room_id, "no LFR with the license was refused for it since the last one that was taken")
    read = read_lfr(bytes(row.raw), stored=True)
    assert not isinstance(read, Refusal)
    if read.lfr.license is None:
        return _nothing(room_id, "the LFR that was refused for it last carries no license")
    proof, room, guid = read_proof(read), find_room(room_id), Guid.objects.select_related("account").get(id=row.guid)
    if isinstance(proof, Refusal):
        return proof
    refusal = _of_this_account(read, proof, room, guid) or _judge_lfr(read, room)
    if refusal:
        return refusal
    standing = standing_of(room, read)
    if standing is Standing.NOT_SHOWN:
        assert room is not None
        return lfr_refusals.history_not_shown(room, read.lfr.ledger)
    if standing is Standing.SUPERSEDED:
        assert room is not None
        return lfr_refusals.superseded(room, read.lfr.sequence)
    purchases = _match(guid.account, proof)
    if isinstance(purchases, Refusal):
        return purchases
    return Provable(row, read, proof, room, guid, purchases, standing)


def _of_this_account(read: ReadLfr, proof: ReadCarried, room: ControlRoom | None, guid: Guid) -> Refusal | None:
    name = read.lfr.control_room.name
    here = room is not None and room.account_id == guid.account_id
    if not here and fold(proof.body.account_name) != guid.account.folded:
        return Refusal(
            Code.WRONG_ACCOUNT,
            f"The license of {name} was issued to “{proof.body.account_name}”; the License GUID {guid.label} belongs "
            f"to “{guid.account.name}”.",
            "Upload it at a GUID of the account that it was issued to. If the account was forgotten, add it under that "
            "name; if it was renamed since, rename it.",
        )
    bound = ControlRoom.objects.filter(guid=guid).exclude(id=read.lfr.control_room.id).first()
    return lfr_refusals.guid_bound(guid, bound) if bound else None


def _judge_lfr(read: ReadLfr, room: ControlRoom | None) -> Refusal | None:
    if id_was_used(read):
        return lfr_refusals.id_was_used(read.lfr)
    if not read.totals_proven():  # L3
        return lfr_refusals.totals_not_proven(room)
    if room is None:
        return None
    if room.state == ControlRoom.State.WRITTEN_OFF:
        return lfr_refusals.written_off(room)
    room.history_stated = max(room.history_stated, read.lfr.history_accepted)  # it may have been forgotten
    return judge_statements(room, read.lfr)


def _match(account: Account, proof: ReadCarried) -> dict[str, Purchase] | Refusal:
    """For each line the purchase that it is of: the same, or one that was entered again and fits. One line each."""
    rows = list(Purchase.objects.select_related("product").filter(account=account).order_by("valid_until", "id"))
    by_id, found = {row.id: row for row in rows}, {}
    pairs = list(zip(proof.body.purchases, proof.body.lines, strict=True))
    for old, _ in pairs:
        if old in by_id:
            found[old] = by_id[old]
    missing = []
    for old, line in pairs:
        if old in found:
            continue
        taken = {row.id for row in found.values()}
        fitting = [row for row in rows if row.id not in taken and _fits(row, line) and not _is_used(row)]
        if fitting:
            found[old] = min(fitting, key=lambda row: (row.valid_until, abs(row.quantity - line.quantity), row.id))
        else:
            missing.append(_as_command(account, line))
    return _missing(account, missing) if missing else found


def _fits(row: Purchase, line: Line) -> bool:
    same = row.product_id == line.sku and row.kind == line.kind and row.period == line.period
    return same and row.valid_from <= line.valid_from and line.valid_until <= row.valid_until


def _is_used(row: Purchase) -> bool:
    return LicenseLine.objects.filter(purchase=row).exists()


def _missing(account: Account, commands: list[str]) -> Refusal:
    return Refusal(
        Code.NOT_REMEMBERED,
        f"{account.name} has no purchase for {len(commands)} of the lines that the license file grants.",
        "Enter what was bought again, from the order; then propose it again.",
        tuple(commands),
    )


def _as_command(account: Account, line: Line) -> str:
    period = f" --period {line.period.unit}" if line.period else ""
    start = line.period.start if line.period else line.valid_from
    return (
        f'at least: calm purchase add --account "{account.name}" --product {line.sku} --quantity {line.quantity} '
        f"--from {day(start)} --until {end_typed(line.valid_until)}{period}"
    )


def carried_by(room: str, refused: int) -> tuple[Carried, ...]:
    """What taking it back adds, where it accepts another history, too (L2); of one kept LFR with the license."""
    found = find_provable(room, refused)
    if isinstance(found, Refusal) or found.room is None or found.standing is not Standing.MISMATCH:
        return ()
    return compare(found.room, found.lfr).carried


def consequences(found: Provable, entered: Mapping[str, int] = NOTHING_LOWER) -> Iterator[str]:
    """What taking it back does, in words."""
    lfr, room = found.lfr, found.room
    yield from proven_words(found.proof)
    known = "known here" if room else "not known here: it is entered again, with its keys"
    yield f"{lfr.control_room.name} ({lfr.control_room.id}) is {known}; its License GUID is {found.guid.label}"
    if room and room.enrolment and _is_other(room, found):
        yield "it enrolled again in the time that CALM forgot: of its enrolment before, all units count as spent"
    if room and room.account_id != found.guid.account_id:
        yield f"it went to {found.guid.account.name} in that time, from {room.account.name} (E11)"
    if room and stated_pair(lfr) != own_keys(room):
        yield "it brought new keys in the time that CALM forgot: the key that the license file is sealed to is believed"
    if found.standing is Standing.MISMATCH:
        assert room is not None
        yield "its history is not the one that CALM saw: taking it back accepts it, too (L2)"
        yield from said(compare(room, lfr, entered).carried)
    for old, purchase in found.purchases.items():
        if old != purchase.id:
            bought = f"{purchase.quantity:,} {purchase.product.name}"
            yield f"the purchase of {bought} that was entered again takes its id of before, {old}"
    yield "what is more than was bought is listed afterwards, until it is gone (H1)"


def _is_other(room: ControlRoom, found: Provable) -> bool:
    return room.enrolment is not None and room.enrolment.id != found.proof.body.enrolment


def take_back(
    doing: Act, found: Provable, *, reason: str, first: str, entered: Mapping[str, int] = NOTHING_LOWER
) -> AcceptedLfr | Refusal:
    """All that the LFR and the OLF in it prove, and then the LFR itself, as any LFR is taken."""
    lfr = found.lfr
    _keep_key_set(lfr)
    for old, purchase in found.purchases.items():
        if old != purchase.id:
            _renumber(purchase, old)
    room = found.room or new_room(doing, lfr, found.guid.account_id)
    _believe(room, lfr)
    _enrol(doing, room, found)
    file = _keep_file(doing, room, found)
    room.save(force_update=True)
    stated = stated_in(lfr.totals.record.body.lines, lfr.history_accepted)
    _settle(room, stated, found.proof.olf.issued_at)
    case = count(Case(found.read, found.guid, room, None, stated, {}, file), read_acceptances(room.id))
    if found.standing is Standing.MISMATCH:
        accepted = accept_known_history(doing, case, reason=reason, first=first, entered=entered)
    else:
        fall = falls(read_counted(room, stated), case.counts, doing.now)
        if fall:
            return lfr_refusals.totals_fell(room, fall)
        _, accepted = apply_lfr(doing, case)
    settle_refusals(room.id)
    return accepted


def _settle(room: ControlRoom, stated: Stated, issued_at: datetime) -> None:
    """Q3: lines that had ended may have been settled in the time that was lost. The site states them no more."""
    lines = LicenseLine.objects.filter(room=room, units=True)
    running = lines.filter(ends__gt=issued_at).values("line_id")
    counted = Counted.objects.filter(room=room, enrolment=room.enrolment).exclude(line_id__in=running)
    counted.exclude(line_id__in=[line.line_id for line in stated.units]).update(settled=True)


def _keep_key_set(lfr: LicenseFileRequest) -> None:
    """A key set that was forgotten comes back with the file. Its issuing keys may be here or not: the next rotation
    makes new ones."""
    assert lfr.license is not None
    for brought in brought_key_sets(lfr.license.key_set):
        if not IssuedKeySet.objects.filter(version=brought.version).exists():
            keep_key_set(brought, encode(lfr.license.key_set))


def _renumber(purchase: Purchase, old: str) -> None:
    """Q1: line ids follow from the purchase's. It is of no line yet, so that nothing else names it."""
    entered = purchase.id
    purchase.id = old
    purchase.save(force_insert=True)
    Purchase.objects.filter(id=entered).delete()


def _believe(room: ControlRoom, lfr: LicenseFileRequest) -> None:
    """E15: the OLF is sealed to this pair's key, which CALM did only once it had taken the pair."""
    pair, own = stated_pair(lfr), own_keys(room)
    if pair != own:
        # when the new key spoke first is forgotten: at the latest in this file
        room.retired_keys = retire(retired_keys(room), own.signing_key.kid, lfr.ledger.checkpoint.size)
        room.keys, room.pending_keys = msgspec.json.encode(pair).decode(), ""
    room.history_stated = max(room.history_stated, lfr.history_accepted)


def _enrol(doing: Act, room: ControlRoom, found: Provable) -> None:
    """E2, H5: the enrolment that the OLF was issued under, with its id."""
    own = found.proof.body.enrolment
    if room.enrolment is not None and _is_other(room, found):
        _end_forgotten(doing, room)
    if room.account_id != found.guid.account_id:
        change_account(doing, room, found.guid, found.lfr.request_id)
    if room.enrolment is None or room.enrolment.id != own:
        room.enrolment = Enrolment(
            id=own,
            room=room,
            guid=found.guid,
            token=found.lfr.enrolment.token_id,
            started_at=found.proof.olf.issued_at,
        )
        room.enrolment.save(force_insert=True)
        note_confirmed(room, None)
    room.guid, room.state = found.guid, ControlRoom.State.ACTIVE


def _end_forgotten(doing: Act, room: ControlRoom) -> None:
    """Its release is forgotten, and with it what was consumed: nothing of its units returns (H4)."""
    if room.state != ControlRoom.State.ACTIVE or room.enrolment is None:
        return
    position = read_position(room.id, room.enrolment.id)
    write_closing(room.enrolment, position, set(), periods_of(position.purchases()), doing.now, "released")
    note_exposure(room.enrolment, position, room.confirmed)
    end(room.enrolment, doing.now, "released")


def _keep_file(doing: Act, room: ControlRoom, found: Provable) -> LicenseFile:
    olf, lines = found.proof.olf, found.proof.body.lines
    assert room.enrolment is not None
    assert olf.issuing_log is not None
    _drop_twin(room, olf.sequence)
    file = LicenseFile(
        id=olf.olf_id,
        room=room,
        enrolment=room.enrolment,
        lfr=None,
        sequence=olf.sequence,
        raw=found.proof.envelope.raw,
        issued_at=olf.issued_at,
        install_by=olf.install_by,
        issued_by="taken back",
        state=LicenseFile.State.ISSUED,
        valid_until=olf.valid_until,
        ends=max(line.ends for line in lines),
        size=len(found.proof.envelope.raw),
        digest=found.proof.envelope.digest,
        log_index=olf.issuing_log.record.index,
        site_clock_is_off=False,
        lowers_clock=olf.lowers_clock,
        windows=write_windows(olf.windows),
        taken_back=True,
    )
    file.save(force_insert=True)
    LicenseLine.objects.bulk_create(
        _line(room, file, purchase, line, found.lfr.sequence - 1)
        for purchase, line in zip(found.proof.body.purchases, lines, strict=True)
    )
    room.last_license_file = max(room.last_license_file, olf.sequence)
    content = found.proof.content_digest
    doing.record("license_file.taken_back", file.id, content=content, control_room=room.id, sequence=olf.sequence)
    return file


def _drop_twin(room: ControlRoom, sequence: int) -> None:
    """A file of the same number that CALM issued after it was restored, before anybody knew: the site installed the
    other, so that this one holds nothing (E7)."""
    twins = LicenseFile.objects.filter(room=room, sequence=sequence)
    LicenseLine.objects.filter(license_file__in=twins).delete()
    twins.update(state=LicenseFile.State.DISPROVED, settled_by="lfr")


def _line(room: ControlRoom, file: LicenseFile, purchase: str, line: Line, lfr: int) -> LicenseLine:
    return LicenseLine(
        license_file=file,
        guid_id=str(room.guid_id),
        room_id=room.id,
        purchase_id=purchase,
        line_id=line.line_id,
        file_sequence=file.sequence,
        lfr_sequence=lfr,
        quantity=line.quantity,
        valid_from=line.valid_from,
        valid_until=line.valid_until,
        ends=line.ends,
        units=line.metric.kind.counts_units,
    )


def _nothing(room: str, why: str) -> Refusal:
    return Refusal(
        Code.NOTHING_TO_ACCEPT,
        f"There is nothing of {room} to take back: {why}.",
        "Generate an LFR with the license at the site, and upload it first.",
        run="control-room request generate --with-license --out FILE",
    )


# --- a token ---------------------------------------------------------------------------------------------------


def keep_token(doing: Act, raw: bytes) -> Token | Refusal:
    """A token of CALM's own that it forgot, kept until a second person confirms it: nobody enrols with it before.

    Raises UsageError where CALM knows it, or its account is not here.
    """
    tries = [read_token(raw, pinned_by(known)) for known in known_key_sets()]
    read = next((each for each in tries if not isinstance(each, Refusal)), tries[0])
    if isinstance(read, Refusal):
        return read
    token = read.token
    if forgotten_at(token.issued_at) is None:
        return Refusal(
            Code.NOTHING_TO_ACCEPT,
            f"The token is of {stamp(token.issued_at)}. CALM has forgotten nothing of that time.",
            "Download a new token.",
        )
    if waiting := Token.objects.select_related("account").filter(id=token.token_id, waits=True).first():
        return waiting  # it was proposed before, and taken back
    if Token.objects.filter(id=token.token_id).exists() or Enrolment.objects.filter(token=token.token_id).exists():
        raise UsageError("CALM knows this token.", "Nothing is to be taken back.")
    return _token_row(doing, token)


def _token_row(doing: Act, token: TokenFields) -> Token:
    named = Account.objects.filter(folded=fold(token.account_name))
    account = Account.objects.filter(id=token.account_id).first() or named.first()
    if account is None:
        raise UsageError(f"There is no account “{token.account_name}”.", "Add it first, under that name.")
    secret = from_base64url(token.enrolment_secret)
    row = Token(
        id=token.token_id,
        account=account,
        secret=doing.calm.keys.wrap(secret_name(token.token_id), secret, doing.random),
        downloaded_at=token.issued_at,
        expires_at=token.expires_at,
        downloaded_by=doing.by,
        windows=write_windows(token.windows),
        waits=True,
    )
    row.save(force_insert=True)
    return row


def token_words(row: Token) -> tuple[str, ...]:
    """What taking it back does."""
    return (f"the token of {stamp(row.downloaded_at)} for {row.account.name} enrols a Control Room, once (E2)",)


def take_token(token: str) -> tuple[str, ...]:
    """A Control Room may enrol with it now. What was done, in words."""
    row = Token.objects.select_related("account").get(id=token)
    row.waits = False
    row.save(force_update=True, update_fields=["waits"])
    return token_words(row)
