"""What somebody on the machine has the pages do: give a link, forget, send. It needs the pages' own keys, which a
running server holds: it is asked, and nobody types the passphrase."""

from dataclasses import dataclass
from typing import Literal

import msgspec

PATIENCE = 600.0  # seconds that it may take: a mail server that does not answer is waited for


class PagesAct(msgspec.Struct, frozen=True, tag="pages", forbid_unknown_fields=True):
    """`by`: who did what the person is told about."""

    what: Literal["link", "forget", "unlock", "tell_factors_removed", "notify"]
    name: str = ""
    by: str = ""


@dataclass(frozen=True)
class Told:
    """What a run of notices came to. `ways`: by which notices are sent at all."""

    ways: list[str]
    sent: list[str]
    failed: list[str]
    checkpoint: str | None  # the line that went to the syslog
