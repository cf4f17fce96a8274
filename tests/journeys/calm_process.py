"""CALM's command line in a process that stays, for any folder: a line of JSON in, (code, stdout, stderr) out.

To set Django up takes a second, which a command of its own process spends each time. Here it is done once. Each command
opens its folder's database anew and closes it, as a process of its own would.
"""

import json
import os
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from carnet.calm import database_url
from carnet.calm.cli import app
from carnet.calm.wiring import Vendor, _database_fault
from tests.journeys.commands import through_the_door


@dataclass(frozen=True)
class Later(Vendor):
    ahead: timedelta = timedelta()
    largest_jump: timedelta | None = field(default=None, kw_only=True)  # a test goes where it wants

    def now(self) -> datetime:
        return super().now() + self.ahead

    def _set_up_django(self) -> None:
        super()._set_up_django()
        from django.db import connections

        connections.settings["default"].update(database_url.settings(str(self.folder.resolve())))


def close_database() -> None:
    """The next command opens that of its own folder."""
    from django.db import connections

    for each in connections.all(initialized_only=True):
        each.close()
        del connections[each.alias]


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "carnet.calm.portal.settings"  # `init` makes the tables of the portal too
    answers = sys.stdout
    for line in sys.stdin:
        order = json.loads(line)
        ahead = timedelta(seconds=order["ahead"])

        def world(folder: Path, passphrase_file: Path | None = None, ahead: timedelta = ahead) -> Vendor:
            return Later(folder, passphrase_file, ahead=ahead)

        done = through_the_door(app, order["words"], world, _database_fault)
        if "django.db" in sys.modules:
            close_database()
        answers.write(json.dumps([done.code, done.out, done.err]) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
