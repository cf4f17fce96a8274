"""Sending what is due: each notice once, to the account's administrators. A mail that fails is sent the next time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from django.db import IntegrityError, transaction
from django.db.models import Q

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.notices.due import DEADLINE_HOURS, EXPIRY_DAYS, Notice, Site, due
from carnet.calm.notices.models import SentNotice
from carnet.calm.notices.words import body, subject


class Mail(Protocol):
    def __call__(self, to: Sequence[str], subject: str, body: str) -> None:
        """Raises OSError where it cannot be sent."""
        ...


@dataclass(frozen=True)
class Sent:
    subject: str
    to: tuple[str, ...]


@dataclass(frozen=True)
class NoticesSent:
    sent: tuple[Sent, ...]
    failed: tuple[Sent, ...]
    nobody: tuple[str, ...]  # subjects of notices of accounts without an administrator


def send_due(now: datetime, mail: Mail, addresses: Callable[[str], list[str]]) -> NoticesSent:
    """`addresses`: of an account. The row is stored with the mail: one that fails leaves none."""
    sent: list[Sent] = []
    failed: list[Sent] = []
    nobody: list[str] = []
    for notice in waiting(now):
        to, words = addresses(notice.site.account), subject(notice)
        if not to:
            nobody.append(words)
            continue
        try:
            if _send(notice, to, words, now, mail):
                sent.append(Sent(words, tuple(to)))
        except OSError:
            failed.append(Sent(words, tuple(to)))
    return NoticesSent(tuple(sent), tuple(failed), tuple(nobody))


def _send(notice: Notice, to: list[str], words: str, now: datetime, mail: Mail) -> bool:
    """False where another process sent it meanwhile."""
    about, room, moment, step = notice.key
    with transaction.atomic():
        try:
            with transaction.atomic():
                SentNotice(
                    about=about, room_id=room, moment=moment, step=step, to="\n".join(to), subject=words, sent_at=now
                ).save(force_insert=True)
        except IntegrityError:
            return False
        mail(to, words, body(notice))
    return True


def waiting(now: datetime, account: str = "") -> list[Notice]:
    """Due, and not sent yet."""
    found = [notice for site in _sites(now, account) for notice in due(site, now)]
    rooms = [notice.site.room for notice in found]
    known = set(SentNotice.objects.filter(room__in=rooms).values_list("about", "room_id", "moment", "step"))
    return [notice for notice in found if notice.key not in known]


def _sites(now: datetime, account: str) -> Iterator[Site]:
    soon = now + timedelta(days=max(EXPIRY_DAYS))
    ends = Q(licensed_until__lte=soon, licensed_until__gt=now - timedelta(days=1))
    nears = Q(deadline__gt=now, deadline__lte=now + timedelta(hours=max(DEADLINE_HOURS)), cycle_opened_at__isnull=False)
    rows = ControlRoom.objects.filter(ends | nears, state=ControlRoom.State.ACTIVE, guid__isnull=False)
    if account:
        rows = rows.filter(account=account)
    for row in rows.select_related("account", "newest_request").defer("newest_request__raw").order_by("name", "id"):
        open_cycle = row.cycle_opened_at is not None
        yield Site(
            row.id,
            row.name,
            str(row.guid_id),
            row.account_id,
            row.account.name,
            row.licensed_until,
            row.deadline if open_cycle else None,
            bool(row.newest_request and row.newest_request.used),
        )
