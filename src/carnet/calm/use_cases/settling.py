"""Q3: which lines of units are settled. Their purchase is over, and CALM has their final total: so the site forgets
them, and an LFR stays as small as what is in use. CALM keeps what it counted on them for good.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.db.models import Max

from carnet.calm.control_rooms.models import ControlRoom, Counted, LicenseLine
from carnet.calm.purchases.books import line_id
from carnet.calm.use_cases.lfr_projection import AnsweredLfr
from carnet.calm.use_cases.selection import Item, Shelf
from carnet.entitlements import Line
from carnet.exchange.verdicts import Code, Refusal


def final_lines(
    room: ControlRoom, lfr: AnsweredLfr, shelf: Shelf, open_ones: Collection[str], now: datetime
) -> tuple[str, ...]:
    """The lines that the answer to `lfr` settles. `open_ones`: those on which units are still to be added (L2).

    A line may come back as long as its purchase runs, at the quantity and with the consumption that it had. So the
    purchase must be over, and by both clocks: the LFR then stated the final total (H2).
    """
    at = min(now, lfr.generated_at)
    own = {line_id(str(room.enrolment_id), each.id): each for each in shelf.purchases.values()}
    over = {
        total.line_id
        for total in lfr.lines
        if total.metric.kind.counts_units
        and not total.reserved
        and total.line_id not in open_ones
        and total.line_id in own
        and _ends(own[total.line_id]) <= at
    }
    if not over:
        return ()
    rows = LicenseLine.objects.filter(room=room, line_id__in=over).values("line_id").annotate(last=Max("ends"))
    late = {row["line_id"] for row in rows if row["last"] > at}
    return tuple(sorted(over - late))


def _ends(purchase: Item) -> datetime:
    return purchase.valid_until + timedelta(days=purchase.grace_days)


def note(room: ControlRoom, settled: Collection[str]) -> None:
    """The file that settles them is issued. Until it is installed the site states them still, which changes nothing."""
    if settled:
        Counted.objects.filter(room=room, enrolment=room.enrolment_id, line_id__in=settled).update(settled=True)


def forgotten(room: ControlRoom, lines: Iterable[Line]) -> Refusal | None:
    """Q3: a line that the site forgot would begin at zero. It is over, unless CALM's clock was set back."""
    ids = [line.line_id for line in lines if line.metric.kind.counts_units]
    row = Counted.objects.filter(room=room, enrolment=room.enrolment_id, line_id__in=ids, settled=True).first()
    if row is None:
        return None
    return Refusal(
        Code.CANNOT_BE_INSTALLED,
        f"A line of {row.sku} is settled: its purchase was over, and {room.name} may have forgotten what it consumed.",
        "Set CALM's clock right, or grant from another purchase.",
    )
