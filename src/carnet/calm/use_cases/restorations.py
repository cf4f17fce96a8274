"""L6: CALM was restored from a backup. Two people state it, the roots sign from where the issuing log goes on, and from
then on CALM says of what it does not know that it may have forgotten it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from django.db.models import F, QuerySet

from carnet.calm.control_rooms.models import ControlRoom, SeenCheckpoint
from carnet.calm.issuing_log import log
from carnet.calm.issuing_log.models import LogEntry
from carnet.calm.use_cases.context import Act, Calm, check_text
from carnet.calm.use_cases.key_sets import make_broken
from carnet.calm.use_cases.models import Restoration
from carnet.errors import UsageError
from carnet.exchange.issuing_log import LogBreak
from carnet.exchange.key_set import KeySet
from carnet.exchange.strict import to_base64url
from carnet.exchange.verdicts import Code, Refusal
from carnet.merkle import Checkpoint
from carnet.times import stamp

RESUME = "resume_log"
CLOCKS = timedelta(hours=1)  # by which the times of two of CALM's machines may differ
_GAP = 1000  # E7: more license files than a Control Room is issued between two backups


@dataclass(frozen=True)
class GoesOn:
    """From where the log goes on."""

    checkpoint: Checkpoint
    as_of: datetime  # the time of the last record that is left

    @property
    def root(self) -> str:
        return to_base64url(self.checkpoint.root)

    def words(self) -> tuple[str, ...]:
        """What stating it does."""
        size = self.checkpoint.size
        return (
            f"the issuing log goes on from its first {size:,} records, the last of {stamp(self.as_of)}; what CALM "
            "recorded after them is stated as lost",
            "a new key set says so, with the reason, signed by the roots; each site takes it with its next file, keeps "
            "what it had seen of the log, and shows both",
            "of what CALM does not know from then on it says that it may have forgotten it; what its own keys signed "
            "is taken back from the files themselves",
            "purchases and approvals of the time that was lost are to be entered again",
        )


def find_goes_on(calm: Calm, as_of: datetime | None) -> GoesOn:
    """`as_of`: of which time the state is that was put back, where nothing here says that one was.

    Raises UsageError where nothing does and no time is given, or where no record is that old.
    """
    if as_of is None and calm.head_fault() is None:
        raise UsageError(
            "Nothing here says that CALM was restored: its issuing log goes on from the head that is kept apart.",
            "If it was restored all the same, with that head, say of which time the state is that was put back.",
            run="calm log resume --as-of TIME --reason …",
        )
    size = _before_it_was_asked()
    if as_of is not None:
        later = LogEntry.objects.filter(index__lt=size, at__gt=as_of).order_by("index")
        size = later.values_list("index", flat=True).first() or (0 if later.exists() else size)
    last = LogEntry.objects.filter(index=size - 1).first()
    at = log.checkpoint_at(size)
    if last is None or at is None:
        raise UsageError("CALM has no record that is so old.", "Give a time after CALM was set up.")
    return GoesOn(at, last.at)


def _before_it_was_asked() -> int:
    """The log's size without what was recorded at its end by asking for this: that is of the log that goes on."""
    size = log.size()
    for row in LogEntry.objects.order_by("-index").iterator():
        if not _is_of_asking(row):
            break
        size = row.index
    return size


def _is_of_asking(row: LogEntry) -> bool:
    what = msgspec.json.decode(bytes(row.detail)).get("what", "") if row.kind == "refused" else row.kind
    return str(what).startswith(f"{RESUME}.")


def check_reason(reason: str) -> str:
    """It is signed, and every site shows it. Raises UsageError."""
    return check_text(reason, "reason", 200)


def resume(doing: Act, size: int, root: str, reason: str, first: str, lost: KeySet | None = None) -> GoesOn | Refusal:
    """State it. `lost`: a key set of the time that was lost, with whose roots CALM goes on.

    Raises NotSetUpError where the roots are not here."""
    at = log.checkpoint_at(size)
    if at is None or to_base64url(at.root) != root:
        return Refusal(
            Code.NOTHING_TO_ACCEPT,
            "The issuing log is not the one any more for which this was proposed: CALM was restored again since.",
            "Take it back, and propose it again.",
        )
    goes_on = GoesOn(at, LogEntry.objects.get(index=size - 1).at)
    made = make_broken(doing, LogBreak(at=doing.now, size=size, root=root, why=reason), lost)
    Restoration(
        size=size,
        root=root,
        as_of=goes_on.as_of,
        at=doing.now,
        reason=reason,
        by=first,
        second=doing.by,
        key_set=made.version,
    ).save(force_insert=True)
    # E7: a number that was given to a file which is forgotten is not given again
    ControlRoom.objects.update(last_license_file=F("last_license_file") + _GAP)
    doing.head_starts_over = True
    return goes_on


def restorations() -> QuerySet[Restoration]:
    """The newest first."""
    return Restoration.objects.order_by("-at", "-id")


def forgotten_words(row: Restoration) -> str:
    """What CALM may have forgotten, and what is to be done."""
    return (
        f"What was done from {stamp(row.as_of)} to {stamp(row.at)} may be forgotten. Enter purchases, approvals and "
        "people of that time again; look at each account's License GUIDs. Requests of sites say what else is missing."
    )


def forgotten_at(when: datetime) -> Restoration | None:
    """The restoration that lost what was done at that time, if one did."""
    return next((each for each in restorations() if each.as_of - CLOCKS <= when <= each.at + CLOCKS), None)


def has_forgotten(room: ControlRoom) -> bool:
    """Whether CALM was restored and has taken nothing of this Control Room since: it may have forgotten what it saw
    last of it."""
    newest = restorations().first()
    return newest is not None and not SeenCheckpoint.objects.filter(room=room, at__gt=newest.at).exists()
