"""Q3: which lines of units are settled. Their purchase is over, and CALM has their final total: so the site forgets
them, and an LFR stays as small as what is in use. CALM keeps what it counted on them for good.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from django.db.models import Max

from carnet.calm.control_rooms.models import ControlRoom, Counted, LicenseLine
from carnet.calm.use_cases.lfr_projection import AnsweredLfr
from carnet.entitlements import Line
from carnet.exchange.license_file_request import LineTotals
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import later


def ends_of(room: ControlRoom, lines: Iterable[LineTotals]) -> dict[str, datetime]:
    """The lines of units of the present enrolment that are among `lines`, each with the moment when it can come back no
    more: the end of its purchase, and of every line that was issued of it, grace included."""
    units = [total.line_id for total in lines if total.metric.kind.counts_units]
    own = LicenseLine.objects.filter(room=room, license_file__enrolment=room.enrolment_id, line_id__in=units)
    rows = own.values_list("line_id", "purchase__valid_until", "purchase__grace_days").annotate(last=Max("ends"))
    return {line: max(last, later(until, timedelta(days=grace))) for line, until, grace, last in rows}


def final_lines(
    lfr: AnsweredLfr, ends: Mapping[str, datetime], open_ones: Collection[str], now: datetime
) -> tuple[str, ...]:
    """The lines that the answer to `lfr` settles. `open_ones`: those on which units are still to be added (L2).

    A line may come back as long as its purchase runs, at the quantity and with the consumption that it had. So the
    purchase must be over, and by both clocks: the LFR then stated the final total (H2).
    """
    at = min(now, lfr.generated_at)
    over = {line for line, end in ends.items() if end <= at and line not in open_ones}
    return tuple(sorted(total.line_id for total in lfr.lines if total.line_id in over and not total.reserved))


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
