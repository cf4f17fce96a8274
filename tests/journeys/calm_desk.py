"""CALM's command line in a process that stays: a line of JSON in, (code, stdout, stderr) out."""

import json
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from carnet.calm.cli import app
from carnet.calm.wiring import Vendor
from tests.journeys.commands import through_the_door


@dataclass(frozen=True)
class Later(Vendor):
    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


def main() -> None:
    answers = sys.stdout
    for line in sys.stdin:
        order = json.loads(line)
        ahead = timedelta(seconds=order["ahead"])

        def world(folder: Path, passphrase_file: Path | None = None, ahead: timedelta = ahead) -> Vendor:
            return Later(folder, passphrase_file, ahead=ahead)

        done = through_the_door(app, order["words"], world)
        answers.write(json.dumps([done.code, done.out, done.err]) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
