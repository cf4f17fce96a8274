"""E11, E12: what an enrolment held when it ended. A copy of the site that never exchanges again may still use it, until
its lines end; and who releases and enrols again and again may be using one.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from carnet.calm.control_rooms.models import ControlRoom, Enrolment, RefusedFile
from carnet.calm.purchases.models import Purchase
from carnet.entitlements import Fields, Quantity, Sku, Time
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import day

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from carnet.calm.purchases.books import Position

YEAR = timedelta(days=365)
FREELY = 1  # releases within a year after which a Control Room enrols again without a second person


class ExposedLine(Fields, frozen=True):
    sku: Sku
    quantity: Quantity
    until: Time


def note_exposure(enrolment: Enrolment, position: "Position", confirmed: int) -> None:
    """What its license files grant, of those that may be in use: the confirmed one (its sequence), and later ones."""
    lines = [line for line in position.lines if line.file >= confirmed]
    products = dict(Purchase.objects.filter(id__in=position.purchases()).values_list("id", "product_id"))
    exposed = [ExposedLine(products[line.purchase], line.quantity, line.ends) for line in lines]
    enrolment.exposed = msgspec.json.encode(exposed).decode()
    enrolment.exposed_until = max((line.ends for line in lines), default=None)


def exposed_lines(enrolment: Enrolment, now: datetime) -> list[ExposedLine]:
    """What may still be used."""
    lines = msgspec.json.decode(enrolment.exposed or "[]", type=list[ExposedLine])
    return [line for line in lines if line.until > now]


def needs_two_people(room: ControlRoom, now: datetime) -> bool:
    """E11: whether it was released and enrolled again within a year, so that two people must let it enrol once more. An
    enrolment that is still open counts as released: an LFR under a new token stands for its release."""
    ended = Enrolment.objects.filter(room=room, ended_by="released", ended_at__gt=now - YEAR).count()
    releases = ended + (room.state == ControlRoom.State.ACTIVE)
    return releases > FREELY and room.readmitted_at is None


def find_readmissible(room: ControlRoom, now: datetime) -> Refusal | None:
    """None where a request of it waits for two people."""
    if needs_two_people(room, now) and _waiting(room).exists():
        return None
    return Refusal(
        Code.NOTHING_TO_ACCEPT,
        f"No request of {room.name} was refused because it was released and enrolled again.",
        "Accept its newest request; the answer says whether two people are needed.",
    )


def readmit(room: ControlRoom, now: datetime) -> tuple[str, ...]:
    """E11: its next request under a new token is taken, once. What was done, in words."""
    room.readmitted_at = now
    room.save(force_update=True, update_fields=["readmitted_at"])
    _waiting(room).update(resolved=True)
    return readmission_words(room, now)


def readmission_words(room: ControlRoom, now: datetime) -> tuple[str, ...]:
    """What readmitting it means, with what copies of it could still use."""
    words = [f"the next request of {room.name} under a new token is taken, once"]
    for enrolment in Enrolment.objects.filter(room=room, exposed_until__gt=now).order_by("started_at"):
        for line in exposed_lines(enrolment, now):
            words.append(f"a copy of it could still use {line.quantity:,} {line.sku} until {day(line.until)}")
    return tuple(words)


def _waiting(room: ControlRoom) -> "QuerySet[RefusedFile]":
    return RefusedFile.objects.filter(room=room.id, code=Code.RELEASED_AGAIN, resolved=False)
