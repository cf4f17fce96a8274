"""Serving a WSGI application: processes of several threads each (gunicorn), over TLS where there is a certificate, and
with a log in lines of JSON.

A line for each request, and one for each fault: never a query, a header or a body, nor a fault's own words, which may
quote one (A2). TERM lets requests under way end; INT (Ctrl-C) does not.
"""

import logging
import os
import re
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from django.db import connections
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.util import close_graceful  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from carnet.errors import CarnetError, UsageError
from carnet.server_log import JsonLines, shown_path

THREADS = 16  # of each process: what they do is mostly waiting, for the database or for a client
BACKLOG = 512
PATIENCE = 20  # seconds that a client may be silent in the middle of something; a thread waits for it
FAREWELL = 0.5  # seconds that it may take a client to read its last answer
STOPPING = 20  # seconds that requests under way may take when it is told to stop

Application = Callable[..., Any]  # WSGI


def serve(
    application: Application,
    *,
    bind: str,
    workers: int = 2,
    certificate: Path | None = None,
    key: Path | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> NoReturn:
    """Serve until told to stop; then the process ends (SystemExit), and its workers before it. `bind`: HOST:PORT.

    Raises UsageError and CarnetError where it cannot begin: nothing was served then.
    """
    context = _context(certificate, key) if certificate and key else None
    listener = _listen(bind)
    connections.close_all()  # none is carried into the workers: each opens its own
    logging.getLogger().handlers = [JsonLines(sys.stderr)]
    logging.getLogger("django").handlers = []
    logging.getLogger("django.request").setLevel(logging.ERROR)  # less than that is in the requests' own lines
    settings = {
        "bind": f"fd://{listener.detach()}",
        "workers": workers,
        "worker_class": Worker,
        "threads": THREADS,
        "backlog": BACKLOG,
        "graceful_timeout": STOPPING,
        "when_ready": lambda _: on_ready(),
        "logger_class": Log,
        "accesslog": None,
        "loglevel": "warning",
        "forwarded_allow_ips": "",  # who may say that TLS ended before us is the application's matter
        "control_socket_disable": True,
        "umask": 0o077,
        "certfile": str(certificate) if context else None,
        "ssl_context": lambda _, __: context,
    }
    _run(_Server(application, settings))


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
    def __init__(self, application: Application, settings: dict[str, object]) -> None:
        self._application, self._settings = application, settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Application:
        return self._application


def _set_patience(sock: socket.socket, flag: bool) -> None:
    """In place of `setblocking`: where it would wait for a client for ever, it waits for PATIENCE."""
    if sock.fileno() >= 0:
        sock.settimeout(PATIENCE if flag else 0)


class _Patient(socket.socket):
    setblocking = _set_patience


class _PatientTls(ssl.SSLSocket):
    setblocking = _set_patience


class Worker(ThreadWorker):
    """Clients that begin a request and fall silent hold its threads for a while only, and its loop not at all."""

    def enqueue_req(self, conn: Any) -> None:
        if type(conn.sock) is socket.socket:
            conn.sock = _Patient(fileno=conn.sock.detach())
            conn.sock.setblocking(False)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """In a thread. A connection that ends is closed here: the loop would wait until the client has read its last
        answer, and accept nobody meanwhile."""
        goes_on = super().handle(conn)
        if not goes_on:
            close_graceful(conn.sock, timeout=FAREWELL)
        return goes_on


class Log(Logger):
    """What gunicorn says, by way of Python's own logging, and so in the same lines as everything else."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self.error_log.handlers, self.error_log.propagate = [], True
        self.error_log.setLevel(logging.WARNING)
        self.access_log.handlers, self.access_log.propagate = [], True
        self.access_log.setLevel(logging.INFO)

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> None:
        del req
        fields = {
            "event": "request",
            "from": environ.get("REMOTE_ADDR", ""),
            "method": environ.get("REQUEST_METHOD", ""),
            "path": shown_path(environ.get("PATH_INFO", "")),
            "status": int(str(resp.status).split(" ", 1)[0]),
            "bytes": resp.sent,
            "ms": round(request_time.total_seconds() * 1000, 1),
        }
        self.access_log.info("request", extra={"fields": fields})

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


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _PatientTls
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # never asks on a terminal
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise CarnetError(
            f"The certificate {certificate} and the key {key} cannot be used together.",
            "Give a certificate with its chain, and its own key without a passphrase, both as PEM.",
        ) from error
    return context
