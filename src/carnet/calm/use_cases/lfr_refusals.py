"""What CALM says when it refuses an LFR or a receipt: each code with its sentence and its next step (E13)."""

from collections.abc import Sequence

from carnet.calm.control_rooms.counting import Fall
from carnet.calm.control_rooms.models import AcceptedLfr, ControlRoom, Enrolment
from carnet.calm.purchases.models import Guid
from carnet.calm.use_cases.came_second import issued_words, taken_words
from carnet.exchange.history import History
from carnet.exchange.license_file_request import LicenseFileRequest
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import stamp

TWO_PEOPLE = "two people at license operations can accept it"
ACCEPT = "calm control-room accept-history ROOM --reason …, then calm confirm"


def wrong_account(room: str, guid: Guid) -> Refusal:
    return Refusal(
        Code.WRONG_ACCOUNT,
        f"{room} belongs to another account than the License GUID {guid.label} ({guid.account.name}).",
        "Choose a GUID of the account that the token was downloaded for.",
    )


def not_released(room: str, guid: Guid) -> Refusal:
    """E11: it proves a token of this account, but CALM has not taken its release under the other one."""
    return Refusal(
        Code.WRONG_ACCOUNT,
        f"{room} belongs to another account than the License GUID {guid.label} ({guid.account.name}), and was not "
        "released there as far as CALM knows.",
        "Upload its release LFR at the License GUID that it had, or generate one now; then install a new token of this "
        "account.",
        run="control-room request generate --kind release --out FILE",
    )


def another_history(room: str) -> Refusal:
    """E11, L2: nothing of another account's history is told here."""
    return Refusal(
        Code.WRONG_ACCOUNT,
        f"{room} was released under another account, and does not show the history that CALM saw there.",
        "Install a token of that account, have the history accepted there (L2), and release it again.",
    )


def guid_bound(guid: Guid, other: ControlRoom) -> Refusal:
    return Refusal(
        Code.GUID_BOUND,
        f"The License GUID {guid.label} is bound to {other.name} ({other.id}) until it is released.",
        "Choose a free GUID, or release that Control Room first.",
        run="calm guid list",
    )


def wrong_control_room(room: ControlRoom, own: Guid) -> Refusal:
    return Refusal(
        Code.WRONG_CONTROL_ROOM,
        f"{room.name} is bound to the License GUID {own.label}; a Control Room has one at a time.",
        f"Upload the LFR against {own.label}, or release the Control Room first.",
    )


def unknown_token(room: str, token: str) -> Refusal:
    return Refusal(
        Code.UNKNOWN_SIGNER,
        f"{room} is not known here, and names a token ({token}) that CALM never gave out.",
        "Install a token that was downloaded from this CALM on the Control Room.",
    )


def enrolment_not_proven(room: str) -> Refusal:
    return Refusal(
        Code.BAD_SIGNATURE,
        f"{room} does not prove that it holds the secret of its token: its keys are not bound to it.",
        "Install the token on the Control Room itself, and generate the LFR there.",
    )


def token_used(room: str, used: Enrolment) -> Refusal:
    return Refusal(
        Code.TOKEN_USED,
        f"The token of {room} was used up by {used.room.name} at {stamp(used.started_at)}.",
        "Download a new token for this Control Room. If it was not used twice on purpose, find out who copied it.",
        (
            f"token {used.token}",
            f"enrolled {used.room.name}, Control Room {used.room_id}, at {stamp(used.started_at)}",
        ),
    )


def unknown_key(room: ControlRoom, kid: str) -> Refusal:
    return Refusal(
        Code.UNKNOWN_SIGNER,
        f"The file is signed by, or asks to be sealed to, a key ({kid[:16]}…) that is not {room.name}'s.",
        "A Control Room that lost its keys is a lost Control Room: write it off, and enrol it again.",
    )


def written_off(room: ControlRoom) -> Refusal:
    return Refusal(
        Code.WRITTEN_OFF,
        f"{room.name} was written off; of it, CALM takes nothing but a release LFR.",
        "Generate a release LFR on it and upload that; then it can be enabled again with a new token.",
        (f"a file of the written-off Control Room {room.id} turned up: find out where it runs",),
    )


def released_again(name: str, last: ControlRoom) -> Refusal:
    """`last`: the Control Room itself, or the one whose License GUID a new one would take over."""
    which = name if name == last.name else f"{last.name}, in whose place {name} would come,"
    return Refusal(
        Code.RELEASED_AGAIN,
        f"{which} was released and enrolled again within a year. Each release returns what a copy of it could go "
        "on using, so that the next enrolment needs two people (E11).",
        "Find out why it is released again. If that is explained, one operator proposes it and another confirms; then "
        "accept this request again.",
        run=f"calm control-room readmit {last.id} --reason …",
    )


def superseded(room: ControlRoom, sequence: int) -> Refusal:
    newest = AcceptedLfr.objects.defer("raw").filter(pk=room.newest_lfr_id, sequence=room.last_sequence).first()
    who = f" {taken_words(newest)}." if newest else ""
    return Refusal(
        Code.SUPERSEDED,
        f"LFR {sequence} of {room.name} is older than the newest that was taken, {room.last_sequence}.{who}",
        "Upload the newest LFR of the Control Room, or generate a new one.",
    )


def of_released_enrolment(room: ControlRoom) -> Refusal:
    return Refusal(
        Code.SUPERSEDED,
        f"{room.name} was released; what it asks under its old token is not answered any more.",
        "Generate a release LFR there if units were consumed since; then enable it with a new token.",
    )


def of_older_enrolment(older: Enrolment) -> Refusal:
    return Refusal(
        Code.SUPERSEDED,
        f"{older.room.name} asks under a token that it enrolled with before, at {stamp(older.started_at)}; it enrolled "
        "again since.",
        "If this is a copy of the Control Room, generate a release LFR on it, then enable it with a new token.",
    )


def copy_of_ended_enrolment(room: ControlRoom) -> Refusal:
    return Refusal(
        Code.NOTHING_TO_ACCEPT,
        f"The history shown for {room.name} belongs to an enrolment that has ended. "
        "It comes from a copy and cannot be accepted.",
        "Install a new token on that copy (if it is licensed, generate a release LFR there first), and upload its next "
        "LFR.",
    )


def already_used(room: ControlRoom, taken: AcceptedLfr) -> Refusal:
    return Refusal(
        Code.ALREADY_USED,
        f"LFR {taken.sequence} of {room.name} was answered with {issued_words(taken.id)}. Nothing was changed.",
        "Download that same file again, or generate a new LFR.",
        run="calm license-file download",
    )


def _known_and_claimed(room: ControlRoom, new: History) -> tuple[str, str]:
    return (
        f"CALM saw last: {room.seen_size} records, root {room.seen_root[:16]}…",
        f"the file shows: {new.checkpoint.size} records, root {new.checkpoint.root[:16]}…",
    )


def history_mismatch(room: ControlRoom, new: History) -> Refusal:
    return Refusal(
        Code.HISTORY_MISMATCH,
        f"{room.name} shows another history than the one CALM saw: it was restored from a backup, or it is a copy.",
        f"Ask the site what happened. If a backup was restored, {TWO_PEOPLE}.",
        _known_and_claimed(room, new),
        run=ACCEPT,
    )


def history_not_shown(room: ControlRoom, new: History) -> Refusal:
    return Refusal(
        Code.HISTORY_NOT_SHOWN,
        f"{room.name} does not show how its ledger of {new.checkpoint.size} records relates to the "
        f"{room.seen_size} that CALM saw last.",
        f"Generate the LFR again at the site, showing its history since record {room.seen_size}, and upload that.",
        _known_and_claimed(room, new),
        run=f"control-room request generate --since {room.seen_size} --out FILE",
    )


def sequence_fell(room: ControlRoom, sequence: int) -> Refusal:
    return Refusal(
        Code.HISTORY_MISMATCH,
        f"{room.name} numbers its LFR {sequence}; CALM took {room.last_sequence} already, and numbers only rise (E3).",
        f"Ask the site what happened. If a backup was restored, {TWO_PEOPLE}.",
        run=ACCEPT,
    )


def id_was_used(lfr: LicenseFileRequest) -> Refusal:
    return Refusal(
        Code.HISTORY_MISMATCH,
        f"LFR {lfr.sequence} of {lfr.control_room.name} has the id of another LFR that was taken ({lfr.request_id}).",
        "Generate a new LFR. If it is refused again, the software of the Control Room was altered: keep the file.",
    )


def totals_not_proven(room: ControlRoom | None) -> Refusal:
    whose = room.name if room else "the Control Room"
    return Refusal(
        Code.HISTORY_MISMATCH,
        f"The totals in the LFR are not those of {whose}'s ledger: their record is not in the checkpoint it shows.",
        "Generate a new LFR. If it is refused again, the software of the Control Room was altered: keep the file.",
    )


def history_not_carried(room: str, stated: int, carried: int) -> Refusal:
    return Refusal(
        Code.TOTALS_FELL,
        f"{room} states that its totals include accepted history {stated}; the newest that was carried to it is "
        f"{carried}.",
        "Keep the file as evidence and ask the site: its totals cannot be believed. A new LFR must state the number "
        "of the last accepted history that it installed.",
    )


def not_the_lines_issued(room: ControlRoom, wrong: Sequence[str]) -> Refusal:
    return Refusal(
        Code.TOTALS_FELL,
        f"{room.name} states totals that are not of the lines issued to it: what CALM counted there is not stated.",
        "Keep the file as evidence and ask the site: its totals cannot be believed.",
        tuple(wrong),
    )


def totals_fell(room: ControlRoom, fallen: Sequence[Fall]) -> Refusal:
    return Refusal(
        Code.TOTALS_FELL,
        f"{room.name} states less consumed than CALM counted already: consumption never goes back.",
        "Keep the file as evidence and ask the site. Its ledger holds what was consumed.",
        tuple(_fall(fall) for fall in fallen),
        run="calm control-room show",
    )


def _fall(fall: Fall) -> str:
    _, start = fall.where
    when = f" in the period from {stamp(start)}" if start else ""
    says = "does not state it" if fall.stated is None else f"states {fall.stated}"
    return f"{fall.sku}{when}: CALM counted {fall.counted}, the LFR {says}"


def unknown_license_file(room: str, sequence: int) -> Refusal:
    return Refusal(
        Code.UNKNOWN_LICENSE_FILE,
        f"{room} names license file {sequence} as installed, which CALM never issued to it.",
        "Someone may sign in the vendor's name: report it, and think of rotating the issuing keys. "
        "If CALM was restored from a backup, bring the newest database back.",
        ("the file is kept as evidence",),
    )


def installed_is_older(room: ControlRoom, sequence: int) -> Refusal:
    names = f"license file {sequence}" if sequence else "no license file"
    return Refusal(
        Code.HISTORY_MISMATCH,
        f"{room.name} names {names} as installed, against what CALM has proof of (confirmed: {room.confirmed}).",
        f"Ask the site what happened. If a backup was restored, {TWO_PEOPLE}.",
        run=ACCEPT,
    )


def installed_under_new_token(room: ControlRoom, sequence: int) -> Refusal:
    return Refusal(
        Code.HISTORY_MISMATCH,
        f"{room.name} comes with a new token, and names license file {sequence} as installed: a new token is "
        "installed only where nothing is.",
        "Generate a release LFR on the Control Room and upload it; then install a new token.",
    )
