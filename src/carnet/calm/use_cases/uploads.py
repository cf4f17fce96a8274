"""N2: what one account may send in a day. What becomes of refused files: `refused_uploads`."""

from datetime import datetime, time, timedelta

from django.db.models import F

from carnet.calm.use_cases.context import Act
from carnet.calm.use_cases.models import SentInADay
from carnet.exchange.verdicts import Code, Refusal

DAY = timedelta(days=1)
DAYS_COUNTED = 30  # how many days of counts are kept, for people


def count_upload(doing: Act, account: str, size: int) -> Refusal | None:
    """Count a file of `size` bytes, or an act that is written down likewise, against the account's day. A refusal
    where it has had its share.

    At the command line nothing is counted: whoever is at the vendor's machine has more than that.
    """
    quota = doing.calm.uploads
    if quota.files is None:
        return None
    today = doing.now.date()
    row, _ = SentInADay.objects.get_or_create(
        account=account, day=today, defaults={"files": 0, "bytes": 0, "turned_away": 0}
    )
    if row.files + 1 > quota.files or row.bytes + size > quota.bytes:
        return _turn_away(doing, row)
    SentInADay.objects.filter(pk=row.pk).update(files=F("files") + 1, bytes=F("bytes") + size)
    SentInADay.objects.filter(account=account, day__lt=today - DAYS_COUNTED * DAY).delete()
    return None


def retry_after(answer: object, now: datetime) -> int | None:
    """The seconds after which it can be tried again; None where the answer is another one."""
    if not isinstance(answer, Refusal) or answer.code is not Code.TOO_MANY_UPLOADS:
        return None
    midnight = datetime.combine(now.date() + DAY, time(), now.tzinfo)
    return max(1, int((midnight - now).total_seconds()))


def _turn_away(doing: Act, row: SentInADay) -> Refusal:
    """One record a day says so (V1); how often it was is a number in a row that is there already."""
    quota = doing.calm.uploads
    refusal = Refusal(
        Code.TOO_MANY_UPLOADS,
        f"This account may send {quota.files:,} files a day, and {quota.bytes:,} bytes; today it has sent "
        f"{row.files:,} files, {row.bytes:,} bytes.",
        "Try again after midnight (UTC). If it cannot wait, ask license operations: they can take a file at the "
        "command line. If you did not send them, revoke the API tokens of your people.",
    )
    if not row.turned_away:
        doing.refuse(refusal, "upload.count", row.account)
    SentInADay.objects.filter(pk=row.pk).update(turned_away=F("turned_away") + 1)
    return refusal
