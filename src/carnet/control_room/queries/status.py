"""What people and programs are shown of the state at a moment. Pure; the doors print it."""

from dataclasses import dataclass
from datetime import datetime

from carnet.control_room.queries.banner import Banner, banner, change_banner
from carnet.control_room.queries.coming import change_views, coming_words, product_state_of
from carnet.control_room.rules.changes import ChangeView
from carnet.control_room.rules.grant import count_in_use, lines_of, products, remaining, taken, uncovered_words, used
from carnet.control_room.rules.site_state import (
    LOCKED,
    locks,
    state_name,
    unlocked_name,
)
from carnet.control_room.state.state import State
from carnet.control_room.state.trusted_time import Reading, lag
from carnet.entitlements import Line, Metric, ProductState, granted, license_end
from carnet.exchange.windows import Windows
from carnet.merkle import Checkpoint
from carnet.times import is_perpetual


@dataclass(frozen=True)
class InstalledView:
    olf_id: str
    sequence: int
    license_guid: str
    account: str
    issued_at: datetime
    installed_at: datetime
    valid_until: datetime
    fingerprint: str
    perpetual: bool  # its end is the latest one (Q1): nothing is announced


@dataclass(frozen=True)
class CycleView:
    opened_at: datetime
    ends_at: datetime  # when it is missed (E8)
    locks: bool  # whether that locks; else it lapses
    newest_request_at: datetime
    install_by: datetime
    request: str
    missed: bool


@dataclass(frozen=True)
class ProductView:
    sku: str
    name: str
    metric: Metric
    unit: str
    granted: int
    in_use: int
    consumed: int
    remaining: int
    valid_until: datetime
    reserved: int  # units that running reservations hold
    state: ProductState  # its own (S)
    ends: datetime  # the first moment at which nothing is granted any more, grace included
    changes: list[ChangeView]  # of what is granted: all that is still to come, the end included, the soonest first
    coming: str  # `10 until the end of 2027-11-30 (UTC), then 5`; empty where nothing comes before the license's end
    perpetual: bool  # its last line is (Q1)

    @property
    def licensed(self) -> str:
        """`1,200`; of what has no quantity `on` or `off`."""
        return self.metric.kind.amount(self.granted)

    @property
    def used(self) -> int:
        """In use now, or units consumed."""
        return self.metric.kind.used(self.consumed, self.in_use)

    @property
    def over(self) -> str:
        """Q4: of those who hold one now, how many are not covered; empty where all are."""
        missing = self.in_use - self.granted if self.metric.kind.holders else 0
        return f"{self.name}: {uncovered_words(self.in_use, self.granted)}." if missing > 0 else ""

    @property
    def lost(self) -> str:
        """What a release of the site means to holders; empty if the product has none."""
        holders = self.metric.kind.holders
        return holders.losing(self.in_use, self.name) if holders else ""


@dataclass(frozen=True)
class LineView:
    line_id: str
    sku: str
    quantity: int
    valid_from: datetime
    valid_until: datetime
    consumed: int
    starts_later: bool
    perpetual: bool  # Q1


@dataclass(frozen=True)
class CheckpointView:
    size: int
    root: str


@dataclass(frozen=True)
class ClockView:
    trusted: datetime
    system: datetime
    behind_seconds: int
    set_back_count: int


@dataclass(frozen=True)
class Status:
    control_room: str
    name: str
    version: str
    state: str
    locked: bool
    state_by_time: str  # what is shown beside *locked*
    account: str | None
    installed: InstalledView | None
    cycle: CycleView | None
    products: list[ProductView]
    lines: list[LineView]
    checkpoint: CheckpointView
    clock: ClockView
    windows: Windows  # E18: that this site goes by
    banner: str | None  # the words of `notice` and `coming`, but for an open cycle, which is told above
    storage: str = ""  # why nothing can be written now; empty where all is well
    notice: Banner | None = None
    coming: Banner | None = None  # beside `notice`: what becomes less of a product soon
    names: str = "exact"  # G2: whether names of users differ by case: exact | fold


def status(state: State, checkpoint: Checkpoint, now: datetime, reading: Reading, storage: str = "") -> Status:
    name, notice, coming = state_name(state, now), banner(state, now), change_banner(state, now)
    return Status(
        state.control_room_id,
        state.name,
        state.version,
        name,
        name == LOCKED,
        unlocked_name(state, now),
        state.account_name or None,
        _installed(state),
        _cycle(state, now),
        product_views(state, now),
        line_views(state, now),
        CheckpointView(checkpoint.size, checkpoint.root.hex()),
        ClockView(now, reading.system, int(lag(now, reading).total_seconds()), state.set_back_count),
        state.windows,
        banner_words(notice, coming),
        storage,
        notice,
        coming,
        state.names,
    )


def banner_words(*banners: Banner | None) -> str | None:
    """In one text; None where there is nothing but an open cycle."""
    return " ".join(each.words for each in banners if each and each.kind != "cycle") or None


def _installed(state: State) -> InstalledView | None:
    olf = state.installed
    if olf is None or state.released:
        return None
    return InstalledView(
        olf.olf_id,
        olf.sequence,
        olf.license_guid,
        olf.account_name,
        olf.issued_at,
        olf.installed_at,
        max(line.valid_until for line in olf.lines),
        olf.file_sha256,
        is_perpetual(license_end(olf.lines)),
    )


def _cycle(state: State, now: datetime) -> CycleView | None:
    cycle, newest, end = state.open_cycle, state.newest_lfr, state.cycle_ends
    if cycle is None or end is None or newest is None or newest.install_by is None:
        return None
    missed = now >= end
    return CycleView(
        cycle.opened_at, end, locks(state), newest.generated_at, newest.install_by, newest.request_id, missed
    )


def product_views(state: State, now: datetime, held_at: datetime | None = None) -> list[ProductView]:
    return [product_view(state, sku, now, held_at) for sku in sorted(products(state))]


def product_view(state: State, sku: str, now: datetime, held_at: datetime | None = None) -> ProductView:
    """`held_at`: when those are counted who hold one, where `now` is a day to come: they renew their seats until
    then."""
    lines, held_at = [line for line in lines_of(state) if line.sku == sku], held_at or now
    line, quantity, using = lines[0], granted(lines, sku, now), count_in_use(state, sku, held_at)
    units = line.metric.kind.counts_units
    return ProductView(
        sku,
        line.name,
        line.metric,
        line.unit,
        quantity,
        using,
        sum(used(state, each, now) for each in lines) if units else 0,
        remaining(state, sku, now) if units else max(0, quantity - using),
        max(each.valid_until for each in lines),
        sum(taken(state, each, now) - used(state, each, now) for each in lines) if units else 0,
        product_state_of(state, sku, now),
        max(each.ends for each in lines),
        change_views(state, sku, now, held_at),
        coming_words(state, sku, now),
        is_perpetual(max(each.valid_until for each in lines)),
    )


def line_views(state: State, now: datetime) -> list[LineView]:
    ordered = sorted(lines_of(state), key=lambda line: (line.sku, line.valid_until, line.line_id))
    return [_line(state, line, now) for line in ordered]


def _line(state: State, line: Line, now: datetime) -> LineView:
    consumed = used(state, line, now)
    later = now < line.valid_from
    perpetual = is_perpetual(line.valid_until)
    start, end = line.valid_from, line.valid_until
    return LineView(line.line_id, line.sku, line.quantity, start, end, consumed, later, perpetual)
