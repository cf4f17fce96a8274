"""A state as it would be: what changes is its own, and the rest (users, leases, all that is large) is shared and only
looked at."""

from datetime import datetime

from msgspec.structs import replace

from carnet.control_room.activation.install_license import Opened
from carnet.control_room.authority.evolve_units import meter
from carnet.control_room.authority.reservations import Reservations
from carnet.control_room.authority.state import InstalledLicense, State, period_key


def later(state: State, on: datetime, now: datetime) -> State:
    """With nothing done until then. What is reserved is settled or over by then, and counts no more."""
    return replace(state, reservations=Reservations()) if on > now else state


def installed(state: State, opened: Opened) -> State:
    """With this license file installed now, and in time."""
    olf, body = opened.read.olf, opened.body
    license_ = InstalledLicense(
        olf.olf_id,
        olf.sequence,
        olf.license_guid,
        body.account_name,
        olf.issued_at,
        opened.now,
        olf.acknowledged.size,
        opened.read.envelope.digest,
        body.lines,
    )
    supposed = replace(state, installed=license_, cycle=None, locked=False, withdrawn=0)
    accepted = olf.accepts_history
    if accepted and accepted.number > state.history_accepted:  # L2
        supposed = replace(supposed, meters={line_id: dict(periods) for line_id, periods in state.meters.items()})
        for added in accepted.add:
            meter(supposed, added.line_id, period_key(added.period_start), added.units)
    return supposed
