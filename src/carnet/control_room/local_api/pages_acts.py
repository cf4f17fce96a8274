"""What somebody on the machine has the pages do: give a link, forget, send. It needs the pages' own keys, which a
running server holds: it is asked, and nobody types the passphrase."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from carnet.control_room.rules.granting.two_people import GiveLink

PATIENCE = 600.0  # seconds that it may take: a mail server that does not answer is waited for


class PagesAct(msgspec.Struct, frozen=True, tag="pages", forbid_unknown_fields=True):
    """`by`: who has it done, and whom the person is told of."""

    what: Literal["link", "forget", "unlock", "tell_factors_removed", "notify"]
    name: str = ""
    by: str = ""

    @property
    def record(self) -> GiveLink | None:
        """A3: what must be decided, and recorded, before the pages do it."""
        return GiveLink(self.name, on_machine=True) if self.what == "link" else None


@dataclass(frozen=True)
class Told:
    """What a run of notices came to. `ways`: by which notices are sent at all."""

    ways: list[str]
    sent: list[str]
    failed: list[str]
    checkpoint: str | None  # the line that went to the syslog
