"""E12: a Control Room that is lost. Its seats and users return; of its units, what staff decide; the rest is spent."""

from datetime import datetime

from carnet.calm.control_rooms.models import ControlRoom, LossReport
from carnet.calm.control_rooms.positions import periods_of, read_position
from carnet.calm.issuing.context import Act
from carnet.calm.issuing.judging import find_room
from carnet.calm.issuing.standing import note_ended
from carnet.calm.issuing.taking import settle_loss, write_closing
from carnet.calm.licenses.books import close
from carnet.calm.licenses.models import Purchase
from carnet.entitlements import Metric
from carnet.errors import UsageError
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.windows import stamp


def find_active(room_id: str) -> ControlRoom | Refusal:
    room = find_room(room_id)
    if room is None:
        raise UsageError(f"There is no Control Room “{room_id}”.", run="calm control-room list")
    if room.state == ControlRoom.State.ACTIVE:
        return room
    word = "written off" if room.state == ControlRoom.State.WRITTEN_OFF else "released"
    code = Code.WRITTEN_OFF if room.state == ControlRoom.State.WRITTEN_OFF else Code.NOTHING_TO_ACCEPT
    return Refusal(
        code,
        f"{room.name} is {word} already: nothing is held there.",
        "Look at what it held and spent.",
        run="calm control-room show",
    )


def consequences(room: ControlRoom, now: datetime, *, return_unconsumed: bool) -> tuple[str, ...]:
    """What writing it off does, in words, with the exposure that it leaves."""
    assert room.enrolment is not None
    position = read_position(room.id, room.enrolment.id)
    purchases = Purchase.objects.select_related("product").filter(id__in=position.purchases()).order_by("product", "id")
    periods = {purchase.id: purchase.period for purchase in purchases}
    units = [p.id for p in purchases if p.product.metric == Metric.CONSUMABLE]
    proven = units if return_unconsumed else []
    closings = close(position, units, proven, periods, now)
    words = []
    for purchase in purchases:
        held = position.holds(purchase.id, purchase.period, now)
        spent = closings[purchase.id].spent.units if purchase.id in closings else 0
        words.append(f"{purchase.product.name}: {held} held, {spent} become spent, {max(0, held - spent)} return")
    ends = max((line.ends for line in position.lines), default=None)
    if ends and ends > now:
        words.append(
            f"until {stamp(ends)} the lost Control Room could still use its license file: more may be usable than was "
            "bought (H1)"
        )
    return tuple(words)


def write_off(doing: Act, room: ControlRoom, *, return_unconsumed: bool) -> None:
    enrolment = room.enrolment
    assert enrolment is not None
    position = read_position(room.id, enrolment.id)
    proven = position.purchases() if return_unconsumed else set()
    write_closing(enrolment, position, proven, periods_of(position.purchases()), doing.now, "written_off")
    enrolment.ended_at, enrolment.ended_by = doing.now, "written_off"
    enrolment.save(force_update=True, update_fields=["ended_at", "ended_by"])
    room.guid, room.state, room.changed_at = None, ControlRoom.State.WRITTEN_OFF, doing.now
    note_ended(room)
    room.exposed_until = max((line.ends for line in position.lines if line.file >= room.confirmed), default=None)
    settle_loss(room.id, LossReport.State.WRITTEN_OFF, doing)
    room.save(force_update=True)
