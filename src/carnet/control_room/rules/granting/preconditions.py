"""What every grant asks first (G1), and refusals that several decisions share. *Locked* goes before the rest (S)."""

from datetime import datetime

from carnet.control_room.rules.grant import ProductGrant, grant_of
from carnet.control_room.rules.site_state import EXPIRED, is_locked, licensed_name
from carnet.control_room.state.state import State
from carnet.entitlements import Taking, is_composed
from carnet.exchange.verdicts import Code, Refusal
from carnet.printable import is_printable
from carnet.times import at_end

MAX_NAME = 200  # characters
DEFAULT_TTL, MIN_TTL, MAX_TTL = 600, 5, 86_400  # seconds that a lease or a reservation lives
IDEMPOTENCY_KEY = r"[!-~](?:[ -~]{0,62}[!-~])?"  # G5; a header's value has no space at its ends


def may_grant(state: State, now: datetime) -> Refusal | None:
    """Whether anything new may be granted here: a licensed site that is neither locked, released nor expired."""
    return may_serve(state) or _locked(state, now) or _expired(state, now)


def may_serve(state: State) -> Refusal | None:
    """Whether what was granted may still be checked and renewed; a locked site may (E8)."""
    if state.moved:
        return moved(state)
    if state.released:
        return released()
    if state.installed is None:
        return Refusal(
            Code.NOT_LICENSED,
            "No license file is installed here.",
            "An administrator requests and installs one (Manage offline licenses).",
        )
    return None


def may_take(state: State, sku: str, taking: Taking, now: datetime) -> ProductGrant | Refusal:
    """How everything new begins: the site may grant, and the product is taken in this way. What is granted of it."""
    return may_grant(state, now) or product_of(state, sku, taking, now)


def moved(state: State) -> Refusal:
    """L7: of every command and every grant, on the machine that a site left."""
    return Refusal(
        Code.MOVED,
        f"{state.name} moved to another machine. This copy of it can only be looked at.",
        "Work on the machine that it moved to. Where its file was not written, or is lost, do the move "
        "here once more: it writes the file again. To undo the move, put its file back here.",
        run="control-room move --from FILE",
    )


def released() -> Refusal:
    return Refusal(
        Code.RELEASED,
        "This Control Room is released; it grants nothing.",
        "An administrator enables it again with a new token from CALM.",
    )


def _locked(state: State, now: datetime) -> Refusal | None:
    if not is_locked(state, now):
        return None
    ended = _expired(state, now)
    means = ended.message if ended else "Running seats and assigned users go on; nothing new is granted."
    return Refusal(
        Code.LOCKED,
        "The Control Room is locked: a request was opened and no license file installed within "
        f"{state.windows.cycle_words}. {means}",
        "An administrator generates a new LFR and installs the file that answers it.",
    )


def _expired(state: State, now: datetime) -> Refusal | None:
    if state.installed is None or licensed_name(state.installed, state.windows, now) != EXPIRED:
        return None
    end = max(line.ends for line in state.installed.lines)
    return Refusal(
        Code.EXPIRED,
        f"The license ended {at_end(end)}.",
        "An administrator renews it: generate an LFR of kind renewal.",
    )


def no_longer_granted(state: State, sku: str, now: datetime) -> Refusal:
    """Why what somebody holds is granted no more, where nothing of its product is: the license ended, or the product
    did. It would be so too if the site were not locked, so that *locked* is not the reason (S)."""
    return _expired(state, now) or nothing_granted(grant_of(state, sku, now), sku)


def product_of(state: State, sku: str, taking: Taking, now: datetime) -> ProductGrant | Refusal:
    """What is granted of the product now, where it is licensed at all and taken in this way."""
    grant = grant_of(state, sku, now)
    if grant is None:
        return not_granted(sku)
    if grant.line.metric.kind.taking is not taking:
        return Refusal(
            Code.NOT_GRANTED,
            f"{grant.line.name} is licensed as {grant.line.metric.words}, not as {taking.words}.",
            "Ask for it as it is licensed.",
            run=f"control-room {grant.line.metric.kind.taking.value}",
        )
    return grant


def not_granted(sku: str) -> Refusal:
    return Refusal(
        Code.NOT_GRANTED,
        f"The installed license does not grant “{sku}” now.",
        "See what it grants.",
        run="control-room license show",
    )


def nothing_granted(grant: ProductGrant | None, sku: str) -> Refusal:
    """Of a product of which nothing is granted at the moment, with the reason: it starts later, or has ended."""
    if grant is None or not grant.why_none:
        return not_granted(sku)
    return Refusal(
        Code.NOT_LICENSED if grant.starts_later else Code.NOT_GRANTED,
        grant.why_none,
        "Ask for it with a new LFR, or see what is granted.",
        run="control-room license show",
    )


def exhausted(name: str, granted: int) -> Refusal:
    return Refusal(Code.EXHAUSTED, f"{name}: all {granted:,} are in use.", "Free one, or ask for more with a new LFR.")


def not_covered(who: str, name: str, granted: int, free: str = "unassign") -> Refusal:
    return Refusal(
        Code.NOT_COVERED,
        f"{who} is not covered: {name} is licensed for {granted:,} now, and those who came first keep it.",
        f"Renew the license, or {free} somebody who came earlier.",
    )


def check_name(name: str, what: str) -> Refusal | None:
    """Whether a name that the caller chose can stand in a record. What else a grant records comes from the license or
    from here, and always can."""
    if 0 < len(name) <= MAX_NAME and is_printable(name) and name == name.strip() and is_composed(name):
        return None
    return malformed(
        f"The {what} must have 1 to {MAX_NAME} printable characters, in Unicode form NFC, and no blank at an end."
    )


def malformed(message: str) -> Refusal:
    return Refusal(Code.MALFORMED, message, "Nothing was changed. Correct the value and try again.")
