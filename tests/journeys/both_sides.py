"""The whole exchange as a machine for random histories: the real CALM and real Control Rooms, files that are lost,
repeated and reordered, clocks that jump, backups put back, clones that run side by side; and a reference that knows
the truth, which neither side does: from which ledger each file really came.

What must hold, whatever happens, is checked at once: see `Exchange.upload`, `Exchange.books` and `Exchange.way_back`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Max

from carnet.calm.control_rooms.models import ControlRoom, Counted, LicenseLine
from carnet.calm.purchases.models import Purchase
from carnet.calm.use_cases import proposals, purchases, receipts
from carnet.calm.use_cases.context import Calm
from carnet.control_room.engine.ledger_reader import LedgerReader
from carnet.control_room.rules.activation.generate_request import REQUEST, GenerateRequest, WithdrawCycle
from carnet.control_room.rules.activation.install_license import InstallLicense
from carnet.control_room.rules.activation.install_token import InstallToken
from carnet.control_room.rules.grant import lines_of
from carnet.control_room.rules.granting.reservations import CancelUnits, ReserveUnits, SettleUnits
from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser
from carnet.errors import UsageError
from carnet.exchange.history import SHOWN
from carnet.exchange.license_file_request import RequestKind, read_lfr
from carnet.exchange.receipt import read_receipt
from carnet.exchange.strict import from_base64url
from carnet.exchange.verdicts import Code, Refusal
from carnet.merkle import root_at
from tests.calm.conftest import NOW, World
from tests.journeys.lower_numbers import lower_numbers
from tests.journeys.stored import code_of, dump, kept_at
from tests.support.memory import MemoryHead
from tests.support.room import Room

USERS, SEATS, PAGES, RUNS = "bot-creator", "unattended-bot-runner", "document-pages", "bot-runs"
# what no file of a site says that was never restored nor copied, however late it comes, and how often
ACCUSING = {
    Code.BAD_SIGNATURE,
    Code.HISTORY_MISMATCH,
    Code.HISTORY_NOT_SHOWN,
    Code.TOTALS_FELL,
    Code.UNKNOWN_LICENSE_FILE,
    Code.UNKNOWN_SIGNER,
}
# what the site says of no file of its vendor
FORGED = {Code.BAD_SIGNATURE, Code.KEY_SET_TOO_OLD, Code.LOG_MISMATCH, Code.MALFORMED, Code.UNKNOWN_SIGNER}
ENOUGH = 12  # tries within which an honest site is back
# a refusal, and what time alone changed before it (T2, E8, G6)
PASSING = {
    "refused",
    "cycle.missed",
    "state.changed",
    "seat.expired",
    "reservation.expired",
    "leases.extended",
    "clock.set_back",
    "clock.caught_up",
}


@dataclass
class Machine:
    """A Control Room on some computer. Two machines of one identity are a clone and its original."""

    room: Room
    guid: str
    honest: bool = True  # never restored nor cloned: what CALM believes of it must be true
    behind: list[Room] = field(default_factory=list)  # its backups
    used: dict[str, int] = field(default_factory=dict)  # by line: what it consumed, also once it forgot the line (Q3)


@dataclass
class Carried:
    """A file on a stick, and the truth about it: the ledger that it was made of, which may be gone by now."""

    raw: bytes
    reader: LedgerReader
    machine: Machine
    at: str = ""  # the License GUID that it is uploaded at, where not the machine's

    @property
    def guid(self) -> str:
        return self.at or self.machine.guid


class Exchange:
    forged = FORGED

    def __init__(self, world: World) -> None:
        world.now = NOW
        world.calm = Calm(world.calm.keys, world.random, MemoryHead())
        self.world = world
        self.sold = {
            USERS: world.buy(USERS, 5),
            SEATS: world.buy(SEATS, 3),
            PAGES: world.buy(PAGES, 100),
            RUNS: world.buy(RUNS, 50, period="month"),
        }
        self.machines: list[Machine] = []
        self.requests: list[Carried] = []
        self.answers: list[tuple[bytes, str]] = []
        self.tokens: list[bytes] = []
        self.receipts: list[Carried] = []
        self.accepted: dict[str, str] = {}  # by GUID, the newest request that CALM took
        self.counted: dict[tuple[str, Any], int] = {}
        self.excused: set[str] = set()  # H1: GUIDs whose write-off or accepted history may show an excess
        for label in ("north", "south"):
            world.add_guid(label)
            self.machines.append(Machine(self._new_room(label), label))

    def _new_room(self, label: str) -> Room:
        from carnet.calm.use_cases.key_sets import export_trust
        from carnet.exchange.key_set import read_trust

        trust = read_trust(export_trust("Vendor"))
        return Room(trust, f"{label}-{self.world.random(4).hex()}", self.world.now)  # type: ignore[arg-type]

    # --- time ---------------------------------------------------------------------------------------------------

    def wait(self, hours: int) -> None:
        self.world.now += timedelta(hours=hours)
        for machine in self.machines:
            machine.room.wait(hours=hours)

    def set_clock(self, machine: Machine, days: int) -> None:
        machine.room.set_clock(self.world.now + timedelta(days=days))

    def renew(self, days: int) -> None:
        """The account buys again, for a while from now on: what is sold before ends some day, and is settled."""
        dates = {
            "valid_from": self.world.now - timedelta(hours=1),
            "valid_until": self.world.now + timedelta(days=days),
        }
        for sku, quantity, more in ((USERS, 5, {}), (PAGES, 100, {}), (RUNS, 50, {"period": "month"})):
            self.sold[sku] = self.world.buy(sku, quantity, **dates, **more)

    def reboot(self, machine: Machine) -> None:
        machine.room.reboot(self.world.random(4).hex())

    # --- the site -----------------------------------------------------------------------------------------------

    def do(self, machine: Machine, command: Any) -> Any:
        """An act at a site; a refusal leaves nothing but its record."""
        size, kept = machine.room.engine.checkpoint.size, kept_at(machine.room)
        answer = machine.room.do(command)
        if isinstance(answer, Refusal):
            written = [record.kind for record in machine.room.engine.reader.records(size)]
            assert set(written) <= PASSING, written
            assert kept_at(machine.room) == kept
            assert not (isinstance(command, InstallToken | InstallLicense) and answer.code in self.forged), answer
        return answer

    def enable(self, machine: Machine, token: bytes | None = None) -> Any:
        """With a new token, or with one that may have been installed somewhere already."""
        if token is None:
            token = self.world.token()
            self.tokens.append(token)
        return self.do(machine, InstallToken(token))

    def generate(
        self, machine: Machine, kind: RequestKind | None = None, since: int | None = None, **more: bool
    ) -> Any:
        answer = self.do(machine, GenerateRequest(kind, since, **more))
        if not isinstance(answer, Refusal):
            self.requests.append(Carried(machine.room.store.document(REQUEST), machine.room.engine.reader, machine))
        return answer

    def install(self, machine: Machine, raw: bytes) -> Any:
        answer = self.do(machine, InstallLicense(raw))
        if not isinstance(answer, Refusal):
            self.receipts.append(Carried(machine.room.receipt, machine.room.engine.reader, machine))
        return answer

    def withdraw(self, machine: Machine) -> None:
        with suppress(UsageError):  # nothing is open
            self.do(machine, WithdrawCycle())

    def work(self, machine: Machine, what: int, amount: int) -> None:
        """Users, seats and units; each keeps to what is granted, whatever the grant is."""
        command = [
            AssignUser(USERS, f"user-{amount % 7}"),
            UnassignUser(USERS, f"user-{amount % 7}"),
            AcquireSeat(SEATS, f"bot-{amount}", 3600),
            ConsumeUnits(PAGES, amount),
            ConsumeUnits(RUNS, amount),
            ReserveUnits(PAGES, amount, 86_400),
            ReserveUnits(RUNS, amount, 86_400),
        ][what]
        before = {line: dict(meter) for line, meter in machine.room.state.meters.items()}
        self.do(machine, command)
        for line, meter in before.items():  # Q3, at the site
            for period, units in meter.items():
                assert machine.room.state.meters[line][period] >= units

    def all_again(self, most: int) -> None:
        """Every file of late comes once more, to both sides, the newest first."""
        for carried in self.requests[: -1 - most : -1]:
            self.upload(carried)
        for carried in self.receipts[: -1 - most : -1]:
            self.hand_in(carried)
        for machine in self.machines:
            for token in self.tokens[: -1 - most : -1]:
                self.enable(machine, token)
            for raw, _ in self.answers[: -1 - most : -1]:
                self.install(machine, raw)

    def close_reservation(self, machine: Machine, which: int, amount: int) -> None:
        """Settle one that runs, in part or whole; or cancel it."""
        running = machine.room.state.reservations.running(machine.room.now)
        if running:
            key = running[which % len(running)]
            units = min(amount, machine.room.state.reservations.by_id[key].units)
            self.do(machine, SettleUnits(key, units) if amount else CancelUnits(key))

    def back_up(self, machine: Machine) -> None:
        machine.behind.append(machine.room.copy(self.world.random(4).hex()))

    def restore(self, machine: Machine) -> None:
        if machine.behind:
            machine.honest = False
            machine.room.restore(machine.behind[-1])

    def clone(self, machine: Machine) -> None:
        if len(self.machines) < 4:
            machine.honest = False
            other = machine.room.copy(self.world.random(4).hex())
            self.machines.append(Machine(other, machine.guid, honest=False))

    # --- CALM ---------------------------------------------------------------------------------------------------

    def upload(self, carried: Carried) -> Any:
        """CALM takes an LFR only if it truly extends what CALM saw: the second of two diverged histories never passes,
        in whichever order they come. A refusal moves nothing."""
        room = read_lfr(carried.raw).lfr.control_room.id  # type: ignore[union-attr]
        extends, far = self._truly_extends(carried, room), self._is_far_behind(carried, room)
        before = dump()
        answer = self.world.upload(carried.raw, carried.guid)
        if isinstance(answer, Refusal):
            assert dump() == before, answer
            asks = far and answer.code is Code.HISTORY_NOT_SHOWN
            assert asks or not (carried.machine.honest and answer.code in ACCUSING), answer
        else:
            assert extends, "CALM took a history that does not extend the one it saw"
            self.accepted[carried.guid] = answer.lfr
        self.books()
        return answer

    def _is_far_behind(self, carried: Carried, room_id: str) -> bool:
        """L2: of more than 32 files that CALM did not take, an LFR shows the newest."""
        room = ControlRoom.objects.filter(id=room_id).first()
        return room is not None and read_lfr(carried.raw).lfr.sequence - room.last_sequence >= SHOWN // 2  # type: ignore[union-attr]

    def _truly_extends(self, carried: Carried, room_id: str) -> bool:
        room = ControlRoom.objects.filter(id=room_id).first()
        if room is None or not room.seen_size:
            return True
        size = self._size(carried.raw)
        return room.seen_size <= size and root_at(room.seen_size, carried.reader.node) == from_base64url(room.seen_root)

    def _size(self, raw: bytes) -> int:
        read = read_lfr(raw)
        if isinstance(read, Refusal):
            return read_receipt(raw).receipt.ledger.checkpoint.size  # type: ignore[union-attr]
        return read.lfr.ledger.checkpoint.size

    def hand_in(self, carried: Carried) -> Any:
        """A receipt: taken or refused, it must not be believed against the truth."""
        room = read_receipt(carried.raw).receipt.control_room_id  # type: ignore[union-attr]
        extends, before = self._truly_extends(carried, room), dump()
        answer = receipts.accept_receipt(self.world.calm, raw=carried.raw, **self.world.act)
        if isinstance(answer, Refusal):
            assert dump() == before, answer
            assert not (carried.machine.honest and answer.code in ACCUSING), answer
        elif not extends:
            assert dump() == before, "an older receipt changes nothing"
        self.books()
        return answer

    def issue(self, guid: str, wanted: dict[str, int], **statements: bool) -> Any:
        request = self.accepted.get(guid)
        if request is None:
            return None
        lines = {self.sold[sku]: quantity for sku, quantity in wanted.items() if quantity}
        before = dump()
        answer = self.world.issue(request, lines=lines, **statements)
        if isinstance(answer, Refusal):
            assert dump() == before, answer
        else:
            self.answers.append((answer.raw, guid))
        self.books()
        return answer

    def accept_history(self, machine: Machine) -> Any:
        room = machine.room.store.ledger_id
        if not ControlRoom.objects.filter(id=room).exists():
            return None
        asked = {"control_room": room, "reason": "a backup", "entered": lower_numbers(self.world, room)}
        answer = self._two_people(proposals.propose_accept_history(self.world.calm, **asked, **self.world.act))
        if not isinstance(answer, Refusal):
            self.excused.add(machine.guid)
            self.accepted[machine.guid] = answer.lfr
            for other in self.machines:
                if other.guid == machine.guid:
                    other.honest = False
        self.books()
        return answer

    def readmit(self, machine: Machine) -> Any:
        """E11: two people let it enrol once more."""
        room = machine.room.store.ledger_id
        return self._two_people(
            proposals.propose_readmission(self.world.calm, control_room=room, reason="moved again", **self.world.act)
        )

    def write_off(self, machine: Machine, *, return_unconsumed: bool) -> None:
        if not ControlRoom.objects.filter(id=machine.room.store.ledger_id).exists():
            return
        answer = self._two_people(
            proposals.propose_write_off(
                self.world.calm,
                control_room=machine.room.store.ledger_id,
                reason="lost",
                return_unconsumed=return_unconsumed,
                **self.world.act,
            )
        )
        if not isinstance(answer, Refusal):
            self.excused.add(machine.guid)
            for other in self.machines:
                if other.guid == machine.guid:
                    other.honest = False
        self.books()

    def _two_people(self, proposed: Any) -> Any:
        if isinstance(proposed, Refusal):
            return proposed
        return proposals.confirm(self.world.calm, proposal=proposed.proposal, now=self.world.now, by="omar")

    def lower(self, sku: str, quantity: int) -> None:
        purchase = Purchase.objects.get(id=self.sold[sku])
        if quantity < purchase.quantity:
            asked = {"purchase": purchase.id, "quantity": quantity, "reason": "refund"}
            answer = purchases.lower_purchase(self.world.calm, **asked, **self.world.act)
            assert isinstance(answer, Refusal) or answer.quantity == quantity
            self.books()

    # --- what must always hold ----------------------------------------------------------------------------------

    def books(self) -> None:
        """H1 for each purchase, H2 for each honest site, and no count that falls (Q3)."""
        listed = {row.purchase: row for row in purchases.list_purchases(now=self.world.now)}
        for row in listed.values():
            if not self.excused:
                assert row.held + row.spent <= row.quantity, row
        for machine in self.machines:
            self._note_use(machine)
            if machine.honest:
                self._held_covers(machine)
        if not self.excused and all(machine.honest for machine in self.machines):
            self._counts_what_is_used({row.purchase: row.held + row.spent for row in listed.values()})
        for count in Counted.objects.all():
            key = (count.line_id, count.period_start)
            assert count.units >= self.counted.get(key, 0), count
            self.counted[key] = count.units

    def _note_use(self, machine: Machine) -> None:
        """A site forgets a line only when CALM has its final total: nothing is consumed on it later."""
        meters = machine.room.state.meters
        for line in meters:
            machine.used[line] = max(machine.used.get(line, 0), machine.room.state.consumed(line, None))

    def _counts_what_is_used(self, counted: dict[str, int]) -> None:
        """H1, H4 in truth: what honest sites consumed of a purchase, or may still settle, on whichever line of it, CALM
        counts as held or spent; but for what is over the line's quantity, which is owed (Q5)."""
        bought = set(Purchase.objects.filter(product_id=PAGES).values_list("id", flat=True))
        granted = LicenseLine.objects.filter(purchase__in=bought).values_list("line_id", "purchase_id")
        lines = {line: (purchase, most) for line, purchase, most in granted.annotate(most=Max("quantity"))}
        used = dict.fromkeys(bought, 0)
        for machine in self.machines:
            state, now = machine.room.state, machine.room.now
            for line, (purchase, most) in lines.items():
                used[purchase] += min(most, machine.used.get(line, 0) + state.reservations.held(line, None, now))
        for purchase, units in used.items():
            assert units <= counted[purchase], (units, counted[purchase])

    def _held_covers(self, machine: Machine) -> None:
        """H2: what an honest site may use, CALM holds for it."""
        from carnet.calm.use_cases.guids import show_guid

        now = machine.room.now
        if abs(now - self.world.now) > timedelta(days=25):
            return  # its clock is far off: the margin of H2 is 30 days
        held = {amount.purchase: amount.quantity for amount in show_guid(machine.guid, now=self.world.now).held}
        for line in lines_of(machine.room.state):
            if line.in_force(now) and not line.period:
                purchase = LicenseLine.objects.filter(line_id=line.line_id).values_list("purchase_id", flat=True)[0]
                assert held.get(purchase, 0) >= line.quantity, (line.sku, line.quantity, held)

    # --- the way back -------------------------------------------------------------------------------------------

    def way_back(self, machine: Machine) -> None:
        """From every state of a site there is a way back to `active`, with what the product itself says to do."""
        self.set_clock(machine, 0)
        later = self.world.now + timedelta(days=400)
        self.sold[USERS] = self.world.buy(USERS, 9, valid_from=NOW - timedelta(days=1), valid_until=later)
        taken = [Code.NOT_ENABLED]
        for _ in range(ENOUGH):
            if machine.room.state_name == "active" and taken[-1] is None:
                break
            taken.append(self._one_step(machine, taken[-1]))
        assert (machine.room.state_name, taken[-1]) == ("active", None), (machine.room.state_name, taken)
        assert machine.room.verify().holds
        self._nothing_is_forgotten(machine)

    def _nothing_is_forgotten(self, machine: Machine) -> None:
        """L2: what CALM ever counted on a line of this enrolment, in whatever history, is on the site's own meter, but
        for what is settled: that stays with CALM (Q3), as `books` asks."""
        room = ControlRoom.objects.get(id=machine.room.store.ledger_id)
        for count in Counted.objects.filter(room=room, enrolment=room.enrolment_id, settled=False):
            assert machine.room.state.consumed(count.line_id, count.period_start) >= count.units, count

    def _one_step(self, machine: Machine, last: Code | None) -> Code | None:
        """Follow what the last refusal said; the code of the next one, or None when a license was installed."""
        state = machine.room.state
        if last in (Code.WRITTEN_OFF, Code.ALREADY_ENABLED) or (last is Code.SUPERSEDED and not state.released):
            self.generate(machine, RequestKind.RELEASE)
            answer = self.upload(self.requests[-1])
            if isinstance(answer, Refusal):  # of a copy it need not be taken: release, new token (E11)
                self._answer_history(machine, answer.code, RequestKind.RELEASE)
            return code_of(self.enable(machine)) or Code.NOT_LICENSED
        if state.enrolment is None or state.released or last is Code.TOKEN_USED:
            if state.released and last not in (Code.RELEASED, None):
                self.upload(self.requests[-1])
            self.enable(machine)
        answer = self.generate(machine)
        if isinstance(answer, Refusal):
            return answer.code
        return self._carry(machine, self.upload(self.requests[-1]))

    def _answer_history(self, machine: Machine, code: Code, kind: RequestKind | None = None) -> Code | None:
        if code is Code.HISTORY_NOT_SHOWN:
            room = ControlRoom.objects.get(id=machine.room.store.ledger_id)
            self.generate(machine, kind, since=room.seen_size)
            answer = self._readmitted(machine, self.upload(self.requests[-1]))
            if not isinstance(answer, Refusal):
                return self._license(machine) if kind is None else None
            code = answer.code
        if code is Code.HISTORY_MISMATCH:
            accepted = self.accept_history(machine)
            if isinstance(accepted, Refusal):
                return Code.WRITTEN_OFF  # of an enrolment that ended: release, and a new token
            return self._license(machine) if kind is None else None
        return code

    def _carry(self, machine: Machine, answer: Any) -> Code | None:
        answer = self._readmitted(machine, answer)
        if isinstance(answer, Refusal):
            return self._answer_history(machine, answer.code)
        return self._license(machine)

    def _readmitted(self, machine: Machine, answer: Any) -> Any:
        """E11: where that is what the newest request waits for, it is uploaded again after it."""
        if code_of(answer) is not Code.RELEASED_AGAIN:
            return answer
        self.readmit(machine)
        return self.upload(self.requests[-1])

    def _license(self, machine: Machine) -> Code | None:
        raw = self.issue(machine.guid, {USERS: 9}, site_clock_is_off=True, lowers_clock=True)
        if isinstance(raw, Refusal) or raw is None:
            return raw.code if raw else Code.SUPERSEDED
        answer = self.install(machine, raw.raw)
        if code_of(answer) is Code.DOES_NOT_FIT:
            self._free(machine)
            answer = self.install(machine, raw.raw)
        return code_of(answer)

    def _free(self, machine: Machine) -> None:
        """What a refused reduction asks for: seats given back, users unassigned, reservations cancelled."""
        state = machine.room.state
        for lease in [lease for leases in state.leases.values() for lease in leases.by_id]:
            self.do(machine, ReleaseSeat(lease))
        for sku, user in [(sku, user) for sku, users in state.users.items() for user in users]:
            self.do(machine, UnassignUser(sku, user))
        for reservation in state.reservations.running(machine.room.now):
            self.do(machine, CancelUnits(reservation))
