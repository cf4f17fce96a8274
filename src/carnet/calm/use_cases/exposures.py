"""E11, E12: what an enrolment held when it ended. A copy of the site that never exchanges again may still use it, until
its lines end; and who releases and enrols again and again may be using one.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from django.db.models import Q

from carnet.calm.control_rooms.models import ControlRoom, Enrolment, RefusedFile
from carnet.calm.purchases.models import Purchase
from carnet.entitlements import Fields, Quantity, Sku, Time
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import until

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


def needs_two_people(room: ControlRoom | None, guid: str, now: datetime) -> bool:
    """E11: whether the site was released and enrolled again within a year, so that two people must let it enrol once
    more. A new Control Room (None) is no new site: all that were at one License GUID count as one. An enrolment that is
    still open counts as released: an LFR under a new token stands for its release."""
    released = Enrolment.objects.filter(Q(room=room) | Q(guid=guid) if room else Q(guid=guid), ended_by="released")
    is_open = room is not None and room.state == ControlRoom.State.ACTIVE
    if released.filter(ended_at__gt=now - YEAR).count() + is_open <= FREELY:
        return False
    last = stands_for(room, guid)
    return last is None or last.readmitted_at is None


def stands_for(room: ControlRoom | None, guid: str) -> ControlRoom | None:
    """Which Control Room is readmitted where this one asks: itself; for a new one the last that was released there."""
    if room:
        return room
    released = Enrolment.objects.filter(guid=guid, ended_by="released").select_related("room")
    last = released.order_by("-ended_at", "-started_at", "-id").first()
    return last.room if last else None


def end_readmission(guid: str) -> None:
    """E11: it counts once: somebody enrols there now."""
    there = Enrolment.objects.filter(guid=guid).values("room")
    ControlRoom.objects.filter(id__in=there, readmitted_at__isnull=False).update(readmitted_at=None)


def find_readmissible(room: ControlRoom, now: datetime) -> Refusal | None:
    """None where a request of it waits for two people."""
    guids = _waiting(room).values_list("guid", flat=True).distinct()
    if any(needs_two_people(room, guid, now) for guid in guids):
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
    whose = f"{room.name}, or of a new Control Room in its place,"
    words = [f"the next request of {whose} under a new token is taken, once"]
    at = Q(room=room) | Q(guid__in=_followed(room))
    for enrolment in Enrolment.objects.filter(at, exposed_until__gt=now).order_by("started_at"):
        for line in exposed_lines(enrolment, now):
            words.append(f"a copy of it could still use {line.quantity:,} {line.sku} {until(line.until)}")
    return tuple(words)


def _waiting(room: ControlRoom) -> "QuerySet[RefusedFile]":
    newcomers = Q(guid__in=_followed(room)) & ~Q(room__in=ControlRoom.objects.values("id"))
    waiting = RefusedFile.objects.filter(code=Code.RELEASED_AGAIN, resolved=False)
    return waiting.filter(Q(room=room.id) | newcomers)


def _followed(room: ControlRoom) -> list[str]:
    """The License GUIDs at which a new Control Room would take its place."""
    guids = Enrolment.objects.filter(room=room).values_list("guid", flat=True).distinct()
    return [guid for guid in guids if (last := stands_for(None, guid)) and last.id == room.id]
