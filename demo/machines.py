"""The two machines of the demo: what runs the commands there, and what their clocks say.

Each command is a process of its own, forked from one that has loaded the programs once: Python would spend more time on
loading them for each command than the commands need. And each machine has its own composition root, the one place where
a clock is read (T4): this is how a day that is a week away can come to both companies at once.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib import import_module
from typing import IO, Any, NoReturn

from carnet import cli_support
from carnet.calm import cli as calm
from carnet.calm import wiring as calm_wiring
from carnet.control_room import cli as control_room
from carnet.control_room import wiring as room_wiring
from carnet.control_room.state.trusted_time import Reading

for _each in ("django.core.management", "django.db.backends.sqlite3.base", "django.db.models", "pydantic"):
    import_module(_each)  # what a command loads when it begins

AHEAD = "DEMO_DAYS_AHEAD"  # in a command's environment: by how many days its machine's clock is ahead of this one's


def _ahead() -> timedelta:
    return timedelta(days=int(os.environ.get(AHEAD, "0")))


@dataclass(frozen=True)
class Vendor(calm_wiring.Vendor):
    def now(self) -> datetime:
        return super().now() + _ahead()


@dataclass(frozen=True)
class Site(room_wiring.Site):
    def reading(self) -> Reading:
        own = super().reading()
        return replace(own, system=own.system + _ahead(), uptime=own.uptime + int(_ahead().total_seconds()))


COMMANDS: dict[str, tuple[Any, type[Vendor | Site]]] = {
    "calm": (calm.app, Vendor),
    "control-room": (control_room.app, Site),
}


def run(args: list[str], world: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command with this environment, in a process of its own. What it printed, and its exit code."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            _become(lambda: _command(args), world, out, err)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return subprocess.CompletedProcess(args, code, _read(out), _read(err))


def _command(args: list[str]) -> NoReturn:
    app, root = COMMANDS[args[0]]
    sys.argv = args
    cli_support.run(app, root)


def _become(act: Callable[[], NoReturn], world: dict[str, str], out: IO[str], err: IO[str]) -> NoReturn:
    """Nothing of the process that forked this one goes on in it: it ends here, whatever happens."""
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    os.environ.clear()
    os.environ.update(world)
    code = 1
    try:
        act()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
