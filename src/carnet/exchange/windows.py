"""The windows of time of the exchange (E18): a policy that CALM signs into each token and each OLF, so that a vendor
changes one without a new release; and the pure functions that judge by it. An end is the first moment that is too late.

Nobody judges by windows of their own: they are an argument. On the site they are those of its installed OLF, before the
first one those of its token; CALM judges an LFR by those that it signed for that site.

Not here: which clock `now` comes from. A token is judged by the machine's own clock (E2), all else on the site by
trusted time (T1), and CALM by its own clock (E5).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated

from msgspec import Meta

from carnet.entitlements import Fields
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import exact_span, stamp

MOST_STEPS = 12  # notices before one end

Days = Annotated[int, Meta(ge=0, le=365)]
Hours = Annotated[int, Meta(ge=0, le=2160)]


class Windows(Fields, frozen=True):
    """E18. The defaults are written here and nowhere else. Steps fall strictly; 0 is the end itself.

    Raises ValueError where the values contradict each other: `newest_request_hours` beyond the cycle, steps that do not
    fall, a banner that stays for longer than it is shown.
    """

    token_life_hours: Annotated[int, Meta(ge=1, le=720)] = 24  # E2, from its download
    cycle_days: Annotated[int, Meta(ge=1, le=90)] = 7  # E4, E8, from the cycle's first LFR
    newest_request_hours: Annotated[int, Meta(ge=1, le=2160)] = 48  # E5, from the newest LFR
    clocks_differ_minutes: Annotated[int, Meta(ge=1, le=1440)] = 60  # E5, what two honest clocks may differ by
    clock_ahead_days: Annotated[int, Meta(ge=1, le=90)] = 7  # T3, from the vendor's time
    missed_cycle_locks: bool = True  # E8
    expiry_notice_days: Annotated[tuple[Days, ...], Meta(min_length=1, max_length=MOST_STEPS)] = (30, 15, 7, 3, 2, 1, 0)
    banner_stays_days: Days = 7  # S: so many days before the end the banner can no longer be dismissed
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
        return timedelta(hours=self.token_life_hours)

    @property
    def cycle(self) -> timedelta:
        return timedelta(days=self.cycle_days)

    @property
    def newest_request(self) -> timedelta:
        return timedelta(hours=self.newest_request_hours)

    @property
    def expiring(self) -> timedelta:
        """S: from so long before the last line's end the state is `expiring`, and the banner is shown."""
        return timedelta(days=self.expiry_notice_days[0])

    @property
    def token_words(self) -> str:
        return hours_words(self.token_life_hours)

    @property
    def cycle_words(self) -> str:
        return days_words(self.cycle_days)

    @property
    def newest_words(self) -> str:
        return hours_words(self.newest_request_hours)


def _falls(steps: Sequence[int]) -> bool:
    return all(later < sooner for sooner, later in pairwise(steps))


def token_window(issued_at: datetime, expires_at: datetime, windows: Windows, now: datetime) -> Refusal | None:
    """E2: in force from its download to the end that it names. `windows`: the token's own."""
    if now < issued_at:
        return Refusal(
            Code.TOO_EARLY,
            f"The token is in force from {stamp(issued_at)}; this machine's clock says {stamp(now)}.",
            "Set this machine's clock right, then install the token again.",
        )
    if now >= expires_at:
        return Refusal(
            Code.EXPIRED,
            f"The token ended {stamp(expires_at)}, {exact_span(now - expires_at)} ago.",
            f"Download a new token from CALM; each is valid for {windows.token_words} from its download.",
        )
    return None


def cycle_ends(opened_at: datetime, windows: Windows) -> datetime:
    """E4: the moment at which a cycle that is still open is missed (E8)."""
    return opened_at + windows.cycle


def install_by(opened_at: datetime, newest_at: datetime, windows: Windows) -> datetime:
    """E5: the first moment at which an answer to the newest LFR is too late."""
    return min(cycle_ends(opened_at, windows), newest_at + windows.newest_request)


def is_missed(opened_at: datetime, windows: Windows, now: datetime) -> bool:
    """E8: whether a cycle still open is missed."""
    return now >= cycle_ends(opened_at, windows)


def install_window(deadline: datetime, now: datetime) -> Refusal | None:
    """E5, as the site judges it."""
    if now < deadline:
        return None
    return Refusal(
        Code.WINDOW_CLOSED,
        f"The file had to be installed before {stamp(deadline)}, {exact_span(now - deadline)} ago.",
        "Generate a new LFR, upload it to CALM, and install the file that answers it.",
    )


def request_window(generated_at: datetime, deadline: datetime, windows: Windows, now: datetime) -> Refusal | None:
    """E5, as CALM judges it by its own clock: could an answer issued now still be installed?"""
    off = "If the site's clock is wrong, vendor staff can state that and issue all the same."
    if generated_at > now + timedelta(minutes=windows.clocks_differ_minutes):
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
    """T3: whether a clock is too far ahead of the vendor's time for a mark to be lowered to it."""
    return clock > vendor_time + timedelta(days=windows.clock_ahead_days)


def lowered_clock_window(vendor_time: datetime, system: datetime, windows: Windows) -> Refusal | None:
    """T3: whether the machine's own clock is near enough to the vendor's time to lower the mark to it."""
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
