"""E2: enrolling with a token, for the first time or again: once for each token, and by whoever holds its secret."""

from hmac import compare_digest

from carnet.calm.control_rooms.models import ControlRoom, Enrolment
from carnet.calm.issuing import verdicts
from carnet.calm.issuing.accounts import is_approved, no_approval
from carnet.calm.issuing.context import Act
from carnet.calm.issuing.models import Token
from carnet.calm.issuing.tokens import secret_name
from carnet.calm.licenses.models import Guid
from carnet.exchange.enablement_token import enrolment_proof
from carnet.exchange.license_file_request import LicenseFileRequest
from carnet.exchange.strict import to_base64url
from carnet.exchange.verdicts import Refusal


def judge_newcomer(doing: Act, lfr: LicenseFileRequest, guid: Guid) -> Token | Refusal:
    """A Control Room that CALM does not know: its token, and a GUID that is free (H5)."""
    token = judge_token(doing, lfr, guid)
    if isinstance(token, Refusal):
        return token
    bound = ControlRoom.objects.filter(guid=guid).first()
    return verdicts.guid_bound(guid, bound) if bound else token


def judge_token(doing: Act, lfr: LicenseFileRequest, guid: Guid) -> Token | Refusal:
    """The token exists, is the account's, the proof under its secret holds, it is unused, the approval is in force.

    Not here: its 24 hours. The site judged them when it installed the token; an LFR may come later.
    """
    named = lfr.enrolment.token_id
    token = Token.objects.select_related("account").filter(id=named).first()
    if token is None:
        return verdicts.unknown_token(lfr.control_room.name, named)
    if token.account_id != guid.account_id:
        return verdicts.wrong_account(lfr.control_room.name, guid)
    if not _proof_holds(doing, token, lfr):
        return verdicts.enrolment_not_proven(lfr.control_room.name)
    used = Enrolment.objects.select_related("room").filter(token=named).first()
    if used and used.room_id == lfr.control_room.id:
        return verdicts.of_older_enrolment(used)  # E11
    if used:
        return verdicts.token_used(lfr.control_room.name, used)
    if not is_approved(token.account_id):
        return no_approval(token.account, f"{lfr.control_room.name} cannot enrol")
    return token


def _proof_holds(doing: Act, token: Token, lfr: LicenseFileRequest) -> bool:
    secret = to_base64url(doing.calm.keys.unwrap(secret_name(token.id), bytes(token.secret)))
    room = lfr.control_room
    proof = enrolment_proof(secret, token.id, room.id, room.signing_key.kid, room.sealing_key.kid)
    return compare_digest(proof, lfr.enrolment.proof)
