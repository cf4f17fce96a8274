"""Identifiers, from a time and randomness that are given."""

from datetime import datetime
from uuid import UUID, uuid5

from carnet.exchange.keys import RandomBytes


def new_id(now: datetime, random: RandomBytes) -> str:
    """A UUID of version 7 (RFC 9562): ids of one kind sort by time."""
    milliseconds = int(now.timestamp() * 1000) & (1 << 48) - 1
    noise = int.from_bytes(random(10)) & (1 << 74) - 1
    value = milliseconds << 80 | 0x7 << 76 | noise >> 62 << 64 | 0b10 << 62 | noise & (1 << 62) - 1
    return str(UUID(int=value))


def line_id(enrolment: str, purchase: str) -> str:
    """Q1: the same within an enrolment, another with a new one."""
    return str(uuid5(UUID(enrolment), purchase))
