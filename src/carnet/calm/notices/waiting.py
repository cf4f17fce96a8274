"""Mail to whoever is waited for: approvers when somebody asks to license offline, the customer when that is decided, a
second person when an act of two waits (A3), its proposer when it was decided, operators when a site is reported lost.

Each goes out once, however many timers and requests send it: it is claimed by a key that names what it is about.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from django.core.mail import send_mail
from django.db import IntegrityError, transaction

from carnet.calm.control_rooms.models import LossReport
from carnet.calm.customers.models import Approval
from carnet.calm.notices.claims import Mailer, send
from carnet.calm.notices.mails import Mail, foot
from carnet.calm.notices.models import SentWord
from carnet.calm.notices.reading import STALE
from carnet.calm.use_cases.context import Calm, act
from carnet.calm.use_cases.models import Proposal
from carnet.calm.use_cases.proposals import waiting_and_settled  # with it its acts of two people are registered
from carnet.calm.use_cases.two_people import ProposalShown, asks_of
from carnet.times import moment

OLDEST = timedelta(days=7)  # what was decided longer ago is not told any more: its mail could never be sent


class Recipients(Protocol):
    """Whose addresses they are: `people.staff` knows."""

    def deciding(self) -> Sequence[str]:
        """Of the vendor: who decides on requests to license offline."""

    def confirming(self) -> Sequence[str]:
        """Of the vendor: who may be a second person."""

    def operating(self) -> Sequence[str]: ...

    def of_account(self, account: str) -> Sequence[str]:
        """Its license administrators."""

    def is_person(self, address: str) -> bool:
        """Whether somebody active signs in by that name: who acted may have been a command."""


@dataclass(frozen=True)
class Word:
    """One mail that is due. `key`: what it is about, and which state of that."""

    key: str
    to: tuple[str, ...]
    subject: str
    lines: tuple[str, ...]
    page: str = ""  # path of the page at which one goes on

    def mail(self, vendor: str, address: str) -> Mail:
        """`address`: of the portal, empty where it is not known."""
        link = [f"{address}{self.page}", ""] if address and self.page else []
        return Mail(f"CALM: {self.subject}", "\n".join([*self.lines, "", *link, foot(vendor)]) + "\n")


@dataclass(frozen=True)
class Told:
    """`why`: empty where it was sent."""

    subject: str
    to: tuple[str, ...]
    why: str = ""


def by_mail(to: Sequence[str], subject: str, body: str) -> None:
    """The mail that the settings name. Raises OSError where it was not sent."""
    send_mail(subject, body, None, list(to))


def tell_waiting(
    calm: Calm, whom: Recipients, *, now: datetime, by: str, mail: Mailer, vendor: str, address: str = ""
) -> tuple[Told, ...]:
    """Sends what is due, with a record of each in the issuing log. A mail that fails gives its claim back."""
    found = [word for word in due_words(whom, now) if word.to]
    sent = set(SentWord.objects.filter(key__in=[word.key for word in found], sent_at__isnull=False).values_list("key"))
    told = []
    for word in found:
        claimed = None if (word.key,) in sent else _claim(word.key, now)
        if claimed:
            text = word.mail(vendor, address)
            why = send(mail, word.to, text, [claimed])
            if not why:
                _note(calm, word, claimed, text.subject, now=now, by=by)
            told.append(Told(text.subject, word.to, why))
    return tuple(told)


def due_words(whom: Recipients, now: datetime) -> Iterator[Word]:
    """What somebody should hear, whether it was sent or not."""
    since = now - OLDEST
    for row in Approval.objects.filter(state=Approval.State.REQUESTED).select_related("account"):
        yield _asked(row, whom.deciding())
    decided = Approval.objects.filter(decided_at__gt=since).exclude(state=Approval.State.REQUESTED)
    for row in decided.select_related("account"):
        yield _decided(row, whom.of_account(row.account_id))
    for shown in waiting_and_settled(since):
        if shown.state == Proposal.State.OPEN:
            yield _waits(shown, whom.confirming())
        elif shown.decided_by != shown.by and whom.is_person(shown.by):
            yield _settled(shown)
    reports = LossReport.objects.filter(state=LossReport.State.OPEN, at__gt=since)
    for report in reports.select_related("room__account"):
        yield _lost(report, whom.operating())


def _asked(row: Approval, to: Sequence[str]) -> Word:
    name = row.account.name
    lines = (
        f"{name} asks to license offline, since {moment(row.requested_at)}.",
        f"Industry: {row.industry}. Version: {row.version}.",
        f"Why no connection is possible: {row.reason}",
        "",
        "An approver grants or refuses it. Until then the customer gets no enablement token.",
    )
    page = f"/inbox/approvals/{row.id}/"
    return Word(f"approval:{row.id}:requested", tuple(to), f"{name} asks to license offline", lines, page)


_NEXT = {
    Approval.State.GRANTED: "Next: download an enablement token and install it at the Control Room within 24 hours.",
    Approval.State.REFUSED: "Nothing else is changed. You can ask again, with what was missing.",
    Approval.State.WITHDRAWN: "No new enablement token is made. License files that are installed stay as they are.",
}


def _decided(row: Approval, to: Sequence[str]) -> Word:
    name = row.account.name
    lines = [f"Offline licensing for {name} is {row.state}, since {moment(row.decided_at or row.requested_at)}."]
    lines += [f"Reason: {row.decided_reason}"] if row.decided_reason else []
    lines += ["", _NEXT[Approval.State(row.state)]]
    page, subject = f"/accounts/{row.account_id}/approval/", f"offline licensing for {name} is {row.state}"
    return Word(f"approval:{row.id}:{row.state}", tuple(to), subject, tuple(lines), page)


def _about(shown: ProposalShown) -> str:
    about = (shown.account_name, shown.room_name or shown.person)
    return " · ".join(part for part in about if part) or "CALM itself"


def _waits(shown: ProposalShown, to: Sequence[str]) -> Word:
    lines = (
        f"{shown.by} {asks_of(shown.kind)}: {_about(shown)}, since {moment(shown.at)}.",
        f"Reason: {shown.reason}",
        *(f"- {line}" for line in shown.would),
        "",
        "Another person than the one who asked confirms it or takes it back. Until then nothing is changed.",
    )
    others = tuple(address for address in to if address not in (shown.by, shown.person))
    subject = f"a second person is needed: {_about(shown)}"
    return Word(f"proposal:{shown.proposal}:open", others, subject, lines, "/confirmations/")


def _settled(shown: ProposalShown) -> Word:
    word = "confirmed and done" if shown.state == Proposal.State.DONE else "taken back"
    lines = (
        f"{shown.decided_by} decided on what you asked for: {_about(shown)}.",
        f"It is {word}, since {moment(shown.decided_at or shown.at)}.",
        *(f"- {line}" for line in shown.did),
    )
    return Word(
        f"proposal:{shown.proposal}:{shown.state}", (shown.by,), f"{word}: {_about(shown)}", lines, "/confirmations/"
    )


def _lost(report: LossReport, to: Sequence[str]) -> Word:
    room = report.room
    lines = (
        f"{report.by} reports that the Control Room {room.name} of {room.account.name} is lost.",
        f"Reason: {report.reason}",
        "",
        "If it makes no request any more, an operator asks to write it off, and a second person confirms it.",
    )
    page = f"/guids/{report.guid_id}/"
    return Word(f"loss:{report.id}:open", tuple(to), f"{room.name} is reported as lost", lines, page)


def _claim(key: str, now: datetime) -> SentWord | None:
    """None where somebody else has it, or sent it."""
    stale = SentWord.objects.filter(key=key, sent_at__isnull=True, claimed_at__lte=now - STALE)
    if stale.update(claimed_at=now):
        return SentWord.objects.get(key=key)
    claimed = SentWord(key=key, claimed_at=now)
    try:
        with transaction.atomic():
            claimed.save(force_insert=True)
    except IntegrityError:
        return None
    return claimed


def _note(calm: Calm, word: Word, claimed: SentWord, subject: str, *, now: datetime, by: str) -> None:
    with act(calm, now=now, by=by) as doing:
        claimed.sent_at, claimed.subject, claimed.to = now, subject[:300], "\n".join(word.to)
        claimed.save(force_update=True)
        doing.record("notice.sent", word.key, notice=word.key.partition(":")[0], to=list(word.to))
