"""What needs the vendor's attention, newest first: each with whose it is, what is the matter, and where it is settled.
A constant number of queries, however much there is.

Among it: purchases of which more is held and spent than was bought (H1). Only a write-off, an accepted history and a
total that rose after it was final (H2) lead there, so that only what those touched is counted.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any

import msgspec
from django.db.models import Exists, OuterRef, Q, QuerySet

from carnet.calm.control_rooms.models import (
    Acceptance,
    ControlRoom,
    Enrolment,
    Kept,
    LicenseLine,
    LossReport,
    RefusedFile,
    Spent,
)
from carnet.calm.control_rooms.positions import read_books
from carnet.calm.customers.models import Account, Approval
from carnet.calm.purchases.models import Product, Purchase
from carnet.calm.queries.expiring import count_expiring
from carnet.calm.queries.late_totals import late_totals
from carnet.calm.queries.timeline import Page, page_of
from carnet.calm.use_cases.exposures import exposed_lines
from carnet.calm.use_cases.models import Proposal, Restoration, Vouching
from carnet.calm.use_cases.proposals import OF_ACCOUNTS
from carnet.calm.use_cases.restorations import forgotten_words
from carnet.entitlements import Metric
from carnet.exchange.license_file_request import LineTotals
from carnet.times import span, until
from carnet.vouching import APART


@dataclass(frozen=True)
class Excess:
    purchase: str
    account: str
    account_name: str
    sku: str
    name: str
    metric: Metric
    unit: str
    excess: int
    since: datetime  # the last act that may have led to it


def excesses(now: datetime) -> list[Excess]:
    rows = _candidates()
    if not rows:
        return []
    books = read_books(rows)
    over = [(row, books.balance(row.id, now).excess) for row in rows]
    since = _since([row.id for row, excess in over if excess], now)
    return [_shown(row, excess, since.get(row.id, row.added_at)) for row, excess in over if excess]


def _candidates() -> list[Purchase]:
    """Found from the few sites that were written off or accepted, or stated more than was final, and not from the many
    purchases; and of these, only what could be over: its whole books are read after that."""
    written_off = Spent.objects.filter(Q(why="written_off") | Q(late__gt=0)).values_list("purchase", flat=True)
    accepted = LicenseLine.objects.filter(room__in=Acceptance.objects.values("room"), out=True)
    late = Kept.objects.filter(late__gt=0).values_list("purchase", flat=True)
    touched = {*written_off, *accepted.values_list("purchase", flat=True), *late}
    if not touched:
        return []
    most = _at_most(touched)
    bought = Purchase.objects.filter(id__in=touched).values_list("id", "quantity")
    over = [purchase for purchase, quantity in bought if most[purchase] > quantity]
    return list(Purchase.objects.filter(id__in=over).select_related("product", "account")) if over else []


def _at_most(purchases: set[str]) -> Counter[str]:
    """By purchase: held and spent, also of what has ended meanwhile. Never less than the books say."""
    lines = LicenseLine.objects.filter(purchase__in=purchases, out=True).values_list("purchase", "guid", "quantity")
    kept = Kept.objects.filter(purchase__in=purchases, live=True).values_list("purchase", "guid", "units")
    held: dict[tuple[str, str], int] = {}
    for purchase, guid, units in (*lines, *kept):
        held[purchase, guid] = max(units, held.get((purchase, guid), 0))
    found: Counter[str] = Counter()
    for (purchase, _guid), units in held.items():
        found[purchase] += units
    for purchase, units in Spent.objects.filter(purchase__in=purchases).values_list("purchase", "units"):
        found[purchase] += units
    return found


def _since(purchases: list[str], now: datetime) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    ended = Spent.objects.filter(purchase__in=purchases, why="written_off", enrolment__ended_at__isnull=False)
    times = list(ended.values_list("purchase_id", "enrolment__ended_at"))
    taken = LicenseLine.objects.filter(purchase__in=purchases, out=True, room__acceptance__isnull=False)
    times += list(taken.values_list("purchase_id", "room__acceptance__at"))
    times += [(late.purchase, late.room.changed_at) for late in late_totals(now)]
    for purchase, at in times:
        if at:
            found[purchase] = max(at, found.get(purchase, at))
    return found


def _shown(row: Purchase, excess: int, since: datetime) -> Excess:
    product = row.product
    return Excess(
        row.id,
        row.account_id,
        row.account.name,
        product.sku,
        product.name,
        Metric(product.metric),
        product.unit,
        excess,
        since,
    )


class AttentionKind(StrEnum):
    HISTORY_MISMATCH = "history_mismatch"
    HISTORY_NOT_SHOWN = "history_not_shown"
    TOTALS_FELL = "totals_fell"
    UNKNOWN_LICENSE_FILE = "unknown_license_file"
    TOKEN_USED = "token_used"  # noqa: S105 - a code that speaks of tokens
    WRITTEN_OFF = "written_off"  # a file of a Control Room that was written off
    RELEASED_AGAIN = "released_again"  # E11: it enrols again and again
    NOT_REMEMBERED = "not_remembered"  # L6: it shows what CALM may have forgotten
    RESTORED = "restored"  # L6: CALM was restored, and may have forgotten things
    PROPOSAL = "proposal"
    LOST = "lost"
    LAPSED = "lapsed"
    CLOCK_SET_BACK = "clock_set_back"
    OWED = "owed"
    EXPOSED = "exposed"  # released or written off, and its license file may still be in use
    EXCESS = "excess"
    LATE = "late"  # a total rose after it was final
    ON_MACHINE = "on_machine"  # an act on the vendor's staff that one person did there (A3)


REFUSALS = (
    AttentionKind.HISTORY_MISMATCH,
    AttentionKind.HISTORY_NOT_SHOWN,
    AttentionKind.TOTALS_FELL,
    AttentionKind.UNKNOWN_LICENSE_FILE,
    AttentionKind.TOKEN_USED,
    AttentionKind.WRITTEN_OFF,
    AttentionKind.RELEASED_AGAIN,
    AttentionKind.NOT_REMEMBERED,
)


@dataclass(frozen=True)
class Attention:
    """`target`: the refused file's number, the proposal's id, the purchase's id; else the Control Room's id."""

    kind: AttentionKind
    title: str
    sentence: str
    account: str
    account_name: str
    room: str
    room_name: str
    guid: str
    at: datetime
    target: str


@dataclass(frozen=True)
class VendorCounts:
    """For the menu."""

    approvals: int
    attention: int
    proposals: int
    expiring: int

    @property
    def inbox(self) -> int:
        return self.approvals + self.attention


def attention(
    now: datetime, *, kinds: Collection[AttentionKind] | None = None, page: int = 1, size: int = 25
) -> Page[Attention]:
    """`kinds`: only those."""
    most = page * size + 1
    found = [one for source in _SOURCES for one in source(now, most) if kinds is None or one.kind in kinds]
    found.sort(key=lambda one: one.at, reverse=True)  # stable, so that pages neither repeat nor miss one
    return page_of(found, page, size)


def vendor_counts(now: datetime, expiring_days: int = 30) -> VendorCounts:
    proposals = Proposal.objects.filter(state=Proposal.State.OPEN).count()
    things = sum(rows.count() for rows in (_refusals_open(), _lapsed_rooms(now), _set_back_rooms(), _owing_rooms()))
    things += _exposed_enrolments(now).count() + _lost_open().count() + len(excesses(now)) + len(late_totals(now))
    things += _on_machine_rows(now).count() + _restored_rows(now).count()
    approvals = Approval.objects.filter(state=Approval.State.REQUESTED).count()
    return VendorCounts(approvals, things + proposals, proposals, count_expiring(now, expiring_days))


def _refusals_open() -> QuerySet[RefusedFile]:
    """The newest of each Control Room and code."""
    rows = RefusedFile.objects.filter(resolved=False, code__in=REFUSALS)
    newer = RefusedFile.objects.filter(room=OuterRef("room"), code=OuterRef("code"), resolved=False)
    return rows.filter(~Exists(newer.filter(pk__gt=OuterRef("pk"))))


def _refusals(_now: datetime, most: int) -> Iterator[Attention]:
    # Stepped through, not limited: SQLite then goes along the index of what is open, and reads no row to find them.
    in_order = _refusals_open().order_by("-at").values_list("pk", flat=True)
    found = list(islice(in_order.iterator(chunk_size=most), most))
    by_number = RefusedFile.objects.defer("raw").in_bulk(found)
    rows = [by_number[number] for number in found]
    names = dict(Account.objects.filter(id__in={row.account for row in rows}).values_list("id", "name"))
    for row in rows:
        kind = AttentionKind(row.code)
        account = names.get(row.account, "")
        yield Attention(
            kind, _TITLES[kind](), row.message, row.account, account, row.room, row.name, row.guid, row.at, str(row.pk)
        )


_TITLES: dict[AttentionKind, Callable[[], str]] = {
    AttentionKind.HISTORY_MISMATCH: lambda: "History does not match",
    AttentionKind.HISTORY_NOT_SHOWN: lambda: "History is not shown",
    AttentionKind.TOTALS_FELL: lambda: "Totals went back",
    AttentionKind.UNKNOWN_LICENSE_FILE: lambda: "License file that CALM never issued",
    AttentionKind.TOKEN_USED: lambda: "Token used a second time",
    AttentionKind.WRITTEN_OFF: lambda: "A written-off Control Room turned up",
    AttentionKind.RELEASED_AGAIN: lambda: "Released and enrolled again",
    AttentionKind.NOT_REMEMBERED: lambda: "CALM may have forgotten it",
}


def _of_room(kind: AttentionKind, title: str, sentence: str, room: ControlRoom, at: datetime) -> Attention:
    guid = room.guid_id or ""
    return Attention(kind, title, sentence, room.account_id, room.account.name, room.id, room.name, guid, at, room.id)


def _rooms(**which: Any) -> QuerySet[ControlRoom]:
    rows = ControlRoom.objects.filter(**which).select_related("account", "newest_lfr")
    return rows.defer("newest_lfr__raw", "newest_lfr__refusals", "keys", "pending_keys", "retired_keys")


def _lapsed_rooms(now: datetime) -> QuerySet[ControlRoom]:
    return _rooms(deadline__lte=now, newest_lfr__used=True)


def _lapsed(now: datetime, most: int) -> Iterator[Attention]:
    rows = list(_lapsed_rooms(now).order_by("-deadline", "-id")[:most])
    held = _held_by_answers(rows)
    for room in rows:
        assert room.deadline is not None
        what = ", ".join(held.get(str(room.newest_lfr_id), ())) or "What it grants"
        sentence = f"#{room.last_license_file} was not seen installed by its deadline. {what} stay held."
        yield _of_room(AttentionKind.LAPSED, "License file lapsed", sentence, room, room.deadline)


def _held_by_answers(rooms: list[ControlRoom]) -> dict[str, list[str]]:
    """By LFR: what the OLF that answers it grants, in words."""
    columns = ("license_file__lfr_id", "purchase__product__name", "quantity")
    newest = [str(room.newest_lfr_id) for room in rooms]
    rows = LicenseLine.objects.filter(room__in=rooms, license_file__lfr__in=newest).values_list(*columns)
    found: dict[str, list[str]] = {}
    for lfr, name, quantity in rows.order_by("purchase__product__name"):
        found.setdefault(lfr, []).append(f"{quantity:,} {name}")
    return found


def _set_back_rooms() -> QuerySet[ControlRoom]:
    return _rooms(set_backs__gt=0)


def _set_back(_now: datetime, most: int) -> Iterator[Attention]:
    for room in _set_back_rooms().order_by("-changed_at", "-id")[:most]:
        assert room.newest_lfr is not None
        times = "once" if room.set_backs == 1 else f"{room.set_backs} times"
        largest = span(timedelta(seconds=room.newest_lfr.largest_set_back_s))
        title = f"Clock set back {times}"
        sentence = f"By {largest} at most. Nothing was gained by it."
        yield _of_room(AttentionKind.CLOCK_SET_BACK, title, sentence, room, room.changed_at)


def _owing_rooms() -> QuerySet[ControlRoom]:
    return _rooms(owed=True)


def _owed(_now: datetime, most: int) -> Iterator[Attention]:
    for room in _owing_rooms().order_by("-changed_at", "-id")[:most]:
        assert room.newest_lfr is not None
        totals = msgspec.json.decode(room.newest_lfr.totals, type=list[LineTotals])
        what = ", ".join(f"{total.owed:,} {total.sku}" for total in totals if total.owed)
        sentence = f"{what} were used above what is granted: a purchase settles it."
        yield _of_room(AttentionKind.OWED, "Overage is owed", sentence, room, room.changed_at)


def _exposed_enrolments(now: datetime) -> QuerySet[Enrolment]:
    return Enrolment.objects.filter(exposed_until__gt=now)


def _exposed(now: datetime, most: int) -> Iterator[Attention]:
    rows = list(_exposed_enrolments(now).select_related("room__account").order_by("-ended_at", "-id")[:most])
    names = dict(Product.objects.values_list("sku", "name"))
    for row in rows:
        assert row.exposed_until is not None
        assert row.ended_at is not None
        held = ", ".join(f"{line.quantity:,} {names[line.sku]}" for line in exposed_lines(row, now))
        whose, title = "A copy of it", "Released, not yet ended"
        if row.ended_by == "written_off":
            whose, title = "It", "Written off, not yet ended"
        sentence = f"{whose} could use {held} {until(row.exposed_until)}: more may be usable than was bought."
        yield _of_room(AttentionKind.EXPOSED, title, sentence, row.room, row.ended_at)


def _lost_open() -> QuerySet[LossReport]:
    return LossReport.objects.filter(state=LossReport.State.OPEN)


def _lost(_now: datetime, most: int) -> Iterator[Attention]:
    for row in _lost_open().select_related("room", "room__account").order_by("-at", "-id")[:most]:
        title = "Reported as lost"
        sentence = f"{row.by} reports it: {row.reason}"
        yield _of_room(AttentionKind.LOST, title, sentence, row.room, row.at)


_ASKS = {
    "write_off": "asks to write it off",
    "accept_history": "asks to accept its history",
    "readmit": "asks to let it enrol once more",
    "take_back": "asks to take back what CALM forgot of it",
    "take_back_token": "asks to take back a token that CALM forgot",
    "take_back_key_set": "asks to take back a key set that CALM forgot",
    "resume_log": "states that CALM was restored",
    "rotate_keys": "asks for new issuing keys",
    "set_windows": "asks for other windows",
    "merge_accounts": "asks to merge it into another account",
    "add_staff": "asks to add somebody to the staff",
    "change_staff_role": "asks for another role for somebody of the staff",
    "give_staff_link": "asks for a new link for somebody of the staff",
    "let_staff_in": "asks to let somebody of the staff in again",
    "remove_staff_factors": "asks to remove somebody's second factors",
}


def _proposals(_now: datetime, most: int) -> Iterator[Attention]:
    rows = list(Proposal.objects.filter(state=Proposal.State.OPEN).order_by("-at", "-id")[:most])
    rooms = ControlRoom.objects.select_related("account").in_bulk([row.subject for row in rows])
    accounts = Account.objects.in_bulk([row.subject for row in rows if row.kind in OF_ACCOUNTS])
    for row in rows:
        room, account = rooms.get(row.subject), accounts.get(row.subject)
        about = (account.id, account.name, "", "", "") if account else ("",) * 5
        if room:
            about = (room.account_id, room.account.name, room.id, room.name, room.guid_id or "")
        sentence = f"{row.by} {_ASKS[row.kind]}: {row.reason}"
        yield Attention(AttentionKind.PROPOSAL, "Second person needed", sentence, *about, row.at, row.id)


_DONE_THERE = {
    "added": "was added",
    "role": "got another role",
    "link": "was given a link to a password",
    "let_in": "was let in again",
    "second_factors": "had the second factors removed",
    "vouched": "was vouched for",
}


def _on_machine_rows(now: datetime) -> QuerySet[Vouching]:
    return Vouching.objects.filter(on_machine=True, at__gt=now - APART)


def _on_machine(now: datetime, most: int) -> Iterator[Attention]:
    """For 30 days (A3)."""
    for row in _on_machine_rows(now).order_by("-at", "-pk")[:most]:
        sentence = f"{row.whom} {_DONE_THERE[row.what]} on CALM's machine, in the name of {row.by}."
        about = ("",) * 5
        yield Attention(AttentionKind.ON_MACHINE, "Done on the machine", sentence, *about, row.at, str(row.pk))


def _restored_rows(now: datetime) -> QuerySet[Restoration]:
    return Restoration.objects.filter(at__gt=now - APART)


def _restored(now: datetime, most: int) -> Iterator[Attention]:
    """For 30 days (L6)."""
    for row in _restored_rows(now).order_by("-at", "-pk")[:most]:
        about = ("",) * 5
        yield Attention(AttentionKind.RESTORED, "CALM was restored", forgotten_words(row), *about, row.at, str(row.pk))


def _late(now: datetime, _most: int) -> Iterator[Attention]:
    for one in late_totals(now):
        sentence = f"{one.words} were stated after the total was final. They are counted."
        yield _of_room(AttentionKind.LATE, "A final total rose", sentence, one.room, one.room.changed_at)


def _excess(now: datetime, _most: int) -> Iterator[Attention]:
    for one in excesses(now):
        more = one.metric.kind.counted(one.excess, one.unit)
        sentence = f"{more} more of {one.name} are out than were bought; nothing that raises it is issued."
        about = (one.account, one.account_name, "", "", "")
        yield Attention(AttentionKind.EXCESS, "More is out than was bought", sentence, *about, one.since, one.purchase)


_SOURCES: tuple[Callable[[datetime, int], Iterator[Attention]], ...] = (
    _refusals,
    _lapsed,
    _set_back,
    _owed,
    _exposed,
    _lost,
    _proposals,
    _excess,
    _late,
    _on_machine,
    _restored,
)
