"""A notice is claimed, sent, and marked as sent with its record in the issuing log; so that each goes out once, however
many timers run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.db import IntegrityError, transaction

from carnet.calm.notices.due import Key, Notice
from carnet.calm.notices.mails import Mail, MailError
from carnet.calm.notices.models import SentNotice, SentWord
from carnet.calm.notices.reading import STALE
from carnet.calm.use_cases.context import Calm, act


class Mailer(Protocol):
    def __call__(self, to: Sequence[str], subject: str, body: str) -> None:
        """Raises MailError, or OSError, where it was not sent."""


@dataclass(frozen=True)
class NoticeTold:
    """`why`: empty where it was sent."""

    subject: str
    kind: str
    account: str
    account_name: str
    room: str
    name: str
    about: datetime
    step: int
    to: tuple[str, ...]
    why: str = ""


def claim(key: Key, now: datetime) -> SentNotice | None:
    """None where another timer has it."""
    room, kind, about, step = key
    stale = SentNotice.objects.filter(room=room, kind=kind, about=about, step=step, sent_at__isnull=True)
    if stale.filter(claimed_at__lte=now - STALE).update(claimed_at=now):
        return stale.first()
    claimed = SentNotice(room_id=room, kind=kind, about=about, step=step, claimed_at=now)
    try:
        with transaction.atomic():
            claimed.save(force_insert=True)
    except IntegrityError:
        return None
    return claimed


def send(mail: Mailer, to: Sequence[str], text: Mail, claims: Sequence[SentNotice | SentWord]) -> str:
    """Empty, or why it was not sent; then what was claimed for it is given back."""
    try:
        mail(to, text.subject, text.body)
    except (MailError, OSError) as error:
        for claimed in claims:
            claimed.delete()
        return str(error) or type(error).__name__
    return ""


def note_sent(
    calm: Calm, notice: Notice, claimed: SentNotice, to: Sequence[str], subject: str, *, now: datetime, by: str
) -> None:
    with act(calm, now=now, by=by) as doing:
        claimed.sent_at, claimed.subject, claimed.to = now, subject[:300], "\n".join(to)
        claimed.save(force_update=True)
        doing.record(
            "notice.sent",
            str(claimed.pk),
            control_room=notice.site.room,
            notice=claimed.kind,
            end=notice.about,
            step=notice.step,
            to=list(to),
        )


def told(notice: Notice, subject: str, to: tuple[str, ...], why: str = "", kind: str = "") -> NoticeTold:
    site = notice.site
    about = (site.account, site.account_name, site.room, site.name)
    return NoticeTold(subject, kind or notice.kind.value, *about, notice.about, notice.step, to, why)
