"""The LFR's bytes, made of the state and of the ledger as it stands with the request's own records in it."""

from dataclasses import dataclass
from typing import cast

from carnet.control_room.ledger.events import RequestGenerated
from carnet.control_room.rules.decision import LedgerPreview, Moment
from carnet.control_room.rules.site_state import RELEASED, state_name
from carnet.control_room.state.state import State
from carnet.control_room.state.trusted_time import lag
from carnet.exchange.carried_license import CarriedLicense, carry
from carnet.exchange.envelope import MAX_CARRYING, Kind, readable, stored_value
from carnet.exchange.history import (
    SHOWN,
    Extension,
    History,
    checkpoint_fields,
    texts,
)
from carnet.exchange.keys import Opener, Signer
from carnet.exchange.license_file_request import (
    ClockFields,
    ControlRoomFields,
    Installed,
    LicenseFileRequest,
    SiteState,
    StatedTotals,
    Totals,
    TotalsRecord,
    most_bytes,
    write_lfr,
)
from carnet.exchange.offline_license_file import OfflineLicenseFile
from carnet.exchange.reads import site_reads, version_for
from carnet.exchange.strict import decode, encode

_REST = 64 * 1024  # bytes of an LFR, at most, without what is carried and what is stated
LICENSE, KEY_SET = "license", "key-set"  # the names under which the installed OLF and the newest key set are kept


@dataclass(frozen=True)
class LfrDraft:
    state: State  # as it was before the request's own records
    moment: Moment
    generated: RequestGenerated
    since: int | None
    pair: tuple[Signer, Opener] | None
    license: CarriedLicense | None = None  # L6

    def write(self, draft: LedgerPreview) -> bytes:
        state, keys = self.state, self.moment.keys
        assert state.signing_key is not None
        signers = [keys.signer(state.signing_key.kid), *([self.pair[0]] if self.pair else [])]
        for shown in (SHOWN, SHOWN // 4, 0):  # with very many lines there is room for fewer proofs (E19, L2)
            raw = write_lfr(self._request(draft, shown), signers, self._version())
            if len(raw) <= most_bytes(self.license):
                break
        return readable(Kind.LFR, raw)

    def _request(self, draft: LedgerPreview, shown: int) -> LicenseFileRequest:
        state, generated = self.state, self.generated
        assert state.enrolment is not None
        assert state.key_set is not None
        return LicenseFileRequest(
            request_id=generated.request_id,
            sequence=generated.sequence,
            kind=generated.request,
            generated_at=self.moment.now,
            install_by=generated.install_by,
            control_room=self._control_room(),
            new_keys=generated.new_keys,
            enrolment=state.enrolment,
            cycle=generated.cycle,
            history_accepted=state.history_accepted,
            smaller_than=self.since if self.since and self.since > draft.checkpoint.size else None,
            installed=self._installed(),
            state=cast("SiteState", RELEASED if generated.cycle is None else state_name(state, self.moment.now)),
            key_set_version=state.key_set.version,
            issuing_log=state.issuing_log,
            totals=_stated(draft),
            ledger=history(state, draft, self.since, shown, before=self.license is not None),
            clock=self._clock(),
            windows=state.windows,
            reads=site_reads(),
            license=self.license,
        )

    def _version(self) -> int:
        """E17: as CALM reads it, by the token or the OLF that was installed last."""
        assert self.state.vendor_reads is not None
        return version_for(Kind.LFR, self.state.vendor_reads.lfr)

    def _control_room(self) -> ControlRoomFields:
        state = self.state
        assert state.signing_key is not None
        assert state.sealing_key is not None
        return ControlRoomFields(
            id=state.control_room_id,
            name=state.name,
            version=self.moment.version,
            signing_key=state.signing_key,
            sealing_key=state.sealing_key,
        )

    def _installed(self) -> Installed | None:
        installed = self.state.installed
        return Installed(olf_id=installed.olf_id, sequence=installed.sequence) if installed else None

    def _clock(self) -> ClockFields:
        moment, state = self.moment, self.state
        behind = int(lag(moment.now, moment.reading).total_seconds()) - state.lead
        return ClockFields(
            trusted=moment.now,
            system=moment.reading.system,
            set_back_count=state.set_back_count,
            largest_set_back_s=max(state.largest_set_back, behind),
        )


def carried_license(state: State, moment: Moment) -> CarriedLicense | None:
    """L6: the installed OLF, opened, for a CALM that does not know it any more. None where none is installed."""
    file, key_set = moment.document(LICENSE), moment.document(KEY_SET)
    if state.installed is None or file is None or key_set is None:
        return None
    sealed_to = stored_value(file, Kind.OLF, OfflineLicenseFile).sealing_key
    return carry(file, key_set, moment.keys.opener(sealed_to))


def fits(carried: CarriedLicense, stated: Totals) -> bool:
    """Whether an LFR has room for both (E19)."""
    size = len(encode(carried)) + len(encode(stated)) + _REST
    return -(-size * 4 // 3) <= MAX_CARRYING


def _stated(draft: LedgerPreview) -> StatedTotals:
    record = draft.records[-2]
    stated = decode(encode(record), TotalsRecord, depth=10)
    return StatedTotals(record=stated, proof=texts(draft.inclusion(record.index)))


def history(
    state: State, draft: LedgerPreview, since: int | None = None, newest: int = SHOWN, *, before: bool = False
) -> History:
    """L2: the checkpoint, and proofs from the acknowledged one, the newest 32 shown since, and the one asked for.
    `before`: from those shown before that, too, of which one is the newest that a restored CALM knows (L6)."""
    size = draft.checkpoint.size
    left = [*(state.shown_before if before else ()), *state.shown]
    old = {shown.size: shown.of for shown in left[max(0, len(left) - newest) :]}
    if state.installed:
        old.setdefault(state.installed.acknowledged, "acknowledged")
    if since and since <= size:
        old.setdefault(since, "since")
    extends = [
        Extension(of=of, size=old_size, proof=texts(draft.consistency(old_size)))
        for old_size, of in sorted(old.items())
        if old_size <= size
    ]
    return History(checkpoint=checkpoint_fields(state.control_room_id, draft.checkpoint), extends=extends)
