"""L6: whether CALM may have forgotten the installed OLF, because it was restored to a state from before it. The next
LFR then carries the license by itself, so that nobody has to ask for it."""

from carnet.control_room.state.state import State
from carnet.exchange.envelope import Kind, stored_value
from carnet.exchange.issuing_log import LogBreak
from carnet.exchange.offline_license_file import OfflineLicenseFile
from carnet.times import stamp


def lost_with(state: State, file: bytes | None) -> LogBreak | None:
    """The newest break of the vendor's log by which CALM may have forgotten the installed OLF: its record is none of
    those from which the log goes on, and CALM issued it before the break. None where there is no such break.

    `file`: the installed OLF, as the site keeps it.
    """
    if file is None or not state.log_breaks:
        return None
    olf = stored_value(file, Kind.OLF, OfflineLicenseFile)
    if olf.issuing_log is None:
        return None
    index = olf.issuing_log.record.index
    for each in reversed(state.log_breaks):
        before = each.installed == olf.olf_id or olf.issued_at < each.stated.at
        if index >= each.stated.size and before:
            return each.stated
    return None


def carries_words(state: State, file: bytes | None) -> str:
    """What the site's people are told of it, before and after the request is made. Empty where there is nothing."""
    stated = lost_with(state, file)
    if stated is None or state.installed is None:
        return ""
    return (
        f"This request carries the license, because CALM was restored ({stamp(stated.at)}) and may have forgotten "
        f"license file {state.installed.sequence}, which is installed here."
    )
