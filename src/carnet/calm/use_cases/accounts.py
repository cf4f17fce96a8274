"""Accounts, and the approval to license offline (E1)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from carnet.calm.customers.models import Account, Approval
from carnet.calm.customers.names import MOST_FOLDED, fold
from carnet.calm.purchases.models import Guid, Purchase
from carnet.calm.use_cases.context import (
    Act,
    Calm,
    act,
    check_text,
)
from carnet.calm.use_cases.uploads import count_upload
from carnet.errors import UsageError
from carnet.exchange.enablement_token import version_tuple
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import stamp

MIN_VERSION = "40"  # E1


@dataclass(frozen=True)
class ApprovalShown:
    approval: str
    account: str
    state: str
    industry: str
    reason: str
    version: str
    requested_at: datetime
    decided_at: datetime | None
    decided_by: str
    decided_reason: str


@dataclass(frozen=True)
class AccountShown:
    account: str
    name: str
    created_at: datetime
    approved: bool
    purchases: int
    guids: int
    archived_at: datetime | None
    approvals: tuple[ApprovalShown, ...] = ()


def find_account(name: str) -> Account:
    """By id or by its name, without regard to case, width and white space. Raises UsageError."""
    rows = Account.objects.select_related("merged_into")
    found = rows.filter(id=name).first() or rows.filter(folded=fold(name)).first()
    if found is None:
        raise UsageError(f"There is no account “{name}”.", run="calm account list")
    return found


def find_open_account(name: str) -> Account:
    """For acts: as `find_account`, but one that is not archived. Raises UsageError."""
    found = find_account(name)
    if found.merged_into:
        raise UsageError(f"The account “{found.name}” was merged into “{found.merged_into.name}”.", "Name that one.")
    if found.archived_at:
        raise UsageError(f"The account “{found.name}” is archived.", run=f"calm account bring-back {found.id}")
    return found


def check_name(text: str, what: str) -> str:
    """A name that is compared with others. Raises UsageError where it cannot stand, or is too long to compare."""
    check_text(text, what)
    if len(fold(text)) > MOST_FOLDED:
        raise UsageError(f"The {what} becomes too long where it is compared with others.", "Choose a shorter one.")
    return text


def is_approved(account: str) -> bool:
    """E1: whether an approval is in force: one was granted, and none was withdrawn since."""
    return Approval.objects.filter(account=account, state=Approval.State.GRANTED).exists()


def no_approval(account: Account, what: str) -> Refusal:
    return Refusal(
        Code.NO_APPROVAL,
        f"{account.name} has no approval for offline licensing in force: {what}.",
        "Request one; vendor staff decide it.",
        run=f"calm approval request --account “{account.name}” …",
    )


def add_account(calm: Calm, *, name: str, now: datetime, by: str) -> AccountShown:
    check_name(name, "account's name")
    with act(calm, now=now, by=by) as doing:
        check_free_name(name)
        account = Account(id=doing.new_id(), name=name, created_at=now)
        account.save(force_insert=True)
        doing.record("account.added", account.id, name=name)
        return _shown(account, ())


def check_free_name(name: str, but: str = "") -> None:
    """Names differ by more than case, width and white space; those of archived accounts count. `but`: its own id.

    Raises UsageError.
    """
    other = Account.objects.filter(folded=fold(name)).exclude(id=but).first()
    if other:
        archived = ", which is archived" if other.archived_at else ""
        raise UsageError(f"There is an account “{other.name}” already{archived}.")


def counted_accounts() -> QuerySet[Account]:
    """With `approved`, `guids` and `purchases`: one query, however many."""
    granted = Approval.objects.filter(account=OuterRef("pk"), state=Approval.State.GRANTED)
    return Account.objects.annotate(
        approved=Exists(granted),
        guids=count_of(Guid.objects.filter(account=OuterRef("pk"))),
        purchases=count_of(Purchase.objects.filter(account=OuterRef("pk"))),
    )


def count_of(rows: "QuerySet[Any]") -> Coalesce:
    """How many `rows` an account has, as a column beside it."""
    counted = rows.order_by().values("account").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))


def list_accounts(*, archived: bool = False, start: int = 0, stop: int | None = None) -> list[AccountShown]:
    """By name; `start` and `stop` cut a page out. `archived`: those that are, instead of those that are not."""
    columns = ("id", "name", "created_at", "approved", "purchases", "guids", "archived_at")
    rows = counted_accounts().filter(archived_at__isnull=not archived).order_by("name")
    return [AccountShown(*row) for row in rows.values_list(*columns)[start:stop]]


def list_approvals(name: str, *, start: int = 0, stop: int | None = None) -> list[ApprovalShown]:
    """E1: the requests of an account, the oldest first; `start` and `stop` cut a page out."""
    rows = Approval.objects.filter(account=find_account(name)).order_by("requested_at", "id")
    return [_shown_approval(approval) for approval in rows[start:stop]]


def show_account(name: str) -> AccountShown:
    account = find_account(name)
    approvals = Approval.objects.filter(account=account).order_by("requested_at", "id")
    return _shown(account, tuple(_shown_approval(approval) for approval in approvals))


def shown(account: Account) -> AccountShown:
    """Without its approvals."""
    return _shown(account, ())


def _shown(account: Account, approvals: tuple[ApprovalShown, ...]) -> AccountShown:
    return AccountShown(
        account.id,
        account.name,
        account.created_at,
        is_approved(account.id),
        Purchase.objects.filter(account=account).count(),
        Guid.objects.filter(account=account).count(),
        account.archived_at,
        approvals,
    )


def _shown_approval(approval: Approval) -> ApprovalShown:
    return ApprovalShown(
        approval.id,
        approval.account_id,
        approval.state,
        approval.industry,
        approval.reason,
        approval.version,
        approval.requested_at,
        approval.decided_at,
        approval.decided_by,
        approval.decided_reason,
    )


def request_approval(
    calm: Calm, *, account: str, industry: str, reason: str, version: str, now: datetime, by: str
) -> ApprovalShown | Refusal:
    """E1: a request states the industry, why no connection is possible, and the Control Room version."""
    check_text(industry, "industry")
    check_text(reason, "reason", 2000)
    with act(calm, now=now, by=by) as doing:
        customer = find_open_account(account)
        if too_many := count_upload(doing, customer.id, 0):
            return too_many
        if _version(version) < version_tuple(MIN_VERSION):
            return doing.refuse(_too_old(version), "approval.request", customer.id)
        open_one = Approval.objects.filter(account=customer, state=Approval.State.REQUESTED).first()
        if open_one:
            raise UsageError(f"A request of {customer.name} waits for its decision already: {open_one.id}.")
        approval = Approval(
            id=doing.new_id(),
            account=customer,
            industry=industry,
            reason=reason,
            version=version,
            state=Approval.State.REQUESTED,
            requested_at=now,
            requested_by=by,
        )
        approval.save(force_insert=True)
        doing.record("approval.requested", approval.id, reason, account=customer.id, industry=industry, version=version)
        return _shown_approval(approval)


def _version(text: str) -> tuple[int, ...]:
    check_text(text, "version", 32)
    try:
        return version_tuple(text.removeprefix("v.").removeprefix("v"))
    except ValueError as error:
        raise UsageError(f"“{text}” is not a version.", "Write 40 or 40.0.0.") from error


def _too_old(version: str) -> Refusal:
    return Refusal(
        Code.VERSION_TOO_OLD,
        f"The Control Room is version {version}; offline licensing needs version {MIN_VERSION} or above.",
        "Upgrade the Control Room first, then request again.",
    )


def grant_approval(calm: Calm, *, approval: str, reason: str, now: datetime, by: str) -> ApprovalShown:
    with act(calm, now=now, by=by) as doing:
        return _decide(doing, _find(approval, Approval.State.REQUESTED), Approval.State.GRANTED, reason)


def refuse_approval(calm: Calm, *, approval: str, reason: str, now: datetime, by: str) -> ApprovalShown:
    with act(calm, now=now, by=by) as doing:
        return _decide(doing, _find(approval, Approval.State.REQUESTED), Approval.State.REFUSED, reason)


def withdraw_approval(calm: Calm, *, approval: str, reason: str, now: datetime, by: str) -> ApprovalShown:
    """E1: no approval of the account stays in force, however many there were. Sites run out what they have. Release,
    reductions and receipts are still accepted."""
    with act(calm, now=now, by=by) as doing:
        named = _find(approval, Approval.State.GRANTED)
        granted = Approval.objects.filter(account=named.account_id, state=Approval.State.GRANTED)
        for other in granted.exclude(id=named.id):
            _decide(doing, other, Approval.State.WITHDRAWN, reason)
        return _decide(doing, named, Approval.State.WITHDRAWN, reason)


def _find(name: str, state: Approval.State) -> Approval:
    """By its id, or by the account whose newest one in that state it is."""
    found = Approval.objects.filter(id=name).first()
    if found is None:
        account = find_account(name)
        found = Approval.objects.filter(account=account, state=state).order_by("-requested_at", "-id").first()
    if found is None or found.state != state:
        is_now = f" It is {found.state}{_decided(found)}." if found else ""
        raise UsageError(f"There is no approval “{name}” that is {state.value}.{is_now}")
    return found


def _decided(approval: Approval) -> str:
    """By whom, when and why: for the one who comes second."""
    if approval.decided_at is None:
        return ""
    return f" by {approval.decided_by} at {stamp(approval.decided_at)}: {approval.decided_reason}"


def _decide(doing: Act, approval: Approval, state: Approval.State, reason: str) -> ApprovalShown:
    check_text(reason, "reason", 2000)
    approval.state, approval.decided_at, approval.decided_by = state, doing.now, doing.by
    approval.decided_reason = reason
    approval.save(force_update=True)
    doing.record(f"approval.{state.value}", approval.id, reason, account=approval.account_id)
    return _shown_approval(approval)
