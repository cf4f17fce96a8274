"""The process of the pages: part of the composition root. `serving` starts it, and tells it over a pipe what it may
know.

It gives bots the way on the processor (`nice`), and ends when the server that started it ends.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from carnet import clock
from carnet.cli_support import say, speak_any_encoding
from carnet.control_room.local_api.pages_acts import PagesAct
from carnet.control_room.local_api.protocol import write_reply
from carnet.control_room.pages.runtime_config import RuntimeConfig, RuntimeServices, configure
from carnet.errors import CarnetError
from carnet.files import keep_new_files_private

NICE = 5
WORKERS = 1  # of several threads: checks of the ledger that run are known to all of them
COMMAND = "from carnet.control_room.wiring import main; main()"  # what is done in a process of its own
_PR_SET_PDEATHSIG = 1


def main() -> NoReturn:
    import msgspec

    given = msgspec.json.decode(sys.stdin.buffer.readline(), type=RuntimeConfig)
    act = msgspec.json.decode(sys.stdin.buffer.readline(), type=PagesAct) if sys.argv[1:] == ["act"] else None
    sys.stdin.close()
    _end_with_the_server(given.server)
    speak_any_encoding()
    if act:
        sys.stdout.buffer.write(_performed(given, act))
        raise SystemExit(0)
    os.nice(NICE)
    set_up(given)
    try:
        _serve(given)
    except CarnetError as error:
        say(f"failed: pages: {error} {error.next_step}".strip(), err=True)
        raise SystemExit(1) from error


def _performed(given: RuntimeConfig, act: PagesAct) -> bytes:
    """The reply to who asked for it. The engine is asked over its socket, as the pages ask it."""
    try:
        set_up(given)
        from carnet.control_room.pages.engine import engine
        from carnet.control_room.pages.machine_acts import perform

        with engine() as client:
            return write_reply(perform(act, client))
    except CarnetError as error:
        return write_reply(error)


def set_up(given: RuntimeConfig) -> None:
    """Django, over the pages' own database, brought to this release's form."""
    configure(given, RuntimeServices(clock.random_bytes, (sys.executable, "-c", COMMAND), clock.seconds))
    os.environ["DJANGO_SETTINGS_MODULE"] = "carnet.control_room.pages.settings"
    import django
    from django.core.management import call_command

    keep_new_files_private()
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)


def _serve(given: RuntimeConfig) -> NoReturn:
    from django.core.management import call_command

    call_command("collectstatic", verbosity=0, interactive=False)
    from carnet.web_kit.serving import LIMITS, How, serve
    from carnet.web_kit.wsgi import application

    how = How(
        given.bind,
        WORKERS,
        Path(given.certificate) if given.certificate else None,
        Path(given.private_key) if given.private_key else None,
        LIMITS.with_connections(given.connections, given.per_address),
        frozenset(given.proxies),
        given.prefix,
    )
    serve(application, how, clock.now, lambda: say(f"The pages answer at {given.address}"))


def _end_with_the_server(server: int) -> None:
    """However it ends: the kernel says so. Where it ended before that could be asked for, there is nothing to do. In a
    container the server may be process 1."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != server:
        raise SystemExit(0)


if __name__ == "__main__":
    main()
