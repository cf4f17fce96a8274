"""What a notice says: what, when, what it means, what to do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from carnet.calm.notices.due import Notice, NoticeKind, Site
from carnet.entitlements import headline
from carnet.errors import CarnetError
from carnet.times import at_end, moment, span
from carnet.times import until as said_until


class MailError(CarnetError):
    """A mail that was not sent."""


@dataclass(frozen=True)
class Mail:
    subject: str
    body: str


def foot(vendor: str) -> str:
    """Under every mail: which product of whom sends it; never a host and a port."""
    return f"CALM, the license portal of {vendor}, sends this once. Times are UTC."


def mail_of(notice: Notice, now: datetime, vendor: str, link: str = "", changes: Sequence[str] = ()) -> Mail:
    """`link`: of the Control Room's page; empty where it is not known. `changes`: what the license file changes that is
    to be installed, in sentences."""
    subject, words = _WORDS[notice.kind](notice, now)
    site = notice.site
    what, means, to_do = words
    lines = [what, "", means, "", to_do]
    if changes and notice.kind is NoticeKind.DEADLINE:
        lines += ["", "What the license file changes:", *changes]
    if link:
        lines += ["", link]
    lines += ["", f"{site.account_name}, Control Room {site.name}."]
    lines.append(foot(vendor))
    return Mail(" ".join(subject.split()), "\n".join(lines) + "\n")


def staff_mail_of(
    notices: Sequence[Notice], now: datetime, vendor: str, link: Callable[[str], str] = lambda _room: ""
) -> Mail:
    """To the vendor's own people, of several sites at once, one at least: the sentences are the customers' own."""
    told = [(notice, *_WORDS[notice.kind](notice, now)) for notice in notices]
    more = len(told) - 1
    also = f", and {more:,} more" if more else ""
    lines: list[str] = []
    for notice, _subject, (what, _means, _to_do) in told:
        lines += [f"{notice.site.account_name}, Control Room {notice.site.name}:", what]
        lines += [address, ""] if (address := link(notice.site.room)) else [""]
    lines += ["The customer's license administrators are told too.", foot(vendor)]
    return Mail(" ".join(f"{told[0][1]}{also}".split()), "\n".join(lines) + "\n")


def _expiry(notice: Notice, now: datetime) -> tuple[str, tuple[str, str, str]]:
    site, until = notice.site, notice.about
    when, left = at_end(until), span(abs(until - now))
    renew = f"Make a renewal request at {site.name}, upload it to CALM, and carry the license file back."
    if now < until:
        subject = f"{site.name}: the license ends in {left}"
        what = f"The license of {site.name} ends {when}, in {left}."
        return subject, (what, _after(site), renew)
    subject = f"{site.name}: the license has ended"
    what = f"The license of {site.name} ended {when}, {left} ago."
    return subject, (what, _after(site, ended=True), renew)


def _change(notice: Notice, now: datetime) -> tuple[str, tuple[str, str, str]]:
    """The sentences are those of the site itself, which adds whom it concerns."""
    site, changes = notice.site, notice.site.changes_at(notice.about)
    subject = f"{site.name}: {headline(changes, now)}"
    what = "\n".join([f"Of what {site.name} is licensed for:", *(change.sentence for change in changes)])
    means = "From then on the earliest who hold one stay covered, and others are refused. Units that are left lapse."
    renew = f"If more is needed: make a renewal request at {site.name}, upload it to CALM, and carry the file back."
    return subject, (what, means, renew)


def _after(site: Site, *, ended: bool = False) -> str:
    until, grace = site.licensed_until, site.grace_until
    if until and grace and grace > until:
        return f"Days of grace follow: it grants {said_until(grace)}, then nothing."
    if ended:
        return "Nothing new is granted there any more."
    return "From then on nothing new is granted there."


def _deadline(notice: Notice, now: datetime) -> tuple[str, tuple[str, str, str]]:
    site = notice.site
    when, left = moment(notice.about), span(notice.about - now)
    locks = " If the cycle is missed, the Control Room locks: nothing new is granted there." if site.locks else ""
    if site.answered:
        subject = f"{site.name}: license file #{site.answered} must be installed in {left}"
        what = f"License file #{site.answered} for {site.name} installs before {when}: {left} are left."
        means = "After that the site refuses it, and what it grants stays held." + locks
        to_do = f"Install it at {site.name} and upload the receipt. If it is installed already, upload the receipt."
        return subject, (what, means, to_do)
    subject = f"{site.name}: request #{site.lfr} must be answered in {left}"
    what = f"Request #{site.lfr} of {site.name} is not answered. A license file for it installs before {when}."
    means = f"{left} are left, the way to the site included. After that a new request is needed."
    to_do = f"Configure the entitlements in CALM, issue the license file, and carry it to {site.name}."
    return subject, (what, means + locks, to_do)


_WORDS = {NoticeKind.EXPIRY: _expiry, NoticeKind.DEADLINE: _deadline, NoticeKind.CHANGE: _change}
