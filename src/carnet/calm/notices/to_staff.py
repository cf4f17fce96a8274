"""What the vendor's own people are told of the ends of licenses, and of what becomes less of products (S): one mail
with all that is new, so that a vendor of many sites gets no flood. The steps are those of the customers' notices.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from carnet.calm.notices.claims import Mailer, NoticeTold, claim, note_sent, send, told
from carnet.calm.notices.due import Notice, NoticeKind, Site, due_notices
from carnet.calm.notices.mails import staff_mail_of
from carnet.calm.notices.models import STAFF
from carnet.calm.notices.reading import read_sent
from carnet.calm.use_cases.context import Calm

_KINDS = (NoticeKind.EXPIRY, NoticeKind.CHANGE)


def tell_staff(
    calm: Calm,
    sites: Iterable[Site],
    to: Sequence[str],
    *,
    now: datetime,
    by: str,
    mail: Mailer,
    vendor: str,
    link: Callable[[str], str],
) -> list[NoticeTold]:
    """What was told, or why not; nothing where there is nobody to tell."""
    found = list(sites)
    sent = {key for key in read_sent(found, now) if key[1].startswith(STAFF)}
    due = [each for each in due_notices(found, (), now) if each.kind in _KINDS and _key(each) not in sent]
    claims = [(notice, row) for notice in due if to and (row := claim(_key(notice), now))]
    if not claims:
        return []
    text = staff_mail_of([notice for notice, _ in claims], now, vendor, link)
    why = send(mail, to, text, [row for _, row in claims])
    for notice, row in claims if not why else ():
        note_sent(calm, notice, row, to, text.subject, now=now, by=by)
    return [told(notice, text.subject, tuple(to), why, row.kind) for notice, row in claims]


def _key(notice: Notice) -> tuple[str, str, datetime, int]:
    room, kind, about, step = notice.key
    return room, f"{STAFF}{kind}", about, step
