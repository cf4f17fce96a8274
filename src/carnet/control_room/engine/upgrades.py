"""From one release to the next on the same ledger. Upwards: a record says so, and what can be made anew is. Downwards:
never, for an older release cannot know what a newer one wrote.
"""

from collections.abc import Sequence

import msgspec

from carnet.control_room.authority.trusted_time import Reading
from carnet.control_room.engine.engine import Engine
from carnet.control_room.ledger.events import SiteUpgraded
from carnet.control_room.ledger.record import SYSTEM


class Upgrade(msgspec.Struct, frozen=True):
    """What a release would do first with a ledger; `steps`, sentences, is empty where there is nothing to do."""

    written_by: str
    version: str
    records: int
    steps: list[str]


def upgrade_of(engine: Engine, version: str, beside: Sequence[str] = ()) -> Upgrade:
    """Asked of an engine that is only read: nothing is done. `beside`: what else in the folder is brought along."""
    written_by, records = engine.state.version, engine.checkpoint.size
    steps = []
    if written_by != version:
        steps.append(f"A record site.upgraded is written to the ledger: from {written_by} to {version}.")
    if engine.folded_anew:
        steps.append(f"The state is folded anew from all {records} records: this release keeps it in another shape.")
    if written_by != version:
        steps += beside
    return Upgrade(written_by, version, records, steps)


def upgrade(engine: Engine, version: str, reading: Reading) -> None:
    """Record that another release writes from here on. A ledger of a newer one was refused as it was loaded."""
    if engine.state.version != version:
        engine.record([SiteUpgraded(version=version)], reading, SYSTEM)
