"""What goes in and out, as OpenAPI has it. Times are UTC; quantities are whole numbers."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Path, Query, Schema
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field, StringConstraints

from carnet.entitlements import MAX_QUANTITY
from carnet.times import PERPETUAL, PERPETUAL_WORD, as_utc, fitting_end

Id = Annotated[str, Path(pattern=r"^[0-9a-f-]{1,36}$")]
Printable = r"^[^\x00-\x1f\x7f-\x9f]+$"
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=Printable)]
Long = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=Printable)]
Sku = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}$")]
Quantity = Annotated[int, Field(ge=0, le=MAX_QUANTITY, strict=True)]


PAGE = 100  # rows
Number = Annotated[int, Query(ge=1, le=100_000)]


def cut(page: int) -> dict[str, int]:
    """Where a page lies, and one row of the next."""
    return {"start": (page - 1) * PAGE, "stop": page * PAGE + 1}


def after(page: int, rows: list[Any]) -> int | None:
    return page + 1 if len(rows) > PAGE else None


def _end(value: Any) -> Any:
    return PERPETUAL if value == PERPETUAL_WORD else value


# Q1: a time, or the word `perpetual`; a later one is refused
End = Annotated[
    AwareDatetime,
    BeforeValidator(_end, json_schema_input_type=datetime | Literal["perpetual"]),
    AfterValidator(fitting_end),
]
Moment = Annotated[AwareDatetime, AfterValidator(as_utc)]


class Given(Schema):
    """A body: nothing in it is ignored."""

    model_config = ConfigDict(extra="forbid")


class Reason(Given):
    reason: Long


class NewAccount(Given):
    name: Line


class NewApproval(Given):
    industry: Line
    reason: Long
    version: Annotated[str, StringConstraints(pattern=r"^v?\.?[0-9]{1,4}(\.[0-9]{1,4}){0,3}$")]


class NewGuid(Given):
    label: Line


class NewMerge(Given):
    into: Id
    reason: Long


class NewPurchase(Given):
    sku: Sku
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY, strict=True)]
    valid_from: Moment
    valid_until: End
    kind: Annotated[str, StringConstraints(pattern="^(purchased|trial)$")] = "purchased"
    period: Annotated[str, StringConstraints(pattern="^(month|year)$")] | None = None
    overage_percent: Annotated[int, Field(ge=0, le=100, strict=True)] = 0
    grace_days: Annotated[int, Field(ge=0, le=90, strict=True)] = 0


class NewLicenseFile(Given):
    """By product, where CALM chooses the purchases, or by purchase. Without `until` a line ends with its purchase."""

    lfr: Uuid
    products: dict[Sku, Quantity] = {}
    lines: dict[Uuid, Quantity] = {}
    until: End | None = None


class RenewAsNow(Given):
    """`preview`: nothing is written."""

    lfr: Uuid
    preview: bool = False


class RenewManyAsNow(Given):
    """The accepted LFRs to answer; without any all of the account that wait for an answer. `preview`: nothing is
    written."""

    lfrs: Annotated[list[Uuid], Field(max_length=100)] = []
    preview: bool = False


class NewWriteOff(Reason):
    return_unconsumed: bool = False


class NewAcceptance(Reason):
    """L2. `lower`: fewer units to add, by line, or line@start of its period, or product where that has one line.
    `site_confirms`: by other means, that this is its newest request."""

    site_confirms: bool = False
    lower: dict[Line, Quantity] = {}


class NewTakeBack(Reason):
    """L6. `lower`: as with an accepted history, where taking it back accepts one."""

    lower: dict[Line, Quantity] = {}


class NewWindows(Reason):
    """E18: what is to be another value; what is left out stays. The bounds are those of `exchange.windows`."""

    token_life_hours: Annotated[int, Field(ge=1, le=720, strict=True)] | None = None
    cycle_days: Annotated[int, Field(ge=1, le=90, strict=True)] | None = None
    newest_request_hours: Annotated[int, Field(ge=1, le=2160, strict=True)] | None = None
    clocks_differ_minutes: Annotated[int, Field(ge=1, le=1440, strict=True)] | None = None
    clock_ahead_days: Annotated[int, Field(ge=1, le=90, strict=True)] | None = None
    missed_cycle_locks: bool | None = None
    expiry_notice_days: list[Annotated[int, Field(ge=0, le=365, strict=True)]] | None = None
    banner_stays_days: Annotated[int, Field(ge=0, le=365, strict=True)] | None = None
    deadline_notice_hours: list[Annotated[int, Field(ge=0, le=2160, strict=True)]] | None = None


class Windows(Schema):
    token_life_hours: int
    cycle_days: int
    newest_request_hours: int
    clocks_differ_minutes: int
    clock_ahead_days: int
    missed_cycle_locks: bool
    expiry_notice_days: list[int]
    banner_stays_days: int
    deadline_notice_hours: list[int]


class AccountWindows(Schema):
    account: str
    name: str
    windows: Windows
    is_default: bool


class Account(Schema):
    account: str
    name: str
    created_at: datetime
    approved: bool
    purchases: int
    guids: int
    archived_at: datetime | None


class Accounts(Schema):
    accounts: list[Account]
    next: int | None  # the page after this one


class Approval(Schema):
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


class Approvals(Schema):
    approvals: list[Approval]
    next: int | None


class Guid(Schema):
    guid: str
    label: str
    account: str
    control_room: str | None
    created_at: datetime
    archived_at: datetime | None


class Guids(Schema):
    guids: list[Guid]
    next: int | None


class Purchase(Schema):
    purchase: str
    account: str
    sku: str
    name: str
    metric: str
    quantity: int
    kind: str
    valid_from: datetime
    valid_until: datetime
    held: int
    spent: int
    available: int
    excess: int
    perpetual: bool  # the end is the latest that there is (Q1), and is not announced


class Purchases(Schema):
    purchases: list[Purchase]
    next: int | None


class Amount(Schema):
    purchase: str
    sku: str
    quantity: int


class GuidBooks(Schema):
    guid: str
    label: str
    account: str
    control_room: str | None
    held: list[Amount]
    spent: list[Amount]
    available: list[Amount]


class Totals(Schema):
    line_id: str
    sku: str
    metric: str
    granted: int
    in_use: int
    peak_in_use: int
    consumed: int
    period_start: datetime | None
    owed: int
    reserved: int


class LfrAccepted(Schema):
    lfr: str
    verdict: str
    kind: str
    sequence: int
    control_room: str
    name: str
    account: str
    guid: str
    state: str
    installed: int | None
    generated_at: datetime
    deadline: datetime | None
    in_use: list[Totals]
    warnings: list[str]


class GrantedLine(Schema):
    line_id: str
    sku: str
    name: str
    metric: str
    unit: str
    quantity: int
    kind: str
    valid_from: datetime
    valid_until: datetime
    perpetual: bool  # Q1


class Warned(Schema):
    code: str
    message: str
    next: str


class LicenseFile(Schema):
    license_file: str | None  # none: a preview, nothing was issued
    sequence: int
    control_room: str
    name: str
    guid: str
    lfr: str
    issued_at: datetime
    install_by: datetime
    lines: list[GrantedLine]
    changes: list[str]
    warnings: list[Warned]
    notes: list[str]


class RenewedOne(Schema):
    """`license_file`, or why there is none: `refused`."""

    lfr: str
    control_room: str
    name: str
    guid: str
    license_file: LicenseFile | None
    refused: Warned | None


class RenewedMany(Schema):
    renewed: list[RenewedOne]


class ReceiptAccepted(Schema):
    license_file: str
    sequence: int
    control_room: str
    name: str
    installed_at: datetime
    verdict: str


class Room(Schema):
    control_room: str
    name: str
    account: str
    account_name: str
    guid: str | None
    guid_label: str | None
    state: str
    version: str
    confirmed: int
    newest_lfr: int
    changed_at: datetime


class Rooms(Schema):
    control_rooms: list[Room]
    next: int | None


class Record(Schema):
    index: int
    at: datetime
    kind: str
    subject: str
    who: str
    why: str
    detail: dict[str, Any]


class Records(Schema):
    records: list[Record]
    older: int | None


class Verified(Schema):
    size: int
    root: str
    problems: list[str]


class Proposed(Schema):
    proposal: str
    kind: str
    subject: str
    by: str
    at: datetime
    reason: str
    would: list[str]


class Me(Schema):
    email: str
    name: str
    role: str
    account: str | None
