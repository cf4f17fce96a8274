"""Q1: a renewal. The same quantities out of the purchases that follow: what is installed stays, each line to its own
purchase's end, and where one ends the next purchases of the product go on with as many, to their end.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from carnet.calm.control_rooms.models import AcceptedLfr
from carnet.calm.use_cases.context import Act, Calm, act
from carnet.calm.use_cases.difference import Had
from carnet.calm.use_cases.license_files import LicenseFileShown, find_lfr, issue_plan, preview_plan
from carnet.calm.use_cases.planning import Plan, installed_in, make_plan, unanswerable
from carnet.calm.use_cases.selection import Item, Selection, Shelf, read_shelf
from carnet.entitlements import Metric, PurchaseKind
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import until


@dataclass(frozen=True)
class Short:
    """A product of which the next purchases do not cover all that ends at `at`."""

    name: str
    wanted: int
    found: int
    at: datetime

    @property
    def words(self) -> str:
        return f"{self.name}: {self.found:,} of {self.wanted:,} that run {until(self.at)}"


@dataclass
class Renewal:
    """By purchase, what the renewed file grants; and what could not be renewed."""

    lines: dict[str, int] = field(default_factory=dict)
    short: list[Short] = field(default_factory=list)

    @property
    def asked(self) -> Selection:
        return Selection(lines={purchase: quantity for purchase, quantity in self.lines.items() if quantity})


def renewal_of(shelf: Shelf, installed: Iterable[Had], now: datetime) -> Renewal:
    """What is installed, and for each line that ends as many out of what follows. Trials end: they are not renewed."""
    renewal, had = Renewal(), list(installed)
    for line in had:
        if line.purchase in shelf.purchases and now < shelf.purchases[line.purchase].valid_until:
            renewal.lines[line.purchase] = line.quantity
    for sku in sorted({line.sku for line in had}):
        mine = [line for line in had if line.sku == sku and _is_bought(shelf, line.purchase)]
        _renew(renewal, shelf, mine, sku, now)
    return renewal


def _is_bought(shelf: Shelf, purchase: str) -> bool:
    return purchase in shelf.purchases and shelf.purchases[purchase].kind == PurchaseKind.PURCHASED


def _renew(renewal: Renewal, shelf: Shelf, had: list[Had], sku: str, now: datetime) -> None:
    """As much as is granted before the first of these ends, at each of them."""
    items = [item for item in shelf.purchases.values() if item.sku == sku and _is_bought(shelf, item.id)]
    ends, wanted = _ending(had, shelf.purchases, now)
    for at in ends:
        goes_on = sum(renewal.lines.get(item.id, 0) for item in items if item.valid_from <= at < item.valid_until)
        missing = wanted - goes_on
        for item in _following(items, _next_start(items, at)):
            missing -= _take(renewal, shelf, item, missing, now)
        if missing > 0 and not _is_extended(had, shelf.purchases, at):
            renewal.short.append(Short(shelf.name(sku), wanted, wanted - missing, at))


def _ending(had: list[Had], purchases: Mapping[str, Item], now: datetime) -> tuple[list[datetime], int]:
    """The days on which something has to follow, and the quantity: where lines end that no installed line follows;
    first those in force now. Where all have ended, what ended last has to follow now."""
    running = [line for line in had if now < purchases[line.purchase].valid_until]
    if not running:
        last = max((line.valid_until for line in had), default=now)
        return ([now] if had else []), sum(line.quantity for line in had if line.valid_until == last)
    starts = [purchases[line.purchase].valid_from for line in running]
    open_ended = [
        line for line in running if not any(start >= purchases[line.purchase].valid_until for start in starts)
    ]
    current = [line for line in open_ended if purchases[line.purchase].valid_from <= now] or open_ended
    ends = sorted({purchases[line.purchase].valid_until for line in current})
    before = [line for line in running if purchases[line.purchase].valid_from < ends[0]]
    return ends, sum(line.quantity for line in before if purchases[line.purchase].valid_until >= ends[0])


def _is_extended(had: Iterable[Had], purchases: Mapping[str, Item], at: datetime) -> bool:
    """A line that ended before its purchase does is renewed already by reaching to its purchase's end."""
    return any(line.valid_until < at == purchases[line.purchase].valid_until for line in had)


def _next_start(items: Iterable[Item], at: datetime) -> datetime:
    """When what follows is in force: at once, or after a gap."""
    if any(item.valid_from <= at < item.valid_until for item in items):
        return at
    return min((item.valid_from for item in items if item.valid_from > at), default=at)


def _following(items: Iterable[Item], start: datetime) -> list[Item]:
    """Those that are in force then, the newest first: it is the one that was bought to go on with."""
    live = [item for item in items if item.valid_from <= start < item.valid_until]
    return sorted(live, key=lambda item: (item.valid_from, item.valid_until, item.id), reverse=True)


def _take(renewal: Renewal, shelf: Shelf, item: Item, wanted: int, now: datetime) -> int:
    """Take what is left of a purchase. Where it is in force already, the seats of the line that ends go over to it at
    once: both together would be more than there were."""
    left = shelf.balance(item.id).most_for(shelf.guid) - renewal.lines.get(item.id, 0)
    part = max(0, min(wanted, left))
    if not part:
        return 0
    renewal.lines[item.id] = renewal.lines.get(item.id, 0) + part
    if item.valid_from <= now and not Metric(item.metric).kind.counts_units:
        _give_up(renewal, shelf.purchases, item, part)
    return part


def _give_up(renewal: Renewal, purchases: Mapping[str, Item], item: Item, part: int) -> None:
    for purchase in sorted(renewal.lines, key=lambda each: (purchases[each].valid_until, each)):
        other = purchases[purchase]
        if other.sku == item.sku and other.valid_until < item.valid_until and other.kind == item.kind:
            less = min(part, renewal.lines[purchase])
            renewal.lines[purchase] -= less
            part -= less


def proposed_renewal(accepted: AcceptedLfr, now: datetime) -> Renewal:
    """What **renew as now** would ask for the site of an LFR."""
    room = accepted.room
    shelf = read_shelf(room.account_id, str(room.guid_id), now)
    return renewal_of(shelf, installed_in(room).values(), now)


def renew_as_now(
    calm: Calm, *, lfr_id: str, now: datetime, by: str, preview: bool = False
) -> LicenseFileShown | Refusal:
    """Issue the same quantities out of the next purchases, to their end; with `preview` nothing is written.

    Refused where the next purchases do not cover all of it, and where the site would refuse the file today.

    Raises:
        UsageError: There is no such LFR.
    """
    if preview:
        return preview_plan(renewal_plan(find_lfr(lfr_id), now))
    with act(calm, now=now, by=by) as doing:
        return renew(doing, lfr_id)


def renew(doing: Act, lfr_id: str) -> LicenseFileShown | Refusal:
    return issue_plan(doing, renewal_plan(find_lfr(lfr_id), doing.now), lfr_id)


def renewal_plan(accepted: AcceptedLfr, now: datetime) -> Plan | Refusal:
    """The OLF that renews a site as it is, or why there is none."""
    refusal = unanswerable(accepted)
    if refusal:
        return refusal
    renewal = proposed_renewal(accepted, now)
    if not renewal.lines and not renewal.short:
        return nothing_to_renew(accepted.room.name)
    if renewal.short:
        return _short(accepted.room.name, renewal)
    plan = make_plan(accepted, renewal.asked, now, site_clock_is_off=False, lowers_clock=False)
    return plan.warnings[0] if isinstance(plan, Plan) and plan.warnings else plan


def nothing_to_renew(site: str) -> Refusal:
    """Of a site that has no license file installed, as CALM knows."""
    return Refusal(
        Code.CANNOT_BE_INSTALLED,
        f"Nothing is installed at {site} yet, so there is nothing to give it again.",
        "Choose its entitlements on its own page.",
    )


def _short(site: str, renewal: Renewal) -> Refusal:
    return Refusal(
        Code.OVER_ENTITLEMENT,
        f"The next purchases do not cover all that {site} has: {'; '.join(each.words for each in renewal.short)}.",
        "Add the purchases that are missing, or choose the quantities in the form.",
    )
