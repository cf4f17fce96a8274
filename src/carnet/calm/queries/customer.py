"""A customer's overview: what waits for it, nearest deadline first, what it bought and where that is, and its License
GUIDs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Max

from carnet.calm.control_rooms.changes import announced_changes
from carnet.calm.control_rooms.models import AcceptedLfr, LossReport, RefusedFile
from carnet.calm.customers.models import Account, Approval
from carnet.calm.purchases.models import Guid
from carnet.calm.queries.entitlements import Entitlement, entitlements
from carnet.calm.queries.sites import SiteRow, read_rooms, site_row
from carnet.calm.queries.states import RoomState
from carnet.calm.use_cases.selection import read_shelf
from carnet.entitlements import Change, Metric, headline
from carnet.errors import UsageError
from carnet.times import span

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
    """What was refused and not settled since, the newest of each GUID. A request that was accepted there later, also
    that of a release, ends the waiting of those before it."""
    rows = RefusedFile.objects.filter(account=account, resolved=False).defer("raw").order_by("-at", "-id")[:200]
    taken = (
        AcceptedLfr.objects.filter(enrolment__guid__account=account)
        .values_list("enrolment__guid")
        .annotate(Max("accepted_at"))
    )
    accepted = dict(taken.order_by())
    seen: set[tuple[str, str]] = set()
    found = []
    for row in rows:
        if row.kind == "lfr" and row.at < accepted.get(row.guid, row.at):
            continue
        if (row.guid, row.kind) not in seen:
            seen.add((row.guid, row.kind))
            found.append(row)
    return found


def waiting_of(
    sites: Iterable[SiteRow],
    refusals: Iterable[RefusedFile],
    lost: Mapping[str, LossReport],
    products: Iterable[Entitlement],
    changes: Mapping[str, tuple[Change, ...]],
    now: datetime,
) -> tuple[Waiting, ...]:
    """`changes`: by the room's id, what becomes less of its products and is announced now (S)."""
    held = _returning(products)
    by_guid, found = {site.guid: site for site in sites}, []
    for site in by_guid.values():
        one = _cycle(site, held.get(site.guid, ""), now) or _expiring(site, now)
        one = one or _lowers(site, changes.get(site.room, ()), now)
        found += [one] if one and site.guid not in lost else []
    for row in refusals:
        if row.kind == "lfr" and row.guid in by_guid:
            found.append(_refused(row, by_guid[row.guid]))
    found += [_waiting_lost(report, by_guid[guid]) for guid, report in lost.items() if guid in by_guid]
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
        stays = f"{held} stay held." if held else "What it grants stays held."
        if passed:
            title = f"{site.name}: license file #{site.answered} lapsed"
            words = "It was not seen installed by its deadline. Upload the receipt, or make a new request there."
            text = f"{words} {stays}"
            return Waiting(
                WaitingKind.LAPSED, *about, title, text, site.answered, site.newest_id, cycle.deadline, cycle.deadline
            )
        title = f"{site.name}: license file #{site.answered} is not installed yet"
        text = "It lapses at the deadline. Check with the courier."
        if held:
            text = f"It lapses at the deadline and {held} stay held. Check with the courier."
        return Waiting(
            WaitingKind.CONFIRM, *about, title, text, site.answered, site.newest_id, site.newest_at, cycle.deadline
        )
    number = site.newest_lfr
    if passed:
        title = f"{site.name}: request #{number} is too old to answer"
        text = "No file that answers it could be installed any more. Make a new request there."
        return Waiting(
            WaitingKind.TOO_LATE, *about, title, text, number, site.newest_id, cycle.deadline, cycle.deadline
        )
    title = f"{site.name}: request #{number} is accepted, entitlements to configure"
    return Waiting(
        WaitingKind.CONFIGURE, *about, title, _ends(site, now), number, site.newest_id, site.newest_at, cycle.deadline
    )


def _ends(site: SiteRow, now: datetime) -> str:
    if site.licensed_until is None:
        return "The first license of this Control Room."
    if now >= site.licensed_until:
        return "The license there has ended."
    return f"The license there ends in {span(site.licensed_until - now)}."


def _expiring(site: SiteRow, now: datetime) -> Waiting | None:
    """A license that ends or has ended, without a request for the next one."""
    until, state = site.licensed_until, site.standing.beside or site.standing.state
    if until is None or state not in (RoomState.EXPIRING, RoomState.GRACE, RoomState.EXPIRED):
        return None
    if state is RoomState.EXPIRING:
        title = f"{site.name}: the license ends in {span(until - now)}"
        text = "Make a renewal request there, and upload it here."
    else:
        title = f"{site.name}: the license has ended"
        text = "It grants in its days of grace only. Make a renewal request there, and upload it here."
        if state is RoomState.EXPIRED:
            text = "Nothing is granted there any more. Make a renewal request there, and upload it here."
    return Waiting(WaitingKind.EXPIRING, site.guid, site.name, title, text, site.installed, "", until, until)


def _lowers(site: SiteRow, changes: tuple[Change, ...], now: datetime) -> Waiting | None:
    """What becomes less of its products, the soonest in the title."""
    if not changes:
        return None
    ends = changes[0].ends
    title = f"{site.name}: {headline([change for change in changes if change.ends == ends], now)}"
    text = f"{' '.join(change.sentence for change in changes[:3])} If more is needed, make a renewal request there."
    return Waiting(WaitingKind.EXPIRING, site.guid, site.name, title, text, site.installed, "", ends, ends)


def _refused(row: RefusedFile, site: SiteRow) -> Waiting:
    name = site.name or row.name or site.label
    number = f" #{row.sequence}" if row.sequence else ""
    title = f"{name}: request{number} is refused"
    text = row.message
    if row.code in HISTORY:
        title = f"{name}: request{number} is refused, history does not match"
        text = "License operations have the evidence and wait for what the site knows about a restored backup."
    return Waiting(WaitingKind.REFUSED, site.guid, name, title, text, row.sequence, str(row.pk), row.at)


def _waiting_lost(report: LossReport, site: SiteRow) -> Waiting:
    title = f"{site.name}: reported as lost"
    text = "License operations decide whether it is written off. Until then, what it holds stays held."
    return Waiting(WaitingKind.LOST, site.guid, site.name, title, text, 0, report.id, report.at)


@dataclass(frozen=True)
class ApprovalState:
    """`state`: none · requested · granted · refused · withdrawn. An approval in force stays so while another is asked
    for."""

    state: str
    approval: str = ""
    since: datetime | None = None
    by: str = ""
    reason: str = ""  # of the decision
    asked_again: bool = False


@dataclass(frozen=True)
class MetricGroup:
    metric: Metric
    products: tuple[Entitlement, ...]


@dataclass(frozen=True)
class CustomerOverview:
    account: str
    name: str
    created_at: datetime
    archived_at: datetime | None
    approval: ApprovalState
    guids: int
    guids_in_use: int
    waiting: tuple[Waiting, ...]  # nearest deadline first
    groups: tuple[MetricGroup, ...]
    sites: tuple[SiteRow, ...]  # one for each License GUID that is not archived, by label
    archived: tuple[tuple[str, str], ...]  # the others, id and label


def customer_overview(account: str, now: datetime) -> CustomerOverview:
    """By the account's id. Raises UsageError where there is none."""
    customer = find_customer(account)
    rows = list(Guid.objects.filter(account=customer).order_by("label"))
    guids = [row for row in rows if row.archived_at is None]
    rooms = read_rooms(customer.id)
    refusals, lost = open_refusals(customer.id), _lost(customer.id)
    by_guid = {str(room.guid_id): room for room in rooms}
    refused = {refusal.guid for refusal in refusals if refusal.kind == "lfr"}
    sites = tuple(
        site_row(guid, by_guid.get(guid.id), now, refused=guid.id in refused, lost=guid.id in lost) for guid in guids
    )
    shelf = read_shelf(customer.id, "", now)
    products = entitlements(shelf, rooms)
    return CustomerOverview(
        customer.id,
        customer.name,
        customer.created_at,
        customer.archived_at,
        approval_of(customer.id),
        len(guids),
        sum(row.room != "" for row in sites),
        waiting_of(sites, refusals, lost, products, announced_changes(now, room__account=customer.id), now),
        _groups(products),
        sites,
        tuple((row.id, row.label) for row in rows if row.archived_at),
    )


def find_customer(account: str) -> Account:
    """Raises UsageError where there is none of that id."""
    found = Account.objects.filter(id=account).first()
    if found is None:
        raise UsageError(f"There is no account “{account}”.")
    return found


def approval_of(account: str) -> ApprovalState:
    rows = list(Approval.objects.filter(account=account).order_by("-requested_at", "-id")[:20])
    granted = next((row for row in rows if row.state == Approval.State.GRANTED), None)
    shown = granted or next(iter(rows), None)
    if shown is None:
        return ApprovalState("none")
    asked_again = granted is not None and any(row.state == Approval.State.REQUESTED for row in rows)
    since = shown.decided_at or shown.requested_at
    return ApprovalState(shown.state, shown.id, since, shown.decided_by, shown.decided_reason, asked_again)


def _lost(account: str) -> dict[str, LossReport]:
    """By GUID."""
    rows = LossReport.objects.filter(room__account=account, state=LossReport.State.OPEN)
    return {row.guid_id: row for row in rows}


def _groups(products: tuple[Entitlement, ...]) -> tuple[MetricGroup, ...]:
    found = []
    for metric in Metric:
        rows = tuple(row for row in products if row.metric is metric)
        if rows:
            found.append(MetricGroup(metric, rows))
    return tuple(found)
