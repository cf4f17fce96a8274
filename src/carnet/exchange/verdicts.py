"""Verdicts: the one list of codes that both sides, every door and the documents share (E13).

A refusal is a value, not an exception: a rule said no, and says why and what to do. A fault is an exception of
`carnet.errors` instead. `docs/rules.md` explains each code; a test compares the table there with this list.
"""

from dataclasses import dataclass
from enum import StrEnum

from carnet.printable import SENTENCE, is_printable, printable


class Code(StrEnum):
    """What refused something, as a stable word (E13). Each one is explained in docs/rules.md."""

    # any file
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    WRONG_TYPE = "wrong_type"
    UNSUPPORTED_VERSION = "unsupported_version"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_SIGNER = "unknown_signer"
    KEY_SET_TOO_OLD = "key_set_too_old"
    # the token
    EXPIRED = "expired"
    TOO_EARLY = "too_early"
    VERSION_TOO_OLD = "version_too_old"
    ALREADY_ENABLED = "already_enabled"
    TOKEN_SEEN = "token_seen"
    TOKEN_USED = "token_used"
    NO_APPROVAL = "no_approval"
    # the request, at CALM
    WRONG_ACCOUNT = "wrong_account"
    GUID_BOUND = "guid_bound"
    WRONG_CONTROL_ROOM = "wrong_control_room"
    SUPERSEDED = "superseded"
    ALREADY_USED = "already_used"
    WINDOW_CLOSED = "window_closed"
    FROM_THE_FUTURE = "from_the_future"
    HISTORY_MISMATCH = "history_mismatch"
    HISTORY_NOT_SHOWN = "history_not_shown"
    TOTALS_FELL = "totals_fell"
    UNKNOWN_LICENSE_FILE = "unknown_license_file"
    WRITTEN_OFF = "written_off"
    RELEASED_AGAIN = "released_again"
    NOT_REMEMBERED = "not_remembered"
    NOTHING_TO_ACCEPT = "nothing_to_accept"
    TOO_MANY_UPLOADS = "too_many_uploads"
    # issuing
    OVER_ENTITLEMENT = "over_entitlement"
    OUTSIDE_PURCHASE = "outside_purchase"
    BELOW_USE = "below_use"
    CANNOT_BE_INSTALLED = "cannot_be_installed"
    NEEDS_SECOND_PERSON = "needs_second_person"
    # installing, at the site
    NOT_ENABLED = "not_enabled"
    WRONG_KEY = "wrong_key"
    OUT_OF_SEQUENCE = "out_of_sequence"
    DOES_NOT_FIT = "does_not_fit"
    CLOCK_STILL_AHEAD = "clock_still_ahead"
    MOVED = "moved"
    LOG_MISMATCH = "log_mismatch"
    # granting
    NOT_LICENSED = "not_licensed"
    NOT_GRANTED = "not_granted"
    EXHAUSTED = "exhausted"
    LOCKED = "locked"
    RELEASED = "released"
    NOT_COVERED = "not_covered"
    LIKELY_TWIN = "likely_twin"
    UNKNOWN_LEASE = "unknown_lease"
    UNKNOWN_RESERVATION = "unknown_reservation"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    ROLLED_BACK = "rolled_back"
    BUSY = "busy"
    CLOCK_FAR_AHEAD = "clock_far_ahead"
    STORAGE_FAILED = "storage_failed"
    # who asks, and for what
    UNAUTHENTICATED = "unauthenticated"
    NOT_PERMITTED = "not_permitted"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    FAULT = "fault"


@dataclass(frozen=True)
class Refusal:
    """A rule said no (E13): what happened, what to do next, and evidence that a person can read, if there is any.

    `next` is for every door. `run` is the command that does it; only the command line shows it.

    Every text in it is printable from the beginning (N3): it may quote a file that nobody trusts, and it goes to
    terminals, pages and records.
    """

    code: Code
    message: str
    next: str
    evidence: tuple[str, ...] = ()
    run: str = ""

    def __post_init__(self) -> None:
        for name in ("message", "next", "run"):
            text = getattr(self, name)
            if len(text) > SENTENCE or not is_printable(text):
                object.__setattr__(self, name, printable(text, SENTENCE))
        if self.evidence:
            object.__setattr__(self, "evidence", tuple(printable(line, SENTENCE) for line in self.evidence))
