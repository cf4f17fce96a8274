"""N2: a refused file as evidence, and how long it is kept.

A file that bears a known signature is kept whole. Of others their digest and what was said of them are kept, and the
bytes of the newest few: anybody who has a customer's token can make as many as they like.
"""

from datetime import datetime, timedelta

from django.db.models import Q

from carnet.calm.control_rooms.models import RefusedFile
from carnet.calm.use_cases.context import Act, Calm, RefusedOf
from carnet.calm.use_cases.validate_lfr import find_room, is_retired, own_keys, pending_keys
from carnet.exchange.verdicts import Code, Refusal

_AFTER_THE_PROOF = (
    Code.TOKEN_USED,
    Code.UNKNOWN_LICENSE_FILE,
    Code.HISTORY_MISMATCH,
    Code.TOTALS_FELL,
    Code.RELEASED_AGAIN,
)


def refuse_upload(doing: Act, refusal: Refusal, raw: bytes, digest: str, of: RefusedOf) -> Refusal:
    """Keep what was refused as evidence, and let go of what is kept no longer."""
    doing.refuse_file(refusal, raw, digest, of)
    _let_go(doing, of.account)
    return refusal


def bears_known_signature(room_id: str, signer: str, refusal: Refusal) -> bool:
    """Whether a key that CALM knows signed it: one of the Control Room's, in use, new or retired. Of one that CALM does
    not know: whether it came as far as proving that it holds the secret of a token that CALM gave out (E2, E16)."""
    room = find_room(room_id)
    if room is None:
        return refusal.code in _AFTER_THE_PROOF
    pairs = (own_keys(room), pending_keys(room))
    return is_retired(room, signer) or signer in {pair.signing_key.kid for pair in pairs if pair}


def _let_go(doing: Act, account: str) -> None:
    """The bytes of unknown files beyond the newest few."""
    kept = doing.calm.uploads.unknown_kept
    whole = RefusedFile.objects.filter(account=account, known=False, is_whole=True)
    beyond = whole.order_by("-id").values_list("id", flat=True)[kept : kept + 1].first()
    if beyond is not None:
        whole.filter(id__lte=beyond).update(raw=b"", is_whole=False)


def let_go_of_old(calm: Calm, now: datetime) -> int:
    """Whatever is older than refused files are kept; how many that were. What bears a known signature stays as long as
    its question is open."""
    ended = Q(known=False) | Q(resolved=True)
    deleted, _ = RefusedFile.objects.filter(ended, at__lt=now - timedelta(days=calm.uploads.keep_days)).delete()
    return deleted
