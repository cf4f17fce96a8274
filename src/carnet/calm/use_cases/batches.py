"""Several sites in one trip: many LFRs at once, each accepted or refused on its own; then, for those that only go on
with what they have, the same again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.db.models import F

from carnet.calm.control_rooms.models import AcceptedLfr, ControlRoom, LicenseLine
from carnet.calm.customers.models import Account
from carnet.calm.purchases.models import Guid
from carnet.calm.use_cases.accept_lfr import LfrAccepted, accept_lfr
from carnet.calm.use_cases.accounts import find_account
from carnet.calm.use_cases.context import Calm, RefusedOf, act
from carnet.calm.use_cases.license_files import LicenseFileShown, find_lfr, issue_plan, preview_plan
from carnet.calm.use_cases.planning import Plan, make_plan
from carnet.calm.use_cases.refused_uploads import refuse_upload
from carnet.calm.use_cases.renewals import nothing_to_renew, renewal_plan
from carnet.calm.use_cases.selection import Selection
from carnet.calm.use_cases.uploads import count_upload
from carnet.calm.use_cases.validate_lfr import find_room
from carnet.errors import UsageError
from carnet.exchange.license_file_request import LicenseFileRequest, read_lfr
from carnet.exchange.verdicts import Code, Refusal
from carnet.printable import FIELD, printable

MAX_FILES = 100


@dataclass(frozen=True)
class Sent:
    """A file as it was uploaded. `guid`: by id, where the person chose one."""

    name: str
    raw: bytes
    guid: str = ""


@dataclass(frozen=True)
class Taken:
    """What became of one. `guid` is empty where none could be told."""

    file: str
    guid: str
    answer: LfrAccepted | Refusal

    @property
    def can_issue(self) -> bool:
        return isinstance(self.answer, LfrAccepted) and self.answer.deadline is not None


@dataclass(frozen=True)
class IssuedSame:
    lfr: str
    control_room: str
    name: str
    guid: str
    answer: LicenseFileShown | Refusal


def accept_many(calm: Calm, *, account: str, files: Sequence[Sent], now: datetime, by: str) -> tuple[Taken, ...]:
    """Each in an act of its own, in the order given. A Control Room that is known finds its own License GUID; of
    another account, none is known. Raises UsageError where there are too many, or a GUID is not of the account."""
    customer = find_account(account)
    if len(files) > MAX_FILES:
        raise UsageError(f"These are {len(files)} files; {MAX_FILES} are taken at once.", "Upload them in parts.")
    own = set(Guid.objects.filter(account=customer).values_list("id", flat=True))
    for file in files:
        if file.guid and file.guid not in own:
            raise UsageError(f"{customer.name} has no License GUID “{file.guid}”.")
    return tuple(_accept(calm, customer, file, now=now, by=by) for file in files)


def _accept(calm: Calm, customer: Account, file: Sent, *, now: datetime, by: str) -> Taken:
    read = read_lfr(file.raw)
    guid = file.guid or ("" if isinstance(read, Refusal) else _own_guid(customer, read.lfr))
    if guid:
        return Taken(printable(file.name, FIELD), guid, accept_lfr(calm, raw=file.raw, guid=guid, now=now, by=by))
    refusal = read if isinstance(read, Refusal) else _not_known(customer, read.lfr)
    with act(calm, now=now, by=by) as doing:
        too_many, of = count_upload(doing, customer.id, len(file.raw)), RefusedOf("lfr", customer.id)
        digest = sha256(file.raw).hexdigest()
        return Taken(printable(file.name, FIELD), "", too_many or refuse_upload(doing, refusal, file.raw, digest, of))


def _own_guid(customer: Account, lfr: LicenseFileRequest) -> str:
    """The GUID that it is bound to; of one that was released, the one that it had."""
    room = find_room(lfr.control_room.id)
    if room is None or room.account_id != customer.id:
        return ""
    return room.guid_id or (room.enrolment.guid_id if room.enrolment else "")


def _not_known(customer: Account, lfr: LicenseFileRequest) -> Refusal:
    return Refusal(
        Code.UNKNOWN_SIGNER,
        f"{lfr.control_room.name} is not known at {customer.name} yet: its License GUID cannot be told from the file.",
        "Upload this file at the License GUID that it is for.",
    )


def issue_same(
    calm: Calm,
    *,
    account: str,
    lfrs: Sequence[str],
    now: datetime,
    by: str,
    until: datetime | None = None,
    renews: bool = False,
    preview: bool = False,
) -> tuple[IssuedSame, ...]:
    """For each accepted LFR what its site has installed now, each in an act of its own: until `until`, or until the
    purchases end; with `renews`, and as much out of the next purchases. What the site would refuse is not issued;
    with `preview` nothing is. Raises UsageError, before anything is issued, where one of them is not of the account."""
    customer = find_account(account)
    own = set(AcceptedLfr.objects.filter(id__in=lfrs, room__account=customer).values_list("id", flat=True))
    for lfr_id in lfrs:
        if lfr_id not in own:
            raise UsageError(f"{customer.name} has no accepted LFR “{lfr_id}”.")

    def plan_of(row: AcceptedLfr) -> Plan | Refusal:
        return renewal_plan(row, now) if renews else _same_plan(row, until, now)

    if preview:
        rows = [find_lfr(lfr_id) for lfr_id in lfrs]
        return tuple(_issued(row, preview_plan(plan_of(row))) for row in rows)
    return tuple(_issue(calm, lfr_id, plan_of, now=now, by=by) for lfr_id in lfrs)


def waiting(account: str, now: datetime) -> tuple[str, ...]:
    """The newest LFRs of the account's sites that can be answered now, by the site's name."""
    rows = AcceptedLfr.objects.filter(room__account=find_account(account), used=False, deadline__gt=now)
    newest = rows.filter(pk=F("room__newest_lfr_id")).order_by("room__name", "room_id")
    return tuple(newest.values_list("id", flat=True))


def _issue(
    calm: Calm, lfr_id: str, plan_of: Callable[[AcceptedLfr], Plan | Refusal], *, now: datetime, by: str
) -> IssuedSame:
    with act(calm, now=now, by=by) as doing:
        row = find_lfr(lfr_id)
        return _issued(row, issue_plan(doing, plan_of(row), lfr_id))


def _issued(row: AcceptedLfr, answer: LicenseFileShown | Refusal) -> IssuedSame:
    return IssuedSame(row.id, row.room.id, row.room.name, row.room.guid_id or "", answer)


def _same_plan(row: AcceptedLfr, until: datetime | None, now: datetime) -> Plan | Refusal:
    asked = _same(row.room, until, now)
    if not (asked.lines or asked.products) and row.deadline and not row.used:
        return nothing_to_renew(row.room.name)
    plan = make_plan(row, asked, now, site_clock_is_off=False, lowers_clock=False)
    return plan.warnings[0] if isinstance(plan, Plan) and plan.warnings else plan


_COLUMNS = ("purchase_id", "purchase__product_id", "purchase__valid_from", "purchase__valid_until", "quantity")


def _same(room: ControlRoom, until: datetime | None, now: datetime) -> Selection:
    """Line by line, where the purchase reaches far enough; the product of one that does not, out of others. A line that
    begins after `until` is left out."""
    lines: dict[str, int] = {}
    products: dict[str, int] = {}
    installed = LicenseLine.objects.filter(room=room, file_sequence=room.confirmed) if room.confirmed else None
    for purchase, sku, starts, ends, quantity in installed.values_list(*_COLUMNS) if installed is not None else ():
        if until and starts >= until:
            continue
        if ends > now and ends >= (until or ends):
            lines[purchase] = quantity
        else:
            products[sku] = products.get(sku, 0) + quantity
    return Selection(products, lines, until)
