"""E3, E4, E11, E14, E15: generating an LFR, and withdrawing its cycle.

Generating is a record of its own, opens a cycle where none is open, and voids every LFR before it; a release also
ends all granting here. Withdrawing voids the cycle's LFRs and changes nothing else.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from carnet.control_room.ledger.events import (
    CycleWithdrawn,
    Event,
    RequestAsked,
    RequestGenerated,
    StateChanged,
    TotalsStated,
    UnitsSettled,
)
from carnet.control_room.rules.activation.lfr_draft import LICENSE, LfrDraft, carried_license, fits
from carnet.control_room.rules.activation.lost_license import carries_words
from carnet.control_room.rules.decision import Command, Decision, Moment, Question, View
from carnet.control_room.rules.grant import lines_of
from carnet.control_room.rules.site_state import RELEASED, locks
from carnet.control_room.rules.totals import after_settling, totals
from carnet.control_room.state.reservations import merged
from carnet.control_room.state.state import State
from carnet.entitlements import new_id
from carnet.errors import UsageError
from carnet.exchange.carried_license import CarriedLicense
from carnet.exchange.envelope import MAX_CARRYING
from carnet.exchange.keys import (
    ED25519,
    AkpKey,
    OkpKey,
    Opener,
    Signer,
    new_opener,
    new_signer,
)
from carnet.exchange.license_file_request import (
    MAX_TOTALS,
    Cycle,
    KeyPair,
    RequestKind,
    Totals,
)
from carnet.exchange.strict import to_base64url
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.windows import cycle_ends, install_by
from carnet.times import stamp

REQUEST = "request"  # the name under which the newest LFR is kept (E3)


@dataclass(frozen=True)
class RequestAnswer:
    request_id: str
    sequence: int
    kind: str
    install_by: datetime | None
    totals: Totals
    locks_at: datetime | None = None  # E8: when it locks, if no answer is installed; None where it does not
    carries: str = ""  # L6: why the license is in it, although nobody asked for that


@dataclass(frozen=True)
class GenerateRequest(Command[RequestAnswer]):
    """`kind` None: initial or change, as the site is. `since`: the size that CALM asked to be shown (L2).
    `with_license`: it carries the installed OLF back, opened, to a CALM that was restored (L6). Where CALM may have
    forgotten that OLF, the request does so by itself. `after`: the newest request that the asker saw of the open cycle,
    empty where none was open; where another one came since, none is made: it would void that one (E4)."""

    kind: RequestKind | None = None
    since: int | None = None
    new_keys: bool = False
    with_license: bool = False
    after: str | None = None
    what: ClassVar[str] = "request"

    def decide(self, state: State, moment: Moment) -> Decision[RequestAnswer] | Refusal:
        kind = self.kind or (RequestKind.CHANGE if state.installed else RequestKind.INITIAL)
        refusal = _enabled(state, kind) or _came_second(state, self.after)
        if refusal:
            return refusal
        pair = self._new_pair(moment) if self.new_keys else None
        settled = _settled(state, kind, moment.now)
        stated = totals(after_settling(state, settled), moment.now)
        if len(stated.lines) > MAX_TOTALS:
            return _too_many_lines(len(stated.lines))
        generated = _generated(state, kind, pair, moment)
        events: list[Event] = [RequestAsked(request=kind), *settled]
        if kind is RequestKind.RELEASE and state.state_name != RELEASED:
            events.append(StateChanged(was=state.state_name, now=RELEASED))
        # L3: the totals just before the request, so that nobody can state those of an earlier day
        events += [TotalsStated(lines=stated.lines, refusals=stated.refusals), generated]
        carried = self._carried(state, moment, stated)
        if isinstance(carried, Refusal):
            return carried
        file = LfrDraft(state, moment, generated, self.since, pair, carried.license)
        answer = RequestAnswer(
            generated.request_id,
            generated.sequence,
            kind.value,
            generated.install_by,
            stated,
            cycle_ends(generated.cycle.opened_at, state.windows) if generated.cycle and locks(state) else None,
            carried.words,
        )
        return Decision(events, answer, documents=lambda draft: {REQUEST: file.write(draft)}, new_keys=pair or ())

    def _carried(self, state: State, moment: Moment, stated: Totals) -> "_Carried | Refusal":
        """L6: what was asked for is carried or refused. What nobody asked for is left out where it has no room."""
        words = "" if self.with_license else carries_words(state, moment.document(LICENSE))
        carried = carried_license(state, moment) if self.with_license or words else None
        if carried is None or fits(carried, stated):
            return _Carried(carried, words)
        return _too_large_with_license() if self.with_license else _Carried(None, "")

    def _new_pair(self, moment: Moment) -> tuple[Signer, Opener]:
        return new_signer(ED25519, moment.random), new_opener(moment.random)


@dataclass(frozen=True)
class _Carried:
    license: CarriedLicense | None
    words: str  # why, where nobody asked for it


def _settled(state: State, kind: RequestKind, now: datetime) -> list[UnitsSettled]:
    """H2: where this LFR makes a line's total final, what is reserved on it counts as used in full; it cannot be
    settled later. So it is for all lines of a site that is released (E11)."""
    running = {key: state.reservations.by_id[key] for key in state.reservations.running(now)}
    counting = {line.line_id for line in lines_of(state) if now < line.ends and kind is not RequestKind.RELEASE}
    return [
        UnitsSettled(sku=each.sku, reservation_id=key, units=each.units, draws=merged(each.draws))
        for key, each in running.items()
        if any(draw.line_id not in counting for draw in each.draws)
    ]


def _enabled(state: State, kind: RequestKind) -> Refusal | None:
    if state.enrolment is None:
        return Refusal(
            Code.NOT_ENABLED,
            "No enablement token is installed: this Control Room may not request licenses yet.",
            "Download a token from CALM and install it here before it ends.",
        )
    if state.released and kind is not RequestKind.RELEASE:
        return Refusal(
            Code.RELEASED,
            "This Control Room has been released and can no longer request licenses.",
            "Install a new token to enable it again, or generate the release once more.",
            run="control-room request generate --kind release --out FILE",
        )
    return None


def open_request(state: State) -> str:
    """The newest request of the open cycle; empty where none is open."""
    return state.newest_lfr.request_id if state.open_cycle and state.newest_lfr else ""


def _came_second(state: State, after: str | None) -> Refusal | None:
    """Two people at one site: the second would void the request that the first one carries already."""
    newest = state.newest_lfr
    if after is None or newest is None or open_request(state) in ("", after):
        return None
    last = state.exchange.entries[-1].requests[-1]
    return Refusal(
        Code.SUPERSEDED,
        f"Request #{newest.sequence} was generated at {stamp(last.at)} by {last.asked_by}, after this page was opened. "
        "Yours was not generated: it would have made that one void.",
        "Carry that request; or, where a newer one is needed, generate it from the page as it is now.",
    )


def _too_many_lines(count: int) -> Refusal:
    """E19: CALM issues nothing that leads here."""
    return Refusal(
        Code.TOO_LARGE,
        f"The request would state {count} lines; it holds at most {MAX_TOTALS}.",
        "Tell the vendor: a license file granted more lines than a request can state.",
    )


def _too_large_with_license() -> Refusal:
    """E19: no license that CALM issues is so large; its key set has many more keys than one of today."""
    return Refusal(
        Code.TOO_LARGE,
        f"The request would have more than {MAX_CARRYING:,} bytes with the license in it. Nothing was changed.",
        "Generate it without the license, and ask the vendor to restore CALM from a newer backup. Where there is none: "
        "release this Control Room, and enrol it again with a new token.",
    )


def _generated(state: State, kind: RequestKind, pair: tuple[Signer, Opener] | None, moment: Moment) -> RequestGenerated:
    cycle = None if kind is RequestKind.RELEASE else _cycle(state, moment)
    return RequestGenerated(
        request_id=new_id(moment.now, moment.random),
        sequence=state.request_sequence + 1,
        request=kind,
        cycle=cycle,
        install_by=install_by(cycle.opened_at, moment.now, state.windows) if cycle else None,
        new_keys=_public(pair) if pair else None,
        nonce=to_base64url(moment.random(16)),
    )


def _cycle(state: State, moment: Moment) -> Cycle:
    """E4: the open one, whose clock does not restart; else a new one. (A missed one was recorded as such before.)"""
    return state.open_cycle or Cycle(
        id=new_id(moment.now, moment.random), opened_at=moment.now, withdrawn_before=state.withdrawn
    )


def _public(pair: tuple[Signer, Opener]) -> KeyPair:
    signing, sealing = pair[0].key, pair[1].key
    assert isinstance(signing, OkpKey)
    assert isinstance(sealing, AkpKey)
    return KeyPair(signing_key=signing, sealing_key=sealing)


@dataclass(frozen=True)
class NewestLfrAnswer:
    request_id: str
    sequence: int
    raw: bytes = field(repr=False)  # the file, byte for byte


@dataclass(frozen=True)
class NewestLfr(Question[NewestLfrAnswer]):
    """E3: the newest LFR, to be written out again. That is not a new one."""

    what: ClassVar[str] = "newest request"

    def answer(self, view: View) -> NewestLfrAnswer:
        newest, raw = view.state.newest_lfr, view.document(REQUEST)
        if newest is None or raw is None:
            raise UsageError("No request stands: none was generated, or it was withdrawn or voided by a token.")
        return NewestLfrAnswer(newest.request_id, newest.sequence, raw)


@dataclass(frozen=True)
class WithdrawAnswer:
    cycle_id: str
    opened_at: datetime
    withdrawn: int


@dataclass(frozen=True)
class WithdrawCycle(Command[WithdrawAnswer]):
    what: ClassVar[str] = "withdrawal"

    def decide(self, state: State, moment: Moment) -> Decision[WithdrawAnswer] | Refusal:
        if state.cycle is None:
            raise UsageError("No cycle is open: there is no request to withdraw.")
        cycle = state.cycle.fields
        end = cycle_ends(cycle.opened_at, state.windows)
        if state.cycle.missed or moment.now >= end:
            return Refusal(
                Code.WINDOW_CLOSED,
                f"The cycle was missed {stamp(end)}; it can no longer be withdrawn.",
                "Generate a new LFR: it opens a new cycle.",
            )
        answer = WithdrawAnswer(cycle.id, cycle.opened_at, state.withdrawn + 1)
        return Decision([CycleWithdrawn(cycle_id=cycle.id)], answer)
