"""Sending what is due, each once, however many timers run: a notice is claimed, sent, and marked as sent with its
record in the issuing log. A mail that fails gives its claim back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.db import IntegrityError, transaction

from carnet.calm.notices.due import Notice, due_notices
from carnet.calm.notices.mails import Mail, MailError, mail_of
from carnet.calm.notices.models import SentNotice
from carnet.calm.notices.reading import STALE, changes_on_the_way, read_sent, read_sites
from carnet.calm.use_cases.context import Calm, act


class Mailer(Protocol):
    def __call__(self, to: Sequence[str], subject: str, body: str) -> None:
        """Raises MailError, or OSError, where it was not sent."""


Addresses = Callable[[str], Sequence[str]]  # of an account, by its id


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


@dataclass(frozen=True)
class NoticesSent:
    sent: tuple[NoticeTold, ...]
    failed: tuple[NoticeTold, ...]  # they are tried again next time
    nobody: tuple[NoticeTold, ...]  # the account has nobody to send them to


def send_due(
    calm: Calm,
    *,
    now: datetime,
    by: str,
    mail: Mailer,
    addresses: Addresses,
    link: Callable[[str], str] = lambda _room: "",
) -> NoticesSent:
    """`link`: the address of a Control Room's page, by its id."""
    sites = read_sites(now)
    sent: list[NoticeTold] = []
    failed: list[NoticeTold] = []
    nobody: list[NoticeTold] = []
    for notice in due_notices(sites, read_sent(sites, now), now):
        to, changes = tuple(addresses(notice.site.account)), changes_on_the_way(notice.site)
        text = mail_of(notice, now, link(notice.site.room), changes)
        if not to:
            nobody.append(_told(notice, text.subject, to))
        elif claim := _claim(notice, now):
            why = _send(calm, notice, claim, to, text, mail, now=now, by=by)
            (failed if why else sent).append(_told(notice, text.subject, to, why))
    return NoticesSent(tuple(sent), tuple(failed), tuple(nobody))


def _claim(notice: Notice, now: datetime) -> SentNotice | None:
    """None where another timer has it."""
    room, kind, about, step = notice.key
    stale = SentNotice.objects.filter(room=room, kind=kind, about=about, step=step, sent_at__isnull=True)
    if stale.filter(claimed_at__lte=now - STALE).update(claimed_at=now):
        return stale.first()
    claim = SentNotice(room_id=room, kind=kind, about=about, step=step, claimed_at=now)
    try:
        with transaction.atomic():
            claim.save(force_insert=True)
    except IntegrityError:
        return None
    return claim


def _send(
    calm: Calm,
    notice: Notice,
    claim: SentNotice,
    to: Sequence[str],
    text: Mail,
    mail: Mailer,
    *,
    now: datetime,
    by: str,
) -> str:
    """Empty, or why it was not sent."""
    try:
        mail(to, text.subject, text.body)
    except (MailError, OSError) as error:
        claim.delete()
        return str(error) or type(error).__name__
    with act(calm, now=now, by=by) as doing:
        claim.sent_at, claim.subject, claim.to = now, text.subject[:300], "\n".join(to)
        claim.save(force_update=True)
        doing.record(
            "notice.sent",
            str(claim.pk),
            control_room=notice.site.room,
            notice=notice.kind.value,
            end=notice.about,
            step=notice.step,
            to=list(to),
        )
    return ""


def _told(notice: Notice, subject: str, to: tuple[str, ...], why: str = "") -> NoticeTold:
    site = notice.site
    about = (site.account, site.account_name, site.room, site.name)
    return NoticeTold(subject, notice.kind.value, *about, notice.about, notice.step, to, why)
