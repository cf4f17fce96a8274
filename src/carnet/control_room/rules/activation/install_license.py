"""E5, E7, E9, E10, T3, V2: opening and installing an OLF. A preview (`preview_license`) judges by the same steps.

Steps: (1) form and signatures · (2) for this Control Room · (3) not installed before · (4) the site can take one ·
(5) it answers the newest LFR of the cycle · (6) it opens with the key it names · (7) its sequence rises ·
(8) in time · (9) the clock, where it lowers it · (10) the vendor's log · (11) it fits.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import ClassVar

from carnet.control_room.ledger import events as e
from carnet.control_room.rules.activation.fit import Change, check_fit, difference
from carnet.control_room.rules.activation.generate_request import REQUEST
from carnet.control_room.rules.activation.lfr_draft import KEY_SET, LICENSE, history
from carnet.control_room.rules.activation.take_key_set import log_judged_from, new_break_words, take_key_set
from carnet.control_room.rules.decision import (
    Decision,
    FileCommand,
    LedgerPreview,
    Moment,
)
from carnet.control_room.rules.site_state import by_lines
from carnet.control_room.state.state import State
from carnet.control_room.state.trusted_time import TOLERANCE
from carnet.entitlements import Line
from carnet.exchange.envelope import Kind, readable
from carnet.exchange.issuing_log import check_log
from carnet.exchange.keys import Opener
from carnet.exchange.offline_license_file import (
    AddedUnits,
    OfflineLicenseFile,
    ReadLicenseFile,
    SealedBody,
    open_body,
    read_license_file,
)
from carnet.exchange.reads import version_for
from carnet.exchange.receipt import Receipt, write_receipt
from carnet.exchange.strict import encode
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.windows import install_window, lowered_clock_window
from carnet.merkle import Checkpoint
from carnet.times import stamp

RECEIPT = "receipt"  # the name under which the receipt of the installed OLF is kept


@dataclass(frozen=True)
class LicenseAnswer:
    olf_id: str
    sequence: int
    license_guid: str
    account: str
    install_by: datetime
    fingerprint: str
    lines: list[Line]
    changes: list[Change]
    lowers_clock: bool
    units_added: int  # L2: carried over from a history given up
    state: str
    log_breaks: list[str]  # L6: what the key set in it newly states of the vendor's log
    refused: Refusal | None = None  # only in a preview: why installing it now would be refused


@dataclass(frozen=True)
class Step:
    """What one step comes to: in words, and the refusal where it is not so."""

    words: str
    refusal: Refusal | None = None


@dataclass(frozen=True)
class Opened:
    """An OLF that is genuine, for this site and readable; and what stands against installing it now, if anything."""

    read: ReadLicenseFile
    body: SealedBody
    now: datetime  # at which it is judged: trusted time, or what a permitted lowering makes of it (T3)
    steps: list[Step]  # in the order in which they are judged

    @property
    def refusal(self) -> Refusal | None:
        return next((step.refusal for step in self.steps if step.refusal), None)


@dataclass(frozen=True)
class InstallLicense(FileCommand[LicenseAnswer]):
    what: ClassVar[str] = "license file"

    def decide(self, state: State, moment: Moment) -> Decision[LicenseAnswer] | Refusal:
        opened = open_license(self.raw, state, moment)
        if isinstance(opened, Refusal):
            return opened
        return opened.refusal or _installed(opened, self.raw, state, moment)


def open_license(raw: bytes, state: State, moment: Moment) -> Opened | Refusal:
    read = read_license_file(raw, state.pinned)  # (1)
    if isinstance(read, Refusal):
        return read
    olf = read.olf
    refusal = _for_this_room(olf, state) or _not_before(olf, state) or _can_take(state)  # (2) (3) (4)
    if refusal:
        return refusal
    standing = _answers_newest(olf, state, moment)  # (5)
    body = open_body(olf, _openers(state, moment), read.envelope.version)  # (6)
    if isinstance(body, Refusal):
        return standing or body
    now = max(moment.reading.system, olf.issued_at) if olf.lowers_clock else max(moment.now, olf.issued_at)
    held = [Step("The vendor's signatures hold."), Step(f"It is for this Control Room, {state.name}.")]
    answers = Step("It answers the newest request.", standing)
    return Opened(read, body, now, [*held, answers, *_judge(read, body, now, state, moment)])


def _judge(read: ReadLicenseFile, body: SealedBody, now: datetime, state: State, moment: Moment) -> list[Step]:
    """All of them, so that a preview can say what else is wrong; the first refusal is the one that counts."""
    olf, seen = read.olf, log_judged_from(read.key_set, state)  # L6: a key set may state where the log goes on from
    steps = [Step("Its number is higher than any that was installed here.", _in_sequence(olf, state))]  # (7)
    until = state.newest_lfr.install_by if state.newest_lfr else None
    if until:  # (8) by the time before any lowering
        steps.append(Step(f"It is in time: before {stamp(until)}.", install_window(until, moment.now)))
    if olf.lowers_clock:  # (9)
        near = lowered_clock_window(olf.issued_at, moment.reading.system, state.windows)
        steps.append(Step("This machine's clock is right enough to be lowered to the vendor's time.", near))
    steps.append(
        Step(
            "The vendor's log holds it, and goes on from what was seen of it here.",
            _logged(read, seen.checkpoint if seen else None),
        )
    )  # (10)
    steps.append(Step("It fits what is in use.", check_fit(state, body.lines, now, moment.now)))  # (11)
    return steps


def _for_this_room(olf: OfflineLicenseFile, state: State) -> Refusal | None:
    if olf.control_room_id == state.control_room_id:
        return None
    return Refusal(
        Code.WRONG_CONTROL_ROOM,
        f"The file is for Control Room {olf.control_room_id}; this is {state.control_room_id} ({state.name}).",
        "Carry it to the Control Room it was issued for.",
    )


def _not_before(olf: OfflineLicenseFile, state: State) -> Refusal | None:
    if olf.olf_id not in state.installed_ids:
        return None
    return Refusal(
        Code.ALREADY_USED,
        f"License file #{olf.sequence} was installed {_by_whom(state, olf.sequence)}. Nothing is to be done, and "
        "nothing was changed.",
        "For any change generate a new LFR.",
    )


def _by_whom(state: State, sequence: int) -> str:
    """Of two who install one file, the second is told who was first."""
    entries = [one for one in state.exchange.entries if one.outcome == "installed" and one.olf_sequence == sequence]
    if not entries or entries[-1].outcome_at is None:
        return "before"
    return f"at {stamp(entries[-1].outcome_at)} by {entries[-1].outcome_by}"


def _can_take(state: State) -> Refusal | None:
    if state.enrolment is None:
        return Refusal(
            Code.NOT_ENABLED, "This Control Room is not enabled for offline licensing.", "Install a token first."
        )
    if state.released:
        return Refusal(
            Code.RELEASED,
            "This Control Room is released.",
            "Install a new token, then request a license with a new LFR.",
        )
    return None


def _answers_newest(olf: OfflineLicenseFile, state: State, moment: Moment) -> Refusal | None:
    """E7. A missed cycle's newest LFR still counts here, so that (8) can say that its window closed."""
    newest = state.newest_lfr
    raw = moment.document(REQUEST) or b""
    same = newest is not None and olf.answers.request_id == newest.request_id
    if state.cycle and same and olf.answers.sha256 == sha256(raw).hexdigest():
        return None
    what = f"the newest is #{newest.sequence}" if newest else "no LFR is open here"
    return Refusal(
        Code.SUPERSEDED,
        f"The file answers an LFR that is void: {what}.",
        "Upload the newest LFR to CALM (save it again if it was lost) and install the file that answers it.",
    )


def _openers(state: State, moment: Moment) -> list[Opener]:
    assert state.sealing_key is not None
    keys = [state.sealing_key, *([state.new_keys.sealing_key] if state.new_keys else [])]
    return [moment.keys.opener(key.kid) for key in keys]


def _in_sequence(olf: OfflineLicenseFile, state: State) -> Refusal | None:
    if olf.sequence > state.highest_sequence:
        return None
    return Refusal(
        Code.OUT_OF_SEQUENCE,
        f"The file is #{olf.sequence}; #{state.highest_sequence} was installed here already.",
        "Report this to the vendor, then generate a new LFR.",
    )


def _logged(read: ReadLicenseFile, seen: Checkpoint | None) -> Refusal | None:
    olf = read.olf
    if olf.issuing_log is None:
        return Refusal(Code.LOG_MISMATCH, "The file has no proof of the issuing log.", "Ask the vendor.")
    return check_log(olf.issuing_log, read.content_digest, olf.olf_id, seen)


def answer_of(opened: Opened, state: State, held_at: datetime) -> LicenseAnswer:
    """`held_at`: when those are counted who hold one: before the file moves the time (T1, T3)."""
    olf, body = opened.read.olf, opened.body
    return LicenseAnswer(
        olf.olf_id,
        olf.sequence,
        olf.license_guid,
        body.account_name,
        olf.install_by,
        opened.read.envelope.digest,
        body.lines,
        difference(state, body.lines, opened.now, held_at),
        olf.lowers_clock,
        sum(added.units for added in _added(olf, state)),
        by_lines(body.lines, olf.windows, opened.now),
        new_break_words(opened.read.key_set, state),
        opened.refusal,
    )


def _added(olf: OfflineLicenseFile, state: State) -> list[AddedUnits]:
    """L2: once. An acceptance that the totals include already is not added again."""
    accepted = olf.accepts_history
    return list(accepted.add) if accepted and accepted.number > state.history_accepted else []


def _installed(opened: Opened, raw: bytes, state: State, moment: Moment) -> Decision[LicenseAnswer]:
    answer = answer_of(opened, state, moment.now)
    events = [*take_key_set(opened.read.key_set, state), _license(opened, answer)]
    accepted = opened.read.olf.accepts_history
    if accepted and accepted.number > state.history_accepted:
        events.append(e.HistoryAccepted(number=accepted.number, add=accepted.add))
    events += _clock(opened, moment)
    if state.state_name != answer.state:
        events.append(e.StateChanged(was=state.state_name, now=answer.state))
    events.append(e.ReceiptWritten(olf_id=answer.olf_id))
    return Decision(events, answer, documents=_Documents(opened.read, raw, state, moment), moved=opened.now)


def _clock(opened: Opened, moment: Moment) -> list[e.Event]:
    """T1, T3: trusted time goes on from the vendor's time. Leases get one time to live from there (G6)."""
    by = opened.now - moment.now
    if opened.read.olf.lowers_clock and by < timedelta(0):
        return [e.ClockLowered(was=moment.now), e.LeasesExtended(since=moment.now, reason="the clock was lowered")]
    if by > TOLERANCE:
        raised = e.ClockRaised(by_seconds=int(by.total_seconds()))
        return [raised, e.LeasesExtended(since=moment.now, reason="the vendor's time is ahead")]
    return []


def _license(opened: Opened, answer: LicenseAnswer) -> e.LicenseInstalled:
    olf = opened.read.olf
    assert olf.issuing_log is not None
    return e.LicenseInstalled(
        olf_id=olf.olf_id,
        sequence=olf.sequence,
        license_guid=olf.license_guid,
        request_id=olf.answers.request_id,
        account_name=answer.account,
        issued_at=olf.issued_at,
        acknowledged=olf.acknowledged.size,
        issuing_log=olf.issuing_log.checkpoint,
        file_sha256=answer.fingerprint,
        lines=answer.lines,
        settled=opened.body.settled,
        windows=olf.windows,
        reads=olf.reads,
    )


@dataclass(frozen=True)
class _Documents:
    """The OLF as received, the key set it brought, and the receipt, which the new key signs if there is one (E15)."""

    read: ReadLicenseFile
    raw: bytes
    state: State
    moment: Moment

    def __call__(self, draft: LedgerPreview) -> dict[str, bytes]:
        documents = {LICENSE: self.raw, RECEIPT: self._receipt(draft)}
        inner = self.read.olf.key_set
        return documents | ({KEY_SET: encode(inner)} if inner else {})

    def _receipt(self, draft: LedgerPreview) -> bytes:
        state, olf = self.state, self.read.olf
        key = state.new_keys.signing_key if state.new_keys else state.signing_key
        assert key is not None
        receipt = Receipt(
            olf_id=olf.olf_id,
            sequence=olf.sequence,
            control_room_id=state.control_room_id,
            signing_key=key,
            installed_at=draft.records[-1].at,
            ledger=history(state, draft, olf.acknowledged.size),
        )
        version = version_for(Kind.RECEIPT, olf.reads.receipt)
        return readable(Kind.RECEIPT, write_receipt(receipt, self.moment.keys.signer(key.kid), version))
