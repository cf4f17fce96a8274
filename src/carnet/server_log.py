"""A server's log: lines of JSON on a stream. One form for both sides, for the REST server and for those of the pages.

Never a header, a key or a body (A2). Of a fault its kind and its place, and its own words only where they are ours or
the system's: others may quote one. Of a path no secret. What a library says is kept with its arguments, but for what
looks like a secret or a person; what libraries of sign-in say is kept without: a name that somebody typed may be a
password.
"""

import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from carnet import times
from carnet.errors import CarnetError
from carnet.printable import printable_json

FRAMES = 6  # of a fault's way, the innermost

Log = Callable[..., None]  # (event, **fields)

# The link with which a person chooses a password carries what proves who it is.
_SECRET = re.compile(r"(?<=/choose/)[^/]+")


_OF_SIGN_IN = ("allauth", "django_auth_ldap", "ldap")
_LONG = 500  # characters of what a library says
_HIDDEN = (
    (_SECRET, "…"),
    (re.compile(r"\?[^\s'\">]*"), "?…"),  # a query
    (re.compile(r"(?<=://)[^/@\s]+@"), "…@"),  # a name and a password in an address
    (re.compile(r"[^\s'\"<>(]+@[^\s'\">),]+"), "…@…"),
    (re.compile(r"[A-Za-z0-9+=_-]{20,}"), "…"),  # a key, a session, a token
)


def shown_path(path: str) -> str:
    return _SECRET.sub("…", path)


def new_log(now: Callable[[], datetime], stream: TextIO) -> Log:
    """A function that writes one line: what happened, and fields that JSON can say."""

    def log(event: str, **fields: object) -> None:
        _write(stream, now(), {"event": event, **fields})

    return log


class JsonLines(logging.Handler):
    """The same for what others say through Python's logging. A record's `fields`, where it has them, are its line."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(logging.INFO)
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        _write(self._stream, datetime.fromtimestamp(record.created, UTC), _fields(record))


def fault_fields(error: BaseException | None) -> dict[str, object]:
    """The kind of a fault, and its way through the code as module:line, the innermost place last."""
    if error is None:
        return {}
    reason = _reason(error)
    return {"kind": type(error).__name__, **({"reason": reason} if reason else {}), "where": _where(error)}


def _reason(error: BaseException) -> str:
    """Of ours, which quote no secret, the sentence; of the system's what it says, without what was passed to it."""
    if isinstance(error, CarnetError):
        return without_secrets(str(error))
    return (error.strerror or "") if isinstance(error, OSError) and isinstance(error.strerror, str) else ""


def _write(stream: TextIO, at: datetime, fields: dict[str, object]) -> None:
    line = printable_json(json.dumps({"at": times.iso(at), **fields}, ensure_ascii=False))  # N3
    stream.write(f"{line}\n")  # in one piece: processes share the stream
    stream.flush()


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] | None = getattr(record, "fields", None)
    if fields is not None:
        return fields
    error = record.exc_info[1] if record.exc_info else None
    return {"event": "fault" if error else "says", "from": record.name, "says": _said(record), **fault_fields(error)}


def _said(record: logging.LogRecord) -> str:
    if record.name.partition(".")[0] in _OF_SIGN_IN or record.name.startswith("django.db"):
        return _fixed(record)
    try:
        return without_secrets(record.getMessage())
    except (TypeError, ValueError):  # arguments that do not fit their message
        return _fixed(record)


def without_secrets(text: str) -> str:
    """What a library says, on one line of a bounded length, without what is, or might be, a secret or a person."""
    first = text.partition("\n")[0]
    for pattern, instead in _HIDDEN:
        first = pattern.sub(instead, first)
    return first[:_LONG].strip()


def _fixed(record: logging.LogRecord) -> str:
    """Its words before anything was put into them."""
    return str(record.msg).partition(": ")[0].strip()


def _where(error: BaseException) -> list[str]:
    places: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}")
        trace = trace.tb_next
    return places[-FRAMES:]
