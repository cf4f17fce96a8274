"""Sending what is due, each once, however many timers run: a notice is claimed, sent, and marked as sent with its
record in the issuing log. A mail that fails gives its claim back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from carnet.calm.notices.claims import Mailer, NoticeTold, claim, note_sent, send, told
from carnet.calm.notices.due import due_notices
from carnet.calm.notices.mails import mail_of
from carnet.calm.notices.reading import changes_on_the_way, read_sent, read_sites
from carnet.calm.notices.to_staff import tell_staff
from carnet.calm.notices.waiting import Recipients, Told, tell_waiting
from carnet.calm.use_cases.context import Calm

Addresses = Callable[[str], Sequence[str]]  # of an account, by its id


@dataclass(frozen=True)
class NoticesSent:
    sent: tuple[NoticeTold, ...]
    failed: tuple[NoticeTold, ...]  # they are tried again next time
    nobody: tuple[NoticeTold, ...]  # the account has nobody to send them to
    waiting: tuple[Told, ...] = ()  # to whoever is waited for; `why` where one failed, and is tried again

    @property
    def some_failed(self) -> bool:
        return bool(self.failed) or any(one.why for one in self.waiting)


def send_due(
    calm: Calm,
    *,
    now: datetime,
    by: str,
    mail: Mailer,
    addresses: Addresses,
    vendor: str,
    link: Callable[[str], str] = lambda _room: "",
    staff: Sequence[str] = (),
    whom: Recipients | None = None,
) -> NoticesSent:
    """`vendor`: its name. `staff`: the vendor's own people who hear of ends and of what becomes less. `link`: the
    address of a Control Room's page, by its id. `whom`: who else may be waited for; without it nobody is told."""
    sites = read_sites(now)
    sent: list[NoticeTold] = []
    failed: list[NoticeTold] = []
    nobody: list[NoticeTold] = []
    for notice in due_notices(sites, read_sent(sites, now), now):
        to, changes = tuple(addresses(notice.site.account)), changes_on_the_way(notice.site)
        text = mail_of(notice, now, vendor, link(notice.site.room), changes)
        if not to:
            nobody.append(told(notice, text.subject, to))
        elif claimed := claim(notice.key, now):
            why = send(mail, to, text, [claimed])
            if not why:
                note_sent(calm, notice, claimed, to, text.subject, now=now, by=by)
            (failed if why else sent).append(told(notice, text.subject, to, why))
    for one in tell_staff(calm, sites, staff, now=now, by=by, mail=mail, vendor=vendor, link=link):
        (failed if one.why else sent).append(one)
    waiting = () if whom is None else tell_waiting(calm, whom, now=now, by=by, mail=mail, vendor=vendor)
    return NoticesSent(tuple(sent), tuple(failed), tuple(nobody), waiting)
