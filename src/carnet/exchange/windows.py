"""The windows of time of the exchange (E18), and the pure functions that judge by them.

They are a policy that CALM signs into each token and each OLF, so that a vendor changes one without a new release. They
are an argument: no function here has windows of its own. A site goes by those of its installed OLF, and before the
first one by those of its token; CALM judges an LFR by those that it signed for that site. The end of a window is the
first moment that is too late.

Not decided here: which clock `now` comes from. A token is judged by the machine's own clock (E2), all else on the site
by trusted time (T1), and CALM judges by its own clock (E5).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated

from msgspec import Meta

from carnet.entitlements import Fields
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import at_end, exact_span, later, stamp

MOST_STEPS = 12  # notices before one end

Days = Annotated[int, Meta(ge=0, le=365)]
Hours = Annotated[int, Meta(ge=0, le=2160)]


class Windows(Fields, frozen=True):
    """The windows of one account (E18). The defaults are written here and nowhere else. Steps fall strictly; 0 is the
    end itself.

    Raises:
        ValueError: `newest_request_hours` is beyond the cycle, steps do not fall, or the banner stays for longer
            than it is shown.
    """

    token_life_hours: Annotated[int, Meta(ge=1, le=720)] = 24  # E2, from its download
    cycle_days: Annotated[int, Meta(ge=1, le=90)] = 7  # E4, E8, from the cycle's first LFR
    newest_request_hours: Annotated[int, Meta(ge=1, le=2160)] = 48  # E5, from the newest LFR
    clocks_differ_minutes: Annotated[int, Meta(ge=1, le=1440)] = 60  # E5, what two honest clocks may differ by
    clock_ahead_days: Annotated[int, Meta(ge=1, le=90)] = 7  # T3, from the vendor's time
    missed_cycle_locks: bool = True  # E8
    expiry_notice_days: Annotated[tuple[Days, ...], Meta(min_length=1, max_length=MOST_STEPS)] = (30, 15, 7, 3, 2, 1, 0)
    banner_stays_days: Days = 7  # S: days before the end from which the banner cannot be dismissed
    deadline_notice_hours: Annotated[tuple[Hours, ...], Meta(min_length=1, max_length=MOST_STEPS)] = (48, 24, 4)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.newest_request > self.cycle:
            raise ValueError("the window of the newest request is longer than the cycle")
        if not (_falls(self.expiry_notice_days) and _falls(self.deadline_notice_hours)):
            raise ValueError("the steps of a notice do not fall")
        if self.banner_stays_days > self.expiry_notice_days[0]:
            raise ValueError("the banner stays for longer than it is shown")

    @property
    def token_life(self) -> timedelta:
        """How long a token lasts, from its download (E2)."""
        return timedelta(hours=self.token_life_hours)

    @property
    def cycle(self) -> timedelta:
        """How long a cycle lasts, from its first LFR (E4)."""
        return timedelta(days=self.cycle_days)

    @property
    def newest_request(self) -> timedelta:
        """How long the newest LFR can be answered (E5)."""
        return timedelta(hours=self.newest_request_hours)

    @property
    def expiring(self) -> timedelta:
        """How long before the end of the last line the state is `expiring` and the banner is shown (S)."""
        return timedelta(days=self.expiry_notice_days[0])

    @property
    def token_words(self) -> str:
        """`token_life` in words, e.g. `24 hours`."""
        return hours_words(self.token_life_hours)

    @property
    def cycle_words(self) -> str:
        """`cycle` in words, e.g. `7 days`."""
        return days_words(self.cycle_days)

    @property
    def newest_words(self) -> str:
        """`newest_request` in words, e.g. `48 hours`."""
        return hours_words(self.newest_request_hours)


def _falls(steps: Sequence[int]) -> bool:
    return all(later < sooner for sooner, later in pairwise(steps))


def token_window(issued_at: datetime, expires_at: datetime, windows: Windows, now: datetime) -> Refusal | None:
    """Whether a token is in force at `now` (E2). `windows`: the token's own. None where it is.

    Refused as `too_early` or `expired`.
    """
    if now < issued_at:
        return Refusal(
            Code.TOO_EARLY,
            f"The token is in force from {stamp(issued_at)}; this machine's clock says {stamp(now)}.",
            "Set this machine's clock right, then install the token again.",
        )
    if now >= expires_at:
        return Refusal(
            Code.EXPIRED,
            f"The token ended {at_end(expires_at)}, {exact_span(now - expires_at)} ago.",
            f"Download a new token from CALM; each is valid for {windows.token_words} from its download.",
        )
    return None


def cycle_ends(opened_at: datetime, windows: Windows) -> datetime:
    """The moment at which a cycle that is still open is missed (E4, E8)."""
    return later(opened_at, windows.cycle)


def install_by(opened_at: datetime, newest_at: datetime, windows: Windows) -> datetime:
    """The first moment at which an answer to the newest LFR is too late (E5)."""
    return min(cycle_ends(opened_at, windows), later(newest_at, windows.newest_request))


def is_missed(opened_at: datetime, windows: Windows, now: datetime) -> bool:
    """True where a cycle that is still open is missed at `now` (E8)."""
    return now >= cycle_ends(opened_at, windows)


def install_window(deadline: datetime, now: datetime) -> Refusal | None:
    """Whether an OLF can still be installed (E5, on the site): None where it can. Refused as `window_closed`."""
    if now < deadline:
        return None
    return Refusal(
        Code.WINDOW_CLOSED,
        f"The file had to be installed before {stamp(deadline)}, {exact_span(now - deadline)} ago.",
        "Generate a new LFR, upload it to CALM, and install the file that answers it.",
    )


def request_window(generated_at: datetime, deadline: datetime, windows: Windows, now: datetime) -> Refusal | None:
    """Whether an answer that is issued now could still be installed (E5, as CALM judges it by its own clock). None
    where it could.

    Refused as `from_the_future` or `window_closed`.
    """
    off = "If the site's clock is wrong, vendor staff can state that and issue all the same."
    if generated_at > later(now, timedelta(minutes=windows.clocks_differ_minutes)):
        return Refusal(
            Code.FROM_THE_FUTURE,
            f"The LFR says it was generated {stamp(generated_at)}, {exact_span(generated_at - now)} ahead of CALM's "
            "clock.",
            off,
        )
    if now >= deadline:
        return Refusal(
            Code.WINDOW_CLOSED,
            f"An answer had to be installed before {stamp(deadline)}, {exact_span(now - deadline)} ago.",
            f"Generate a new LFR on the Control Room and upload that one. {off}",
        )
    return None


def is_far_ahead(clock: datetime, vendor_time: datetime, windows: Windows) -> bool:
    """True where a clock is too far ahead of the vendor's time to lower the mark to it (T3)."""
    return clock > later(vendor_time, timedelta(days=windows.clock_ahead_days))


def lowered_clock_window(vendor_time: datetime, system: datetime, windows: Windows) -> Refusal | None:
    """Whether the machine's own clock is near enough to the vendor's time to lower the mark to it (T3). None where it
    is.

    Refused as `clock_still_ahead`.
    """
    if not is_far_ahead(system, vendor_time, windows):
        return None
    return Refusal(
        Code.CLOCK_STILL_AHEAD,
        f"This machine's clock says {stamp(system)}, {exact_span(system - vendor_time)} ahead of the vendor's time; at "
        f"most {days_words(windows.clock_ahead_days)} are allowed.",
        "Set this machine's clock right, then install the file again.",
    )


def hours_words(hours: int) -> str:
    """A window as people read it: `48 hours`."""
    return "1 hour" if hours == 1 else f"{hours:,} hours"


def days_words(days: int) -> str:
    """A window as people read it: `7 days`."""
    return "1 day" if days == 1 else f"{days:,} days"
