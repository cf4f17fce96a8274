"""What every use case is given (`Calm`), and the one frame that each act runs in (`act`): a transaction that holds the
act and its record in the issuing log (V1). A refused act writes its record, and nothing else."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
from django.db import transaction

from carnet.calm import database
from carnet.calm.control_rooms.models import RefusedFile
from carnet.calm.issuing_log import log
from carnet.calm.issuing_log.head import LogHead
from carnet.calm.signing.keyring import Keyring
from carnet.calm.use_cases import stale_pages
from carnet.entitlements import new_id
from carnet.errors import StorageError, TamperedError, UsageError
from carnet.exchange.history import CheckpointFields, checkpoint_fields
from carnet.exchange.issuing_log import ORIGIN
from carnet.exchange.keys import RandomBytes
from carnet.exchange.verdicts import Refusal
from carnet.far_ahead import doubt
from carnet.merkle import Checkpoint
from carnet.out_files import words_of
from carnet.printable import is_printable
from carnet.times import EndTooLateError, fitting_end
from carnet.vouching import is_same

RESUME = "calm log resume --reason …"
CONFIRM = "calm clock confirm YYYY-MM-DD"


@dataclass(frozen=True)
class Uploads:
    """N2: what one account may send in a day (UTC), and how long what was refused is kept."""

    files: int | None = None  # None: at the command line nothing is counted
    bytes: int = 64 * 1024 * 1024
    unknown_kept: int = 20  # files that bear no known signature, of an account: of older ones the bytes are let go
    keep_days: int = 730


@dataclass
class Calm:
    """CALM as a use case sees it. Everything else is an argument."""

    keys: Keyring
    random: RandomBytes
    head: LogHead
    publish: Callable[[], None] = lambda: None  # the public copies of the key set, once there is a new one (E16)
    uploads: Uploads = Uploads()
    largest_jump: timedelta | None = None  # T5: how far ahead the clock may be without being confirmed
    seen: int | None = None  # N5: how many records the log had when the page was made whose form is carried out
    _head_checked: bool = field(default=False, repr=False)

    def check_head(self) -> None:
        """L5: raises TamperedError where the database is older than the log's head, or holds another log."""
        if not self._head_checked:
            fault = self.head_fault()
            if fault:
                raise fault
            self._head_checked = True

    def check_clock(self, now: datetime) -> None:
        """T5: raises ClockError where the clock is far ahead of the newest record."""
        newest = log.newest_time() if self.largest_jump else None
        if newest and self.largest_jump and now - newest > self.largest_jump:
            nothing = "Nothing was done. A file of this time would carry it to the sites."
            raise doubt(now, newest, now - newest, nothing=nothing, run=CONFIRM)

    def head_fault(self) -> TamperedError | None:
        if self.head.is_lost():
            return TamperedError(
                f"CALM was restored from a backup, and the head of its issuing log was not there: it has {log.size()} "
                "records now, and had more perhaps.",
                "Two people state that it goes on from there. Reading still works; every act is refused until then.",
                run=RESUME,
            )
        head = self.head.read()
        if head is None or log.checkpoint_at(head.size) == head.checkpoint:
            return None
        return TamperedError(
            f"This database is not the one that CALM acted on last: its issuing log has {log.size()} records and "
            f"does not hold the {head.size} that the log's head, kept apart from it, commits to. On it, CALM would "
            "accuse honest sites and issue a second time what is out already.",
            f"{database.newest_copy()} If nothing newer is left, two people state that CALM was restored. Reading "
            "still works; every act is refused until then.",
            run=RESUME,
        )


@dataclass(frozen=True)
class RefusedOf:
    """Whose file was refused, as far as it can be told, and what it calls itself."""

    kind: str  # lfr | receipt
    account: str = ""
    guid: str = ""
    room: str = ""
    name: str = ""
    sequence: int = 0
    generated_at: datetime | None = None
    known: bool = False  # it bears a signature that CALM knows


@dataclass
class Act:
    """One act in progress: who does it, when, and its transaction."""

    calm: Calm
    now: datetime
    by: str
    head: Checkpoint | None = None
    before: int | None = None  # how many records the log had before this act, where a page was seen (N5)
    head_starts_over: bool = False  # L6: the log goes on from an older state

    @property
    def random(self) -> RandomBytes:
        return self.calm.random

    def new_id(self) -> str:
        return new_id(self.now, self.random)

    def record(
        self,
        kind: str,
        subject: str,
        why: str = "",
        *,
        content: str = log.NOTHING,
        tail: log.Tail | None = None,
        **detail: object,
    ) -> log.Appended:
        """V1: who, when, what, why. Raises UsageError where somebody came first (N5)."""
        self._check_page(stale_pages.Record(kind, subject, detail))
        appended = log.append(
            at=self.now,
            kind=kind,
            subject=subject or "-",
            detail={"who": self.by, "why": why, **detail},
            random=self.random,
            content=content,
            tail=tail,
        )
        self.head = appended.checkpoint
        return appended

    def _check_page(self, record: stale_pages.Record) -> None:
        if self.calm.seen is None:
            return
        if self.before is None:
            self.before = log.size()
        stale_pages.check(self.calm.seen, self.before, record, self.by)

    def refuse(self, refusal: Refusal, what: str, subject: str) -> Refusal:
        """A refused act leaves its record, and nothing else."""
        self.record("refused", subject, what=what, code=refusal.code.value, message=refusal.message)
        return refusal

    def refuse_file(self, refusal: Refusal, raw: bytes, digest: str, of: RefusedOf) -> Refusal:
        """A refused file is kept, as evidence, with what was said of it."""
        evidence = list(refusal.evidence)
        RefusedFile(
            account=of.account,
            room=of.room,
            guid=of.guid,
            kind=of.kind,
            name=of.name[:200],
            sequence=of.sequence,
            generated_at=of.generated_at,
            code=refusal.code,
            message=refusal.message,
            next=refusal.next,
            evidence=msgspec.json.encode(evidence).decode(),
            raw=raw,
            known=of.known,
            is_whole=True,
            digest=digest,
            size=len(raw),
            at=self.now,
            by=self.by,
        ).save(force_insert=True)
        self.record(
            "refused",
            of.room or digest[:16],
            what=f"{of.kind}.accept",
            code=refusal.code.value,
            message=refusal.message,
            file=digest,
            evidence=evidence,
        )
        return refusal


@contextmanager
def act(calm: Calm, *, now: datetime, by: str, on_older: bool = False) -> Iterator[Act]:
    """`on_older`: the one act that is done on a database older than its head (L6)."""
    check_operator(by)
    if not on_older:
        calm.check_head()
    done = False
    try:
        with transaction.atomic():
            database.take_turn()
            if not on_older:
                calm.check_clock(now)
            doing = Act(calm, now, by)
            yield doing
            done = True
    except database.FAULTS as error:
        raise database.act_fault(error, at_commit=done) from error
    if doing.head:
        _write_head(calm, doing, on_older=on_older)


def _write_head(calm: Calm, done: Act, *, on_older: bool) -> None:
    """The act is done by now, whatever comes of this. A head that is some acts old is no fault (`issuing_log.head`), so
    that a disk which failed here is told in the log, and the act is answered as done.

    Raises:
        StorageError: L6 alone: the head must say that the log goes on from an older state.
    """
    assert done.head
    try:
        if done.head_starts_over:
            calm.head.start_over(head_fields(done.head))
        elif not on_older:  # what the older database records meanwhile must not hide that it is one
            calm.head.write(head_fields(done.head))
    except OSError as error:
        told = f"The act is done. The issuing log's head could not be written: {words_of(error)}."
        if done.head_starts_over:
            raise StorageError(told, "Look at the disk. Until the head is written, no act is done.") from error
        logging.getLogger(__name__).error("%s The next act writes it.", told)  # noqa: TRY400 - all is said


def head_fields(head: Checkpoint) -> CheckpointFields:
    return checkpoint_fields(ORIGIN, head)


def check_operator(name: str) -> None:
    """A3: a name says who it is, so that a space does not make one person two. Raises UsageError."""
    if name != name.strip():
        raise UsageError("The operator's name begins or ends with a space.")
    check_text(name, "operator's name")


def is_same_operator(one: str, other: str) -> bool:
    return is_same(one, other)


def check_end(end: datetime) -> datetime:
    """Q1: the end, in UTC, where it is not later than the latest one. Raises UsageError."""
    try:
        return fitting_end(end)
    except EndTooLateError as error:
        raise UsageError(str(error)) from None


def check_text(text: str, what: str, most: int = 200) -> str:
    """The text, where it can stand in a file and in the log. Raises UsageError."""
    if not text.strip() or len(text) > most or not is_printable(text):
        raise UsageError(f"The {what} is empty, longer than {most} characters, or cannot be printed.")
    return text
