"""What waits for a customer, nearest deadline first: each with what it is about, until when, and where it is done."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext as _

from carnet.calm.control_rooms.models import ControlRoom, LossReport, RefusedFile
from carnet.calm.overview.entitlements import Entitlement
from carnet.calm.overview.sites import SiteRow
from carnet.calm.overview.states import RoomState
from carnet.calm.overview.words import left

HISTORY = ("history_mismatch", "history_not_shown")


class WaitingKind(StrEnum):
    CONFIRM = "confirm"  # an OLF is on its way: upload its receipt
    LAPSED = "lapsed"  # its deadline passed
    CONFIGURE = "configure"  # a request is accepted: choose entitlements
    TOO_LATE = "too_late"  # the same, past its deadline: a new request is needed
    REFUSED = "refused"
    EXPIRING = "expiring"
    LOST = "lost"


@dataclass(frozen=True)
class Waiting:
    """`number`: of the OLF or the LFR. `target`: of a refusal, its number; else the id of the LFR. `deadline`: none
    where there is none; `at`: when it began to wait."""

    kind: WaitingKind
    guid: str
    site: str
    title: str
    sentence: str
    number: int
    target: str
    at: datetime
    deadline: datetime | None = None


def open_refusals(account: str) -> list[RefusedFile]:
    """What was refused and not settled since, the newest of each GUID."""
    rows = RefusedFile.objects.filter(account=account, resolved=False).defer("raw").order_by("-at", "-id")[:200]
    seen: set[tuple[str, str]] = set()
    found = []
    for row in rows:
        if (row.guid, row.kind) not in seen:
            seen.add((row.guid, row.kind))
            found.append(row)
    return found


def waiting_of(
    sites: Iterable[SiteRow],
    rooms: Iterable[ControlRoom],
    refusals: Iterable[RefusedFile],
    lost: Mapping[str, LossReport],
    products: Iterable[Entitlement],
    now: datetime,
) -> tuple[Waiting, ...]:
    held = _returning(products)
    by_guid, found = {site.guid: site for site in sites}, []
    accepted = {str(room.guid_id): room.newest_request.accepted_at for room in rooms if room.newest_request}
    for site in by_guid.values():
        one = _cycle(site, held.get(site.guid, ""), now) or _expiring(site, now)
        found += [one] if one and site.guid not in lost else []
    for row in refusals:
        if row.kind == "request" and row.guid in by_guid and row.at >= accepted.get(row.guid, row.at):
            found.append(_refused(row, by_guid[row.guid]))
    found += [_lost(report, by_guid[guid]) for guid, report in lost.items() if guid in by_guid]
    found.sort(key=lambda one: (one.deadline is None, one.deadline or one.at, one.site, one.kind))
    return tuple(found)


def _returning(products: Iterable[Entitlement]) -> dict[str, str]:
    """By GUID: `4 Attended Bot Runner`, what stays held until it confirms."""
    words: dict[str, list[str]] = {}
    for row in products:
        for one in row.returning:
            words.setdefault(one.guid, []).append(f"{one.quantity:,} {row.name}")
    return {guid: ", ".join(parts) for guid, parts in words.items()}


def _cycle(site: SiteRow, held: str, now: datetime) -> Waiting | None:
    cycle = site.cycle
    if cycle is None or site.newest_at is None:
        return None
    about = (site.guid, site.name)
    passed = now >= cycle.deadline
    if site.answered:
        stays = _("{held} stay held.").format(held=held) if held else _("What it grants stays held.")
        if passed:
            title = _("{site}: license file #{number} lapsed").format(site=site.name, number=site.answered)
            words = _("It was not seen installed by its deadline. Upload the receipt, or make a new request there.")
            text = f"{words} {stays}"
            return Waiting(
                WaitingKind.LAPSED, *about, title, text, site.answered, site.newest_id, cycle.deadline, cycle.deadline
            )
        title = _("{site}: license file #{number} is not installed yet").format(site=site.name, number=site.answered)
        text = _("It lapses at the deadline. Check with the courier.")
        if held:
            text = _("It lapses at the deadline and {held} stay held. Check with the courier.").format(held=held)
        return Waiting(
            WaitingKind.CONFIRM, *about, title, text, site.answered, site.newest_id, site.newest_at, cycle.deadline
        )
    number = site.newest_request
    if passed:
        title = _("{site}: request #{number} is too old to answer").format(site=site.name, number=number)
        text = _("No file that answers it could be installed any more. Make a new request there.")
        return Waiting(
            WaitingKind.TOO_LATE, *about, title, text, number, site.newest_id, cycle.deadline, cycle.deadline
        )
    title = _("{site}: request #{number} is accepted, entitlements to configure").format(site=site.name, number=number)
    return Waiting(
        WaitingKind.CONFIGURE, *about, title, _ends(site, now), number, site.newest_id, site.newest_at, cycle.deadline
    )


def _ends(site: SiteRow, now: datetime) -> str:
    if site.licensed_until is None:
        return _("The first license of this Control Room.")
    if now >= site.licensed_until:
        return _("The license there has ended.")
    return _("The license there ends in {left}.").format(left=left(site.licensed_until - now))


def _expiring(site: SiteRow, now: datetime) -> Waiting | None:
    """A license that ends, or has ended, and nobody asked for the next one."""
    until, state = site.licensed_until, site.standing.beside or site.standing.state
    if until is None or state not in (RoomState.EXPIRING, RoomState.GRACE, RoomState.EXPIRED):
        return None
    if state is RoomState.EXPIRING:
        title = _("{site}: the license ends in {left}").format(site=site.name, left=left(until - now))
        text = _("Make a renewal request there, and upload it here.")
    else:
        title = _("{site}: the license has ended").format(site=site.name)
        text = _("It grants in its days of grace only. Make a renewal request there, and upload it here.")
        if state is RoomState.EXPIRED:
            text = _("Nothing is granted there any more. Make a renewal request there, and upload it here.")
    return Waiting(WaitingKind.EXPIRING, site.guid, site.name, title, text, site.installed, "", until, until)


def _refused(row: RefusedFile, site: SiteRow) -> Waiting:
    name = site.name or row.name or site.label
    number = f" #{row.sequence}" if row.sequence else ""
    title = _("{site}: request{number} is refused").format(site=name, number=number)
    text = row.message
    if row.code in HISTORY:
        title = _("{site}: request{number} is refused, history does not match").format(site=name, number=number)
        text = _("License operations have the evidence and wait for what the site knows about a restored backup.")
    return Waiting(WaitingKind.REFUSED, site.guid, name, title, text, row.sequence, str(row.pk), row.at)


def _lost(report: LossReport, site: SiteRow) -> Waiting:
    title = _("{site}: reported as lost").format(site=site.name)
    text = _("License operations decide whether it is written off. Until then, what it holds stays held.")
    return Waiting(WaitingKind.LOST, site.guid, site.name, title, text, 0, report.id, report.at)
