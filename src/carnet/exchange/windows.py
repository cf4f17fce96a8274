"""The windows of time of the exchange, each a pure function of recorded times and `now`. An end is the first moment
that is too late.

Not here: which clock `now` comes from. A token is judged by the machine's own clock (E2), all else on the site by
trusted time (T1), and CALM by its own clock (E5).
"""

from datetime import datetime, timedelta

from carnet.exchange.verdicts import Code, Refusal

TOKEN_LIFE = timedelta(hours=24)  # E2, from its download
CYCLE = timedelta(days=7)  # E4, E8, from the cycle's first LFR
NEWEST = timedelta(hours=48)  # E5, from the newest LFR
FUTURE = timedelta(hours=1)  # E5, what two honest clocks may differ by
CLOCK_AHEAD = timedelta(days=7)  # T3, from the vendor's time


def token_window(issued_at: datetime, expires_at: datetime, now: datetime) -> Refusal | None:
    """E2: in force from its download for 24 hours."""
    if now < issued_at:
        return Refusal(
            Code.TOO_EARLY,
            f"The token is in force from {stamp(issued_at)}; this machine's clock says {stamp(now)}.",
            "Set this machine's clock right, then install the token again.",
        )
    if now >= expires_at:
        return Refusal(
            Code.EXPIRED,
            f"The token ended {stamp(expires_at)}, {spell(now - expires_at)} ago.",
            "Download a new token from CALM; each is valid for 24 hours from its download.",
        )
    return None


def install_by(opened_at: datetime, newest_at: datetime) -> datetime:
    """E5: the first moment at which an answer to the newest LFR is too late."""
    return min(opened_at + CYCLE, newest_at + NEWEST)


def is_missed(opened_at: datetime, now: datetime) -> bool:
    """E8: whether a cycle still open is missed."""
    return now >= opened_at + CYCLE


def install_window(deadline: datetime, now: datetime) -> Refusal | None:
    """E5, as the site judges it."""
    if now < deadline:
        return None
    return Refusal(
        Code.WINDOW_CLOSED,
        f"The file had to be installed before {stamp(deadline)}, {spell(now - deadline)} ago.",
        "Generate a new LFR, upload it to CALM, and install the file that answers it.",
    )


def request_window(generated_at: datetime, deadline: datetime, now: datetime) -> Refusal | None:
    """E5, as CALM judges it by its own clock: could an answer issued now still be installed?"""
    off = "If the site's clock is wrong, vendor staff can state that and issue all the same."
    if generated_at > now + FUTURE:
        return Refusal(
            Code.FROM_THE_FUTURE,
            f"The LFR says it was generated {stamp(generated_at)}, {spell(generated_at - now)} ahead of CALM's clock.",
            off,
        )
    if now >= deadline:
        return Refusal(
            Code.WINDOW_CLOSED,
            f"An answer had to be installed before {stamp(deadline)}, {spell(now - deadline)} ago.",
            f"Generate a new LFR on the Control Room and upload that one. {off}",
        )
    return None


def lowered_clock_window(vendor_time: datetime, system: datetime) -> Refusal | None:
    """T3: whether the machine's own clock is near enough to the vendor's time to lower the mark to it."""
    if system <= vendor_time + CLOCK_AHEAD:
        return None
    return Refusal(
        Code.CLOCK_STILL_AHEAD,
        f"This machine's clock says {stamp(system)}, {spell(system - vendor_time)} ahead of the vendor's time.",
        "Set this machine's clock right, then install the file again.",
    )


def stamp(moment: datetime) -> str:
    """A time as people read it: `Wed 2026-09-16 08:05:00 UTC`."""
    return moment.strftime("%a %Y-%m-%d %H:%M:%S UTC")


def spell(span: timedelta) -> str:
    """A span in its two largest units: `1 d 22 h`."""
    seconds = max(0, int(span.total_seconds()))
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
