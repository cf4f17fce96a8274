"""How a record changes the state, with API keys and people (A1) at the end.

Pure but for the state it is given, which it changes in place: folding a million records must not copy ten thousand
users a million times. Nothing is judged here; a record is a fact. Revoked keys and removed people stay known: an id is
never given again, and a name is in the records.
"""

from datetime import timedelta

from msgspec.structs import replace

from carnet.control_room.ledger import events as e
from carnet.control_room.ledger.record import Record
from carnet.control_room.state import fold_use
from carnet.control_room.state.exchange_log import PastRequest
from carnet.control_room.state.fold_use import meter
from carnet.control_room.state.handlers import HANDLERS, on
from carnet.control_room.state.leases import Lease, Leases
from carnet.control_room.state.state import (
    FACTORS_REMOVED,
    VOUCHED,
    ActOfTwo,
    ApiKey,
    AskedAct,
    InstalledLicense,
    LineMemory,
    MachineAct,
    NewestLfr,
    OpenCycle,
    Person,
    SeenBreak,
    SettledAct,
    Shown,
    State,
    Touch,
    Vouched,
    period_key,
)
from carnet.entitlements import COUNTED_IN_UNITS, Metric
from carnet.exchange.history import SHOWN
from carnet.exchange.issuing_log import goes_on_from
from carnet.exchange.license_file_request import RequestKind
from carnet.times import later


def evolve(state: State, record: Record) -> None:
    """Fold one record. Raises TamperedError for one that cannot be understood."""
    evolve_event(state, record, e.own_event_of(record))


def evolve_event(state: State, record: Record, event: e.Event) -> None:
    handler = HANDLERS.get(type(event))
    if handler:
        handler(state, record, event)
    state.size = record.index + 1
    if record.at > state.mark or isinstance(event, e.ClockLowered):
        state.mark = record.at


# --- the site and its exchange ---------------------------------------------------------------------------------


@on(e.LedgerRestored)
def _restored(state: State, _: Record, event: e.LedgerRestored) -> None:
    state.restored = event.nonce[:4]


@on(e.SiteMoved)
def _moved(state: State, _: Record, event: e.SiteMoved) -> None:
    del event
    state.moved = True


@on(e.SiteArrived)
def _arrived(state: State, _: Record, event: e.SiteArrived) -> None:
    del event
    state.moved = False


@on(e.SiteInitialised)
def _initialised(state: State, _: Record, event: e.SiteInitialised) -> None:
    state.control_room_id, state.name, state.version = event.control_room_id, event.name, event.version
    state.trust, state.signing_key, state.sealing_key = event.trust, event.signing_key, event.sealing_key
    state.names = event.names


@on(e.SiteUpgraded)
def _upgraded(state: State, _: Record, event: e.SiteUpgraded) -> None:
    state.version = event.version


@on(e.KeySetTaken)
def _key_set(state: State, _: Record, event: e.KeySetTaken) -> None:
    state.key_set = event.key_set


@on(e.LogBroken)
def _log_broken(state: State, record: Record, event: e.LogBroken) -> None:
    installed = state.installed.olf_id if state.installed else ""
    state.log_breaks.append(SeenBreak(record.at, event.seen, event.stated, installed))
    state.issuing_log = goes_on_from(state.issuing_log, [event.stated])


@on(e.TokenInstalled)
def _token(state: State, record: Record, event: e.TokenInstalled) -> None:
    state.exchange.token(record.index, event.token_id, record.at, record.actor, event.account_name)
    state.tokens_seen.append(event.token_id)
    state.enrolment, state.account_name = event.enrolment, event.account_name
    state.windows = event.windows
    state.vendor_reads = event.reads
    state.released = state.locked = False
    state.installed = state.cycle = state.newest_lfr = state.new_keys = None
    state.withdrawn = 0


@on(e.RequestAsked)
def _asked(state: State, record: Record, _: e.RequestAsked) -> None:
    state.exchange.asked_by = record.actor


@on(e.RequestGenerated)
def _generated(state: State, record: Record, event: e.RequestGenerated) -> None:
    state.request_sequence = event.sequence
    state.newest_lfr = NewestLfr(event.request_id, event.sequence, event.request, record.at, event.install_by)
    state.cycle = OpenCycle(event.cycle) if event.cycle else None
    state.new_keys = event.new_keys
    asked_by = state.exchange.asked_by
    past = PastRequest(event.request_id, event.sequence, event.request.value, record.at, event.install_by, asked_by)
    state.exchange.request(record.index, past, event.cycle.id if event.cycle else None, state.cycle_ends)
    _show(state, event.request_id, record)
    fold_use.stated(state, record.at)
    if event.request is RequestKind.RELEASE:
        state.released, state.locked = True, False


@on(e.CycleWithdrawn)
def _withdrawn(state: State, record: Record, _: e.CycleWithdrawn) -> None:
    state.exchange.close("withdrawn", record.at, record.actor)
    state.cycle = state.newest_lfr = state.new_keys = None
    state.withdrawn += 1


@on(e.CycleMissed)
def _missed(state: State, record: Record, event: e.CycleMissed) -> None:
    state.exchange.close("locked" if event.locks else "lapsed", record.at, "")
    if state.cycle:
        state.cycle.missed = True
    state.new_keys = None
    state.locked = state.locked or event.locks


@on(e.LicenseInstalled)
def _installed(state: State, record: Record, event: e.LicenseInstalled) -> None:
    state.installed = InstalledLicense(
        event.olf_id,
        event.sequence,
        event.license_guid,
        event.account_name,
        event.issued_at,
        record.at,
        event.acknowledged,
        event.file_sha256,
        list(event.lines),
    )
    state.exchange.close("installed", record.at, record.actor, event.sequence)
    state.installed_ids.append(event.olf_id)
    state.highest_sequence, state.issuing_log = event.sequence, event.issuing_log
    state.windows = event.windows
    state.vendor_reads = event.reads
    state.mark = max(state.mark, event.issued_at)
    state.cycle, state.locked, state.withdrawn = None, False, 0
    state.shown_before = [*state.shown_before, *(old for old in state.shown if old.size < event.acknowledged)][-SHOWN:]
    state.shown = [shown for shown in state.shown if shown.size >= event.acknowledged]
    fold_use.answered(state)
    state.rollbacks = {}
    fold_use.begin(state, record.at, event.lines)
    _take_new_keys(state)
    _remember_lines(state, event)


def _take_new_keys(state: State) -> None:
    if state.new_keys:
        state.signing_key, state.sealing_key = state.new_keys.signing_key, state.new_keys.sealing_key
        state.new_keys = None


def _remember_lines(state: State, event: e.LicenseInstalled) -> None:
    """Units of this enrolment stay known when a line is left out, until the OLF settles it (Q3): CALM has its final
    total. Lines of an enrolment before are settled by now."""
    assert state.enrolment is not None
    token_id, settled = state.enrolment.token_id, set(event.settled)
    kept = {
        line_id: memory
        for line_id, memory in state.lines.items()
        if memory.token_id == token_id and memory.metric.kind.counts_units and line_id not in settled
    }
    for line in event.lines:
        kept[line.line_id] = LineMemory(line.sku, line.metric, line.quantity, line.period, token_id)
    state.lines = kept
    state.meters = {line_id: meter for line_id, meter in state.meters.items() if line_id in kept}


@on(e.HistoryAccepted)
def _history(state: State, _: Record, event: e.HistoryAccepted) -> None:
    assert state.enrolment is not None
    state.history_accepted = event.number
    for added in event.add:
        meter(state, added.line_id, period_key(added.period_start), added.units)
        unknown = LineMemory(added.sku, _metric_of(state, added.sku), 0, None, state.enrolment.token_id)
        state.lines.setdefault(added.line_id, unknown)


def _metric_of(state: State, sku: str) -> Metric:
    """An acceptance names the product alone. Its metric is that of its other lines here (it never changes)."""
    known = (memory.metric for memory in state.lines.values() if memory.sku == sku)
    return next(known, COUNTED_IN_UNITS[0])


@on(e.RollbackFound)
def _rollback(state: State, _: Record, event: e.RollbackFound) -> None:
    state.rollbacks[event.root] = event.size


@on(e.ReceiptWritten)
def _receipt(state: State, record: Record, event: e.ReceiptWritten) -> None:
    _show(state, event.olf_id, record)


@on(e.StateChanged)
def _state_changed(state: State, _: Record, event: e.StateChanged) -> None:
    state.state_name = event.now


def _show(state: State, of: str, record: Record) -> None:
    state.shown = [*state.shown, Shown(of, record.index + 1)][-SHOWN:]


# --- time ------------------------------------------------------------------------------------------------------


@on(e.ClockSetBack)
def _set_back(state: State, _: Record, event: e.ClockSetBack) -> None:
    state.behind = True
    state.set_back_count += 1
    state.largest_set_back = max(state.largest_set_back, event.by_seconds)


@on(e.ClockCaughtUp)
def _caught_up(state: State, _: Record, __: e.ClockCaughtUp) -> None:
    state.behind, state.lead = False, 0


@on(e.ClockRaised)
def _raised(state: State, _: Record, event: e.ClockRaised) -> None:
    state.lead = event.by_seconds


@on(e.ClockLowered)
def _lowered(state: State, record: Record, event: e.ClockLowered) -> None:
    """What had expired by the mark that is given up stays expired (T3, G2)."""
    state.lowered.append(record.index)
    for leases in state.leases.values():
        for lease_id in leases.expired(event.was):
            leases.remove(lease_id)
    for reservation_id in state.reservations.expired(event.was):
        state.reservations.remove(reservation_id)
    fold_use.go_back(state, record.at)


@on(e.LeasesExtended)
def _extended(state: State, record: Record, event: e.LeasesExtended) -> None:
    for leases in state.leases.values():
        for lease_id in leases.running(event.since):
            leases.extend(lease_id, later(record.at, timedelta(seconds=leases.by_id[lease_id].ttl_seconds)))
    # work that reserved goes on after a restart as a bot does, and settles late
    state.reservations.extend(event.since, record.at)


# --- granting --------------------------------------------------------------------------------------------------


@on(e.SeatAssigned)
def _assigned(state: State, record: Record, event: e.SeatAssigned) -> None:
    before = len(state.users.of(event.sku))
    state.users.assign(event.sku, event.user, record.at, record.index)
    fold_use.in_use(state, event.sku, record.at, before + 1, before, granted=1)


@on(e.SeatUnassigned)
def _unassigned(state: State, record: Record, event: e.SeatUnassigned) -> None:
    before = len(state.users.of(event.sku))
    state.users.unassign(event.sku, event.user)
    fold_use.in_use(state, event.sku, record.at, len(state.users.of(event.sku)), before)


@on(e.SeatAcquired)
def _acquired(state: State, record: Record, event: e.SeatAcquired) -> None:
    leases = state.leases.get(event.sku)
    if leases is None:
        leases = state.leases[event.sku] = Leases()
    before = leases.count(record.at)
    leases.add(event.lease_id, Lease(event.holder, event.ttl_seconds, event.expires_at, record.at, record.index))
    fold_use.in_use(state, event.sku, record.at, before + (record.at < event.expires_at), before, granted=1)


@on(e.SeatRenewed)
def _renewed(state: State, _: Record, event: e.SeatRenewed) -> None:
    state.leases[event.sku].extend(event.lease_id, event.expires_at)


@on(e.SeatReleased)
@on(e.SeatExpired)
def _seat_gone(state: State, record: Record, event: e.SeatReleased | e.SeatExpired) -> None:
    leases = state.leases.get(event.sku)
    lease = leases.by_id.get(event.lease_id) if leases else None
    if leases and lease:
        leases.remove(event.lease_id)
        # several may have ended since the last record: each that ran when the day began was in use on it
        morning = record.at.replace(hour=0, minute=0, second=0)
        before = leases.count(morning) + (morning < lease.expires_at)
        fold_use.in_use(state, event.sku, record.at, leases.count(record.at), before)


@on(e.ApiKeyCreated)
def _created(state: State, record: Record, event: e.ApiKeyCreated) -> None:
    state.api_keys[event.key_id] = ApiKey(
        event.key_id,
        event.name,
        event.secret_sha256,
        event.products,
        event.permissions,
        record.at,
        expires_at=event.expires_at,
    )


@on(e.ApiKeyRenamed)
def _key_renamed(state: State, _: Record, event: e.ApiKeyRenamed) -> None:
    state.api_keys[event.key_id] = replace(state.api_keys[event.key_id], name=event.name)


@on(e.ApiKeyRevoked)
def _revoked(state: State, record: Record, event: e.ApiKeyRevoked) -> None:
    state.api_keys[event.key_id] = replace(state.api_keys[event.key_id], revoked_at=record.at)


def _touch(record: Record) -> Touch:
    return Touch(record.index, record.actor, record.at)


@on(e.PersonAdded)
def _added(state: State, record: Record, event: e.PersonAdded) -> None:
    state.people[event.name] = Person(event.name, event.role, record.at)


@on(e.PersonAsked)
def _person_asked(state: State, record: Record, event: e.PersonAsked) -> None:
    state.asked_acts[event.proposal] = AskedAct(
        event.proposal, event.act, event.name, event.role, event.reason, record.actor, record.at
    )


@on(e.PersonSettled)
def _person_settled(state: State, record: Record, event: e.PersonSettled) -> None:
    asked = state.asked_acts.pop(event.proposal)
    state.settled_acts[event.proposal] = SettledAct(event.confirmed, _touch(record))
    if event.confirmed:
        state.acts_of_two.append(ActOfTwo(asked.by, record.actor, record.at))
        state.vouched += [Vouched(by, asked.name, record.at) for by in (asked.by, record.actor)]


@on(e.PersonMachineActed)
def _machine_acted(state: State, record: Record, event: e.PersonMachineActed) -> None:
    state.machine_acts.append(MachineAct(event.act, event.name, record.actor, record.at))
    if event.act == VOUCHED:
        state.vouched.append(Vouched("", event.name, record.at))


@on(e.PersonChanged)
def _changed(state: State, record: Record, event: e.PersonChanged) -> None:
    known = state.people[event.name]
    state.people[event.name] = replace(known, role=event.role, changed=_touch(record))
    if event.role is None:
        state.identities.pop(event.name, None)


@on(e.PersonIdentityBound)
def _identity_bound(state: State, _: Record, event: e.PersonIdentityBound) -> None:
    state.identities[event.name] = event.identity


@on(e.AccessNoted)
def _access_noted(state: State, _: Record, event: e.AccessNoted) -> None:
    if event.what == FACTORS_REMOVED and event.about:
        state.identities.pop(event.about, None)
