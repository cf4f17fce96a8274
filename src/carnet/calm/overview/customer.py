"""A customer's overview: what waits for it, what it bought and where that is, and its License GUIDs."""

from dataclasses import dataclass
from datetime import datetime

from carnet.calm.control_rooms.models import LossReport
from carnet.calm.customers.models import Account, Approval
from carnet.calm.issuing.asking import read_shelf
from carnet.calm.licenses.models import Guid
from carnet.calm.overview.entitlements import Entitlement, entitlements
from carnet.calm.overview.sites import SiteRow, read_rooms, site_row
from carnet.calm.overview.waiting import Waiting, open_refusals, waiting_of
from carnet.entitlements import Metric
from carnet.errors import UsageError


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
    approval: ApprovalState
    guids: int
    guids_in_use: int
    waiting: tuple[Waiting, ...]  # nearest deadline first
    groups: tuple[MetricGroup, ...]
    sites: tuple[SiteRow, ...]  # one for each License GUID, by label


def customer_overview(account: str, now: datetime) -> CustomerOverview:
    """By the account's id. Raises UsageError where there is none."""
    customer = find_customer(account)
    guids = list(Guid.objects.filter(account=customer).order_by("label"))
    rooms = read_rooms(customer.id)
    refusals, lost = open_refusals(customer.id), _lost(customer.id)
    by_guid = {str(room.guid_id): room for room in rooms}
    refused = {refusal.guid for refusal in refusals if refusal.kind == "request"}
    sites = tuple(
        site_row(guid, by_guid.get(guid.id), now, refused=guid.id in refused, lost=guid.id in lost) for guid in guids
    )
    shelf = read_shelf(customer.id, "", now)
    products = entitlements(shelf, rooms)
    return CustomerOverview(
        customer.id,
        customer.name,
        customer.created_at,
        approval_of(customer.id),
        len(guids),
        sum(row.room != "" for row in sites),
        waiting_of(sites, rooms, refusals, lost, products, now),
        _groups(products),
        sites,
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
        rows = tuple(row for row in products if row.metric == metric)
        if rows:
            found.append(MetricGroup(metric, rows))
    return tuple(found)
