"""Long lists: query sets of rows with the columns that tables show, for paging, sorting and filtering by the page.

A query set is lazy: the page slices it, and only that slice is read. `text` and `state` filter it."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When

from carnet.calm.control_rooms.models import (
    AcceptedLfr,
    ControlRoom,
    LicenseFile,
    LossReport,
    RefusedFile,
)
from carnet.calm.control_rooms.positions import read_books
from carnet.calm.customers.models import Account, Approval
from carnet.calm.purchases.models import Purchase
from carnet.calm.queries.states import RoomState
from carnet.calm.use_cases.accounts import count_of, counted_accounts
from carnet.calm.use_cases.purchases import PurchaseShown, shown

HEAVY = ("keys", "pending_keys", "retired_keys")


def accounts(*, text: str = "", state: str = "") -> QuerySet[Account]:
    """With `approved`, `asked` (a request waits), `guids`, `rooms`, `purchases`. `state`: approved | asked | none |
    archived; else those that are not archived."""
    asked = Approval.objects.filter(account=OuterRef("pk"), state=Approval.State.REQUESTED)
    bound = ControlRoom.objects.filter(account=OuterRef("pk"), guid__isnull=False)
    rows = counted_accounts().annotate(asked=Exists(asked), rooms=count_of(bound))
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(id=text))
    rows = rows.filter(archived_at__isnull=state != "archived")
    if state:
        rows = rows.filter(**_APPROVAL.get(state, {}))
    return rows.order_by("name")


_APPROVAL = {"approved": {"approved": True}, "asked": {"asked": True}, "none": {"approved": False, "asked": False}}


def rooms(now: datetime, *, text: str = "", state: str = "", account: str = "") -> QuerySet[ControlRoom]:
    """With their account, GUID and newest LFR, and `shown_state` (as in `states.RoomState`), `refused` (a newer file of
    it is refused) and `lost` (reported as lost). `sites.site_row` makes what pages show of one."""
    open_ones = RefusedFile.objects.filter(room=OuterRef("pk"), resolved=False, kind="lfr")
    refused = open_ones.filter(
        ~Exists(AcceptedLfr.objects.filter(room=OuterRef("room"), accepted_at__gt=OuterRef("at")))
    )
    rows = ControlRoom.objects.select_related("account", "guid", "newest_lfr").annotate(
        shown_state=_state(now),
        refused=Exists(refused),
        lost=Exists(LossReport.objects.filter(room=OuterRef("pk"), state=LossReport.State.OPEN)),
    )
    rows = rows.defer("newest_lfr__raw", "newest_lfr__totals", "newest_lfr__refusals", *HEAVY)
    if account:
        rows = rows.filter(account=account)
    if text:
        rows = rows.filter(
            Q(name__icontains=text) | Q(account__name__icontains=text) | Q(guid__label__icontains=text) | Q(id=text)
        )
    if state:
        rows = rows.filter(shown_state=state)
    return rows.order_by("account__name", "name", "id")


def _state(now: datetime) -> Case:
    """`states.standing_of`, as the database says it."""
    active, opened = Q(state=ControlRoom.State.ACTIVE), Q(cycle_opened_at__isnull=False)
    missed = Q(cycle_ends__lte=now, missed_cycle_locks=True) & ~Q(newest_lfr__used=True)
    unlicensed = Q(confirmed=0) | Q(licensed_until__isnull=True)
    return Case(
        When(~active, then=F("state")),
        When(unlicensed & Q(cycle_ends__gt=now), then=Value(RoomState.REQUESTED.value)),
        When(unlicensed, then=Value(RoomState.ENABLED.value)),
        When(opened & (Q(site_state=RoomState.LOCKED.value) | missed), then=Value(RoomState.LOCKED.value)),
        When(expiring_from__gt=now, then=Value(RoomState.ACTIVE.value)),
        When(licensed_until__gt=now, then=Value(RoomState.EXPIRING.value)),
        When(grace_until__gt=now, then=Value(RoomState.GRACE.value)),
        default=Value(RoomState.EXPIRED.value),
    )


def purchases(now: datetime, *, text: str = "", state: str = "", account: str = "") -> QuerySet[Purchase]:
    """With product and account. `state`: in_force | later | ended. `with_balances` has what is held and
    spent of a page of them."""
    rows = Purchase.objects.select_related("product", "account")
    if account:
        rows = rows.filter(account=account)
    if text:
        rows = rows.filter(Q(product__name__icontains=text) | Q(account__name__icontains=text) | Q(product=text))
    if state == "in_force":
        rows = rows.filter(valid_from__lte=now, valid_until__gt=now)
    elif state == "later":
        rows = rows.filter(valid_from__gt=now)
    elif state == "ended":
        rows = rows.filter(valid_until__lte=now)
    return rows.order_by("account__name", "product__name", "valid_until", "id")


def with_balances(rows: Iterable[Purchase], now: datetime) -> list[PurchaseShown]:
    """In three queries, however many."""
    page = list(rows)
    books = read_books(page)
    return [shown(row, books.balance(row.id, now)) for row in page]


def license_files(*, account: str = "", room: str = "") -> QuerySet[LicenseFile]:
    """What was issued, newest first, without the bytes."""
    rows = LicenseFile.objects.select_related("room", "enrolment", "lfr").defer("raw", *_lfr_fields())
    if account:
        rows = rows.filter(enrolment__guid__account=account)
    return (rows.filter(room=room) if room else rows).order_by("-issued_at", "-sequence")


def lfrs(*, account: str = "", room: str = "") -> QuerySet[AcceptedLfr]:
    """What was accepted, newest first, without the bytes and totals."""
    rows = AcceptedLfr.objects.select_related("room", "enrolment").defer("raw", "totals", "refusals")
    if account:
        rows = rows.filter(enrolment__guid__account=account)
    return (rows.filter(room=room) if room else rows).order_by("-accepted_at", "-sequence")


def refused_files(*, account: str = "", state: str = "", code: str = "") -> QuerySet[RefusedFile]:
    """What was refused, newest first, without the bytes. `state`: open | settled."""
    rows = RefusedFile.objects.defer("raw")
    if account:
        rows = rows.filter(account=account)
    if state:
        rows = rows.filter(resolved=state == "settled")
    return (rows.filter(code=code) if code else rows).order_by("-at", "-id")


def _lfr_fields() -> list[str]:
    return [f"lfr__{name}" for name in ("raw", "totals", "refusals")]
