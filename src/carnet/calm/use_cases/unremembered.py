"""L6: what a file shows that CALM does not know after it was restored. It may have forgotten it, and accuses nobody.
An LFR made with the license proves it."""

from collections.abc import Iterator
from dataclasses import dataclass

from carnet.calm.control_rooms.history import Standing, judge_history
from carnet.calm.control_rooms.models import (
    AcceptedLfr,
    ControlRoom,
    Enrolment,
    LicenseFile,
)
from carnet.calm.purchases.models import Guid
from carnet.calm.use_cases import lfr_refusals
from carnet.calm.use_cases.key_sets import key_set_of, newest_row
from carnet.calm.use_cases.lfr_projection import read_answered_lfr
from carnet.calm.use_cases.models import IssuedKeySet, Restoration, Token
from carnet.calm.use_cases.restorations import forgotten_at, has_forgotten, restorations
from carnet.calm.use_cases.validate_lfr import (
    find_room,
    is_retired,
    own_keys,
    pending_keys,
    retired_keys,
    seen_by,
)
from carnet.calm.use_cases.validate_statements import newest_carried
from carnet.exchange.carried_license import ReadCarried, read_carried
from carnet.exchange.envelope import JwsFields
from carnet.exchange.key_set import KeySet, Pinned, Trust, read_inner_key_set
from carnet.exchange.license_file_request import KeyPair, LicenseFileRequest, ReadLfr
from carnet.exchange.receipt import Receipt
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import stamp, until


@dataclass(frozen=True)
class Unremembered:
    """An LFR that shows what CALM may have forgotten. `proven`: it brings the OLF that proves it."""

    refusal: Refusal
    proven: bool


def judge_unremembered(refusal: Refusal, read: ReadLfr, guid: Guid) -> Unremembered | None:
    """None where CALM was never restored, or the refusal has nothing to do with that."""
    restored = restorations().first()
    if restored is None or refusal.code is Code.WRITTEN_OFF or (refusal.code is Code.WRONG_ACCOUNT and _is_known(read)):
        return None
    lfr, room = read.lfr, find_room(read.lfr.control_room.id)
    if room and refusal.code is Code.UNKNOWN_LICENSE_FILE and _went_on(room, restored):
        return None  # E16: somebody signs in the vendor's name, also years after a restore
    words = list(_unknown(room, read))
    if not words and room and refusal.code is Code.HISTORY_NOT_SHOWN and has_forgotten(room):
        return Unremembered(_needs_history(room, restored), proven=False)
    if not words:
        return None
    head = f"{lfr.control_room.name} names what is not known here: {', '.join(words)}. {_restored_words(restored)}"
    if lfr.installed is None:
        return Unremembered(_needs_token(head), proven=False)
    since = room.seen_size if room and standing_of(room, read) is Standing.NOT_SHOWN else 0
    if lfr.license is None or since:
        return Unremembered(_needs_license(head, guid, since), proven=False)
    proof = read_proof(read)
    if isinstance(proof, Refusal):
        return None
    evidence = tuple(proven_words(proof))
    return Unremembered(
        Refusal(
            Code.NOT_REMEMBERED,
            head,
            "The license file that the request carries proves it. One operator proposes to take it back, another "
            "confirms; then it can be answered.",
            evidence,
            run=f"calm control-room take-back {lfr.control_room.id} --reason …",
        ),
        proven=True,
    )


def _went_on(room: ControlRoom, restored: Restoration) -> bool:
    """Whether an LFR was taken that was generated after the restore, because the site had taken the key set that states
    it. It voided each file of the time that was lost (E4, E7): none of them is installed from then on."""
    newest = AcceptedLfr.objects.filter(pk=room.newest_lfr_id).first()
    return newest is not None and read_answered_lfr(newest).key_set_version >= restored.key_set


def _is_known(read: ReadLfr) -> bool:
    """Whether CALM knows what it enrolled with: then it did not go to another account in the time that was lost."""
    named = read.lfr.enrolment.token_id
    return Token.objects.filter(id=named).exists() or Enrolment.objects.filter(token=named).exists()


def unremembered_receipt(refusal: Refusal, receipt: Receipt) -> Refusal | None:
    """A receipt of what CALM may have forgotten. It brings no proof: the Control Room's next LFR does. None where it
    has nothing to do with that."""
    restored = restorations().first()
    if restored is None or refusal.code not in (Code.UNKNOWN_SIGNER, Code.UNKNOWN_LICENSE_FILE, Code.HISTORY_NOT_SHOWN):
        return None
    known = LicenseFile.objects.filter(id=receipt.olf_id).exists()
    if known and forgotten_at(receipt.installed_at) is None:
        return None
    return Refusal(
        Code.NOT_REMEMBERED,
        f"The receipt is of Control Room {receipt.control_room_id}, for license file {receipt.sequence}. "
        f"{_restored_words(restored)}",
        "Nothing is to be done with the receipt. Upload the Control Room's next LFR: the answer says what to bring.",
    )


def _restored_words(row: Restoration) -> str:
    return f"CALM was restored at {stamp(row.at)} to its state of {stamp(row.as_of)}, and may have forgotten it."


def _unknown(room: ControlRoom | None, read: ReadLfr) -> Iterator[str]:
    lfr = read.lfr
    if room is None:
        yield "the Control Room"
    elif not is_retired(room, read.signer) and stated_pair(lfr) not in (own_keys(room), pending_keys(room)):
        yield "its keys"
    if not _is_known(read):
        yield "the token that it enrolled with"
    if lfr.installed and not LicenseFile.objects.filter(id=lfr.installed.olf_id).exists():
        yield f"license file {lfr.installed.sequence}"
    if lfr.key_set_version > newest_row().version:
        yield f"key set {lfr.key_set_version}"
    if room and lfr.history_accepted > max(room.history_stated, newest_carried(room)):
        yield f"the accepted history {lfr.history_accepted}"


def stated_pair(lfr: LicenseFileRequest) -> KeyPair:
    stated = lfr.control_room
    return KeyPair(signing_key=stated.signing_key, sealing_key=stated.sealing_key)


def _needs_history(room: ControlRoom, restored: Restoration) -> Refusal:
    return Refusal(
        Code.NOT_REMEMBERED,
        f"{room.name} does not show how its ledger goes on from the {room.seen_size:,} records that are known here. "
        f"{_restored_words(restored)}",
        "Generate the LFR again at the site, showing its history since that record, and upload that.",
        run=f"control-room request generate --since {room.seen_size} --out FILE",
    )


def _needs_token(head: str) -> Refusal:
    return Refusal(
        Code.NOT_REMEMBERED,
        head,
        "Nothing is installed there yet: download a new token, install it and generate a new LFR. Or take back the "
        "token that the site installed, if its file is still there.",
        run="calm token take-back FILE --reason …",
    )


def _needs_license(head: str, guid: Guid, since: int) -> Refusal:
    """`since`: the size that it must show its history from, too (L2); 0 where it shows that."""
    return Refusal(
        Code.NOT_REMEMBERED,
        head,
        f"Generate the LFR again at the site, with the license, and upload that at {guid.label}. What is installed "
        "there goes on meanwhile.",
        run=f"control-room request generate --with-license{f' --since {since}' if since else ''} --out FILE",
    )


def proven_words(proof: ReadCarried) -> Iterator[str]:
    olf = proof.olf
    yield f"license file {olf.sequence} of {stamp(olf.issued_at)}, issued by this CALM to “{proof.body.account_name}”"
    for line in proof.body.lines:
        yield f"it grants {line.quantity:,} {line.name} {until(line.valid_until)}"


def read_proof(read: ReadLfr) -> ReadCarried | Refusal:
    """The OLF that the LFR carries: by CALM's keys, of the time that was lost, for this Control Room and its key, and
    the one that it names as installed."""
    lfr = read.lfr
    assert lfr.license is not None
    proof = read_carried(lfr.license, [*brought_key_sets(lfr.license.key_set), *known_key_sets()])
    if isinstance(proof, Refusal):
        return proof
    olf, installed = proof.olf, lfr.installed
    named = installed is not None and (installed.olf_id, installed.sequence) == (olf.olf_id, olf.sequence)
    own = olf.control_room_id == lfr.control_room.id and olf.sealing_key == lfr.control_room.sealing_key.kid
    if not named or not own or forgotten_at(olf.issued_at) is None:
        return lfr_refusals.unknown_license_file(lfr.control_room.name, olf.sequence)
    return proof


def known_key_sets() -> list[KeySet]:
    return [key_set_of(row) for row in IssuedKeySet.objects.order_by("-version")]


def pinned_by(newest: KeySet) -> Pinned:
    roots = [key.kid for key in newest.roots]
    return Pinned(Trust(vendor="CALM", suite=newest.suite, roots=roots, threshold=newest.threshold), newest)


def brought_key_sets(jws: JwsFields) -> list[KeySet]:
    """The key set in a file, where the roots of one that is known here signed it: it is CALM's own, also where CALM
    forgot it, and a newer one was made since (E16). Else none."""
    read = (read_inner_key_set(jws, pinned_by(known)) for known in known_key_sets())
    return [found for found in read if not isinstance(found, Refusal)][:1]


def standing_of(room: ControlRoom | None, read: ReadLfr) -> Standing:
    if room is None:
        return Standing.FIRST
    ledger = read.lfr.ledger
    return judge_history(
        seen_by(room, ledger),
        ledger,
        smaller_than=read.lfr.smaller_than,
        retired_at=retired_keys(room).get(read.signer),
    )
