"""`control-room` with a clock that a file moves: a composition root of its own, run as a script.

The file lies beside the data folder, so that it is the machine's and not the site's: by how many seconds the system
clock is off, and which boot this is. It is read with each reading, so that a clock jumps under a running server.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from carnet import cli_support
from carnet.control_room.cli import app
from carnet.control_room.state.trusted_time import Reading
from carnet.control_room.wiring import Site


def machine_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.machine")


def set_machine(folder: Path, *, ahead: int, boot: str) -> None:
    """In one piece: a reading in between sees the one or the other."""
    beside = folder.with_name(f"{folder.name}.machine.part")
    beside.write_text(json.dumps({"ahead": ahead, "boot": boot}))
    beside.rename(machine_of(folder))


@dataclass(frozen=True)
class Jumping(Site):
    def reading(self) -> Reading:
        own, machine = super().reading(), json.loads(machine_of(self.folder).read_text())
        return Reading(own.system + timedelta(seconds=machine["ahead"]), own.uptime, machine["boot"])


if __name__ == "__main__":
    cli_support.run(app, Jumping)
