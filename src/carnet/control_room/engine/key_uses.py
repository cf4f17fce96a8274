"""When each API key was used last: to the quarter of an hour, in a file beside the ledger. It is a help for people who
tidy up, no record: it costs no request anything, and a backup does not hold it."""

from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from carnet.errors import CarnetError
from carnet.files import write_file

FILE = "api-keys.used"
EVERY = 900.0  # seconds after which a server writes down what it saw


def note(used: set[str], folder: Path, now: datetime) -> None:
    """Writes down which keys were used; `used` is emptied. A disk that takes nothing loses the note alone."""
    if used:
        known = read_uses(folder) | dict.fromkeys(used, now)
        used.clear()
        with suppress(OSError, CarnetError):
            write_file(folder / FILE, msgspec.json.encode(known), 0o600)


def read_uses(folder: Path) -> dict[str, datetime]:
    """By the id of a key; empty where nothing was noted yet, or what was is not readable."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=dict[str, datetime])
    except (OSError, msgspec.MsgspecError):
        return {}
