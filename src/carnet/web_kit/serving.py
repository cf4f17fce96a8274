"""Serving a WSGI application: processes (gunicorn looks after them), in each of them the edge of all our servers
(`carnet.edge`) with TLS and limits, and threads for the application. The log is in lines of JSON.

A line for each request, and one for each fault: never a query, a header or a body, nor a fault's own words, which may
quote one (A2). TERM lets requests under way end; INT (Ctrl-C) does not.
"""

import asyncio
import logging
import os
import re
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import uvloop
from django.db import connections
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.workers.base import Worker as BaseWorker  # type: ignore[import-untyped]

from carnet.edge import acts
from carnet.edge.gate import allow_files
from carnet.edge.limits import Limits
from carnet.edge.running import Running
from carnet.edge.tls import server_context
from carnet.errors import CarnetError, UsageError
from carnet.server_log import JsonLines, new_log
from carnet.web_kit.gateway import BUFFERED, Gateway, Wsgi

THREADS = 16  # of each process: what they do is mostly waiting for the database
BACKLOG = 512
STOPPING = 20  # seconds that requests under way may take when it is told to stop
LIMITS = Limits(
    body=17 * 1024 * 1024,  # what one upload may have (`MOST_UPLOADED`), and the form around it
    headers=100,
    seconds=20,
    connections=512,
    per_address=128,
    pipelined=1,
    fed=64 * 1024,
)


@dataclass(frozen=True)
class How:
    """How a server serves, beside what it serves."""

    bind: str  # HOST:PORT
    workers: int = 2
    certificate: Path | None = None
    key: Path | None = None
    limits: Limits = LIMITS  # of all its processes together
    proxies: frozenset[str] = frozenset()  # addresses; where there are some, nobody else is let in
    prefix: str = ""  # of the path, as `carnet.edge.prefix` has it


def serve(
    application: Wsgi, how: How, now: Callable[[], datetime], on_ready: Callable[[], None] = lambda: None
) -> NoReturn:
    """Serve until told to stop; then the process ends (SystemExit), and its workers before it.

    Raises UsageError and CarnetError where it cannot begin: nothing was served then.
    """
    context = server_context(how.certificate, how.key) if how.certificate and how.key else None
    listener = _listen(how.bind)
    connections.close_all()  # none is carried into the workers: each opens its own
    logging.getLogger().handlers = [JsonLines(sys.stderr)]
    logging.getLogger("carnet.pages.requests").setLevel(logging.INFO)
    logging.getLogger("django").handlers = []
    logging.getLogger("django.request").setLevel(logging.ERROR)  # less than that is in the requests' own lines
    wanted = -(-how.limits.connections // how.workers)  # each process counts its own
    limits = _share(how.limits, how.workers, wanted)
    served = _Served(limits, wanted, context, how.proxies, now, how.prefix)
    settings = {
        "bind": f"fd://{listener.detach()}",
        "workers": how.workers,
        "worker_class": type("OurWorker", (Worker,), {"served": served}),
        "backlog": BACKLOG,
        "graceful_timeout": STOPPING,
        "when_ready": lambda _: on_ready(),
        "logger_class": Log,
        "accesslog": None,
        "loglevel": "warning",
        "control_socket_disable": True,
        "umask": 0o077,
    }
    _run(_Server(application, settings))


def _share(limits: Limits, workers: int, wanted: int) -> Limits:
    connections = allow_files(wanted)
    per_address, held = -(-limits.per_address // workers), limits.held // workers
    return replace(limits, connections=connections, per_address=per_address, held=held)


@dataclass(frozen=True)
class _Served:
    limits: Limits
    wanted: int  # connections; there are fewer where there are no more open files for them
    context: ssl.SSLContext | None
    proxies: frozenset[str]
    now: Callable[[], datetime]
    prefix: str


def _run(server: "_Server") -> NoReturn:
    """Of the callers' frames, only the first process leaves through them: a worker's end is none of theirs."""
    first = os.getpid()
    try:
        server.run()
    except SystemExit as end:
        if os.getpid() == first:
            raise
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(end.code if isinstance(end.code, int) else 1)
    raise SystemExit(0)


class _Server(BaseApplication):
    def __init__(self, application: Wsgi, settings: dict[str, object]) -> None:
        self._application, self._settings = application, settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Wsgi:
        return self._application


class Worker(BaseWorker):
    """One process: an event loop that knows clients, and threads that know the application."""

    served: _Served

    def run(self) -> None:
        threads = ThreadPoolExecutor(THREADS, "page")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(threads))
        threads.shutdown(wait=False, cancel_futures=True)  # the process ends with `_run`

    async def _serve(self, threads: ThreadPoolExecutor) -> None:
        stop, at_once = asyncio.Event(), asyncio.Event()
        self._listen_to_signals(stop, at_once)
        served = self.served
        gateway = Gateway(self.wsgi, threads, served.context is not None, prefix=served.prefix)
        log = new_log(served.now, sys.stderr)
        running = Running(
            gateway,
            served.limits,
            log,
            served.now,
            context=served.context,
            proxies=served.proxies,
            buffered=BUFFERED,
        )
        running.open([each.sock.dup() for each in self.sockets])
        if served.limits.connections < served.wanted:
            log("limit", limit=acts.DESCRIPTORS, connections=served.limits.connections, wanted=served.wanted)
        while not stop.is_set() and self.ppid == os.getppid():
            self.notify()
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await stop.wait()
            running.tick()
        await running.end(0 if at_once.is_set() else STOPPING)

    def _listen_to_signals(self, stop: asyncio.Event, at_once: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()

        def quit_at_once() -> None:
            at_once.set()
            stop.set()

        loop.add_signal_handler(signal.SIGTERM, stop.set)
        for each in (signal.SIGINT, signal.SIGQUIT):
            loop.add_signal_handler(each, quit_at_once)


class Log(Logger):
    """What gunicorn says, by way of Python's own logging, and so in the same lines as everything else."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self.error_log.handlers, self.error_log.propagate = [], True
        self.error_log.setLevel(logging.WARNING)

    def reopen_files(self) -> None:
        """USR1: there are no files of ours."""


def _listen(bind: str) -> socket.socket:
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+)):([0-9]{1,5})", bind)
    if not found or int(found[3]) > 65535:
        raise UsageError(f"“{bind}” is not an address to listen on.", "Write HOST:PORT, such as 127.0.0.1:8000.")
    host, port = found[1] or found[2], int(found[3])
    family = socket.AF_INET6 if found[1] else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CarnetError(f"Nothing can listen at {bind}: {error.strerror}.", "Choose another with --bind.") from error
