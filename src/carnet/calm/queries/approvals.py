"""E1: requests to license offline: those that wait for a decision, those decided, and what helps to decide one."""

from dataclasses import dataclass
from datetime import datetime

from carnet.calm.customers.models import Approval
from carnet.calm.purchases.models import Guid, Purchase
from carnet.calm.queries.timeline import Page, page_of
from carnet.calm.use_cases.accounts import MIN_VERSION
from carnet.errors import UsageError

WAITING = (Approval.State.REQUESTED,)
DECIDED = (Approval.State.GRANTED, Approval.State.REFUSED, Approval.State.WITHDRAWN)


@dataclass(frozen=True)
class ApprovalRow:
    approval: str
    account: str
    account_name: str
    industry: str
    reason: str  # why no connection is possible
    version: str
    state: str
    requested_at: datetime
    requested_by: str
    decided_at: datetime | None
    decided_by: str
    decided_reason: str


@dataclass(frozen=True)
class ApprovalCase:
    """One, with what CALM knows of the account. Versions below the least are refused before they get here."""

    row: ApprovalRow
    min_version: str
    products: int  # of purchases that have not ended
    bought_until: datetime | None
    guids: int
    earlier: tuple[ApprovalRow, ...]  # of this account, newest first


def waiting_approvals(*, page: int = 1, size: int = 25) -> Page[ApprovalRow]:
    """The oldest first."""
    rows = Approval.objects.filter(state__in=WAITING).select_related("account").order_by("requested_at", "id")
    return page_of([_shown(row) for row in rows[: page * size + 1]], page, size)


def decided_approvals(*, page: int = 1, size: int = 25) -> Page[ApprovalRow]:
    """The newest decision first."""
    rows = Approval.objects.filter(state__in=DECIDED).select_related("account").order_by("-decided_at", "-id")
    return page_of([_shown(row) for row in rows[: page * size + 1]], page, size)


def approvals_of(account: str) -> tuple[ApprovalRow, ...]:
    """All of one account, newest first."""
    rows = Approval.objects.filter(account=account).select_related("account").order_by("-requested_at", "-id")
    return tuple(_shown(row) for row in rows)


def approval_case(approval: str, now: datetime) -> ApprovalCase:
    """Raises UsageError where there is none of that id."""
    row = Approval.objects.select_related("account").filter(id=approval).first()
    if row is None:
        raise UsageError(f"There is no request for approval “{approval}”.")
    bought = Purchase.objects.filter(account=row.account_id, valid_until__gt=now)
    ends = list(bought.values_list("product_id", "valid_until"))
    earlier = tuple(one for one in approvals_of(row.account_id) if one.approval != row.id)
    return ApprovalCase(
        _shown(row),
        MIN_VERSION,
        len({product for product, _ in ends}),
        max((end for _, end in ends), default=None),
        Guid.objects.filter(account=row.account_id).count(),
        earlier,
    )


def _shown(row: Approval) -> ApprovalRow:
    return ApprovalRow(
        row.id,
        row.account_id,
        row.account.name,
        row.industry,
        row.reason,
        row.version,
        row.state,
        row.requested_at,
        row.requested_by,
        row.decided_at,
        row.decided_by,
        row.decided_reason,
    )
