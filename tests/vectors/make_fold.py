"""The frozen ledger of `tests/vectors/fold`: a record of every kind, and what they fold to.

`python -m tests.vectors.make_fold` writes both again. It refuses while the records that are already there fold to
another state and `FOLD` was not raised: a site that upgrades would go on from a snapshot that the older release folded.
"""

from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from carnet.control_room.engine.snapshots import FOLD
from carnet.control_room.ledger import events as e
from carnet.control_room.ledger.record import SYSTEM, Record
from carnet.control_room.rules.activation.generate_request import WithdrawCycle
from carnet.control_room.rules.activation.install_token import InstallKeySet
from carnet.control_room.rules.granting.api_keys import CreateApiKey, RenameApiKey, RevokeApiKey
from carnet.control_room.rules.granting.identities import BindIdentity
from carnet.control_room.rules.granting.people import AddPerson, ChangePerson, NoteAccess
from carnet.control_room.rules.granting.reservations import CancelUnits, ReserveUnits, SettleUnits
from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat, RenewSeat
from carnet.control_room.rules.granting.two_people import AskPersonAct, SettlePersonAct, VouchForPerson
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser
from carnet.control_room.state.fold import evolve
from carnet.control_room.state.state import State
from carnet.entitlements import Line, Period, PeriodUnit
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.offline_license_file import AddedUnits
from carnet.exchange.verdicts import Refusal
from tests.support.cast import MONDAY
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor, line

FOLDER = Path(__file__).parent / "fold"
RECORDS, DIGESTS = FOLDER / "records.jsonl", FOLDER / "digests.json"
YEAR = MONDAY + timedelta(days=365)
USERS, SEATS, PAGES = "bot-creator", "unattended-bot-runner", "document-pages"


class Frozen(msgspec.Struct):
    """The number of the fold, and what it made of the frozen records."""

    fold: int
    digests: list[str]  # SHA-256 of the state's JSON after each record


def folded(records: list[Record]) -> Iterator[str]:
    """The digest of the state after each record: the first that differs names the record that folds differently."""
    state = State()
    for record in records:
        evolve(state, record)
        yield sha256(msgspec.json.encode(state)).hexdigest()


def read_records() -> list[Record]:
    return [msgspec.json.decode(row, type=Record) for row in RECORDS.read_bytes().splitlines()]


def read_frozen() -> Frozen:
    return msgspec.json.decode(DIGESTS.read_bytes(), type=Frozen)


def history() -> list[Record]:
    """A site's life through real commands; kinds that need a fault to come about are written as facts, at the end."""
    vendor = Vendor("fold")
    room = Room(vendor.trust, "fold")
    _enrol(room, vendor)
    _use(room)
    _people(room)
    _cycles(room, vendor)
    _time_passes(room, vendor)
    _write_what_needs_a_fault(room)
    return list(room.engine.reader.records())


def _enrol(room: Room, vendor: Vendor) -> None:
    room.enable(vendor.token(room.now))
    room.install(vendor.olf(room.request(), _lines(), room.now))


def _lines(pages: int = 100) -> list[Line]:
    month = Period(PeriodUnit.MONTH, MONDAY)
    return [
        line(USERS, 3, MONDAY, YEAR),
        line(SEATS, 2, MONDAY, YEAR, grace=7),
        line(PAGES, pages, MONDAY, YEAR, overage=10),
        line(PAGES, 20, MONDAY, YEAR - timedelta(days=1), period=month),
        line("automator-ai", 1, MONDAY, YEAR),
    ]


def _use(room: Room) -> None:
    for user in ("ada", "ben"):
        _do(room, AssignUser(USERS, user))
    _do(room, UnassignUser(USERS, "ben"))
    for key in ("first", "again"):  # the second changes nothing, and leaves its answer alone (G5)
        room.engine.execute(AssignUser(USERS, "cy"), room.reading, "anna", key)
    first = _do(room, AcquireSeat(SEATS, "bot-1", 3600))
    second = _do(room, AcquireSeat(SEATS, "bot-2", 3600))
    room.wait(minutes=1)
    _do(room, RenewSeat(first.lease_id))
    _do(room, ReleaseSeat(second.lease_id))
    _do(room, AcquireSeat(SEATS, "bot-3", 60))
    _do(room, ConsumeUnits(PAGES, 30))
    kept, cancelled, _ = (_do(room, ReserveUnits(PAGES, units, 60)) for units in (5, 6, 7))
    _do(room, SettleUnits(kept.reservation_id, 4))
    _do(room, CancelUnits(cancelled.reservation_id))
    room.wait(minutes=10)  # a seat and a reservation expire
    _do(room, ConsumeUnits(PAGES, 1))
    _do(room, ConsumeUnits(PAGES, 10_000), refused=True)


def _people(room: Room) -> None:
    key = _do(room, CreateApiKey("build server", [SEATS], ["take"]))
    _do(room, RenameApiKey(key.key_id, "builders"))
    _do(room, RevokeApiKey(key.key_id))
    _do(room, AddPerson("anna", "administrator", on_machine=True))
    _do(room, AddPerson("ravi", "viewer"))
    _do(room, ChangePerson("ravi", None))
    _do(room, NoteAccess("signed in"))
    _do(room, AddPerson("bea", "administrator", on_machine=True))
    _do(room, AskPersonAct("add", "carl", "auditor", "the yearly audit", "anna"), "anna")
    (asked,) = room.engine.state.asked_acts
    _do(room, SettlePersonAct(asked, True, "bea"), "bea")
    _do(room, VouchForPerson("carl"))
    _do(room, AskPersonAct("link", "carl", None, "forgotten", "anna"), "anna")
    _do(room, SettlePersonAct(next(iter(room.engine.state.asked_acts)), False, "anna"), "anna")
    for name in ("bea", "anna"):
        _do(room, BindIdentity(name, f"{'0' * 24}:{name.encode().hex():0>64}"))
    _do(room, NoteAccess("second factors removed", "bea"))


def _cycles(room: Room, vendor: Vendor) -> None:
    room.request()
    _do(room, WithdrawCycle())
    room.request(new_keys=True)
    room.wait(hours=1)
    room.install(vendor.olf(room.request(), _lines(90), room.now))
    _do(room, InstallKeySet(vendor.rotate(room.now, issuers=True)))
    _do(room, InstallKeySet(vendor.restored(deepcopy(vendor.log), room.now)))
    room.request()
    room.wait(days=8)  # the cycle is missed
    settled = [each.line_id for each in _lines() if each.period]
    lines = [each for each in _lines(90) if not each.period]
    room.install(vendor.olf(room.request(), lines, room.now, settled=settled))


def _time_passes(room: Room, vendor: Vendor) -> None:
    _do(room, AcquireSeat(SEATS, "bot-4", 86400))
    right = room.reading.system
    room.set_clock(right - timedelta(days=3))
    _do(room, ConsumeUnits(PAGES, 1))
    room.set_clock(right + timedelta(hours=1))
    _do(room, ConsumeUnits(PAGES, 1))
    room.reboot()
    _do(room, ConsumeUnits(PAGES, 1))
    ahead = room.now + timedelta(minutes=20)
    room.install(vendor.olf(room.request(), _lines(90), ahead))
    room.set_clock(room.now + timedelta(days=5))
    _do(room, ConsumeUnits(PAGES, 1))
    room.set_clock(ahead)
    room.install(vendor.olf(room.request(), _lines(90), ahead, lowers_clock=True))


def _write_what_needs_a_fault(room: Room) -> None:
    state = room.state
    assert state.installed is not None
    size, root = room.engine.checkpoint.size, room.engine.checkpoint.root.hex()
    units = [AddedUnits(sku=PAGES, line_id=state.installed.lines[2].line_id, period_start=None, units=3)]
    room.engine.record(
        [
            e.SiteUpgraded(version="41.0.0"),
            e.LedgerRestored(size=size, nonce="0" * 64),
            e.SiteMoved(place="old:/data"),
            e.SiteArrived(place="new:/data", nonce="1" * 64),
            e.RollbackFound(size=size + 9, root=root),
            e.HistoryAccepted(number=1, add=units),
            e.RefusalsCounted(counts=[e.CountedRefusal(what="consume", code="exhausted", sku=PAGES, count=7)]),
        ],
        room.reading,
        SYSTEM,
    )
    room.request(RequestKind.RELEASE)


def _do(room: Room, command: Any, actor: str = "anna", *, refused: bool = False) -> Any:
    answer = room.do(command, actor)
    assert isinstance(answer, Refusal) == refused, answer
    return answer


def main() -> None:
    if DIGESTS.exists():
        frozen = read_frozen()
        if list(folded(read_records())) != frozen.digests and frozen.fold == FOLD:
            raise SystemExit("The frozen records fold to another state than before: raise FOLD in engine/snapshots.py.")
    FOLDER.mkdir(exist_ok=True)
    records = history()
    RECORDS.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    frozen = Frozen(FOLD, list(folded(records)))
    DIGESTS.write_bytes(msgspec.json.format(msgspec.json.encode(frozen), indent=1) + b"\n")
    missing = set(e.KINDS) - {record.kind for record in records}
    print(f"{len(records)} records of {len({r.kind for r in records})} kinds; without one: {sorted(missing) or 'none'}")


if __name__ == "__main__":
    main()
