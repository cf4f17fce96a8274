"""The part of an LFR that its answer depends on.

The stored bytes were verified and checked in full when the LFR was accepted. They are decoded as their version wrote
them, and nothing is checked again.
"""

from datetime import datetime

import msgspec

from carnet.calm.control_rooms.models import AcceptedLfr
from carnet.exchange.envelope import Kind, stored_value
from carnet.exchange.history import CheckpointFields
from carnet.exchange.keys import AkpKey
from carnet.exchange.license_file_request import LicenseFileRequest, LineTotals
from carnet.exchange.reads import SiteReads


class _Keys(msgspec.Struct, frozen=True):
    sealing_key: AkpKey


class _Body(msgspec.Struct, frozen=True):
    lines: list[LineTotals]


class _Record(msgspec.Struct, frozen=True):
    body: _Body


class _Totals(msgspec.Struct, frozen=True):
    record: _Record


class _Ledger(msgspec.Struct, frozen=True):
    checkpoint: CheckpointFields


class _Clock(msgspec.Struct, frozen=True):
    system: datetime


class AnsweredLfr(msgspec.Struct, frozen=True):
    """As in `LicenseFileRequest`."""

    request_id: str
    generated_at: datetime
    control_room: _Keys
    new_keys: _Keys | None
    history_accepted: int
    key_set_version: int
    issuing_log: CheckpointFields | None
    totals: _Totals
    ledger: _Ledger
    clock: _Clock
    reads: SiteReads

    @property
    def lines(self) -> list[LineTotals]:
        return self.totals.record.body.lines

    @property
    def sealing_key(self) -> AkpKey:
        """E15: the answer is sealed to the new key, where the LFR brings one."""
        return (self.new_keys or self.control_room).sealing_key


def read_answered_lfr(accepted: AcceptedLfr) -> AnsweredLfr:
    """What its answer depends on, in any version in which it was written (E17)."""
    lfr = stored_value(bytes(accepted.raw), Kind.LFR, LicenseFileRequest)
    return msgspec.convert(lfr, AnsweredLfr, from_attributes=True)
