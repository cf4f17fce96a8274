"""A server's log: lines of JSON on a stream. One form for both sides, for the REST server and for those of the pages.

Never a header, a key or a body (A2). Of a fault its kind and its place, never its own words, which may quote one; of a
path no secret.
"""

import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from carnet import times
from carnet.printable import printable_json

FRAMES = 6  # of a fault's way, the innermost

Log = Callable[..., None]  # (event, **fields)

# The link with which a person chooses a password carries what proves who it is.
_SECRET = re.compile(r"(?<=/choose/)[^/]+")


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
    return {"kind": type(error).__name__, "where": _where(error)} if error else {}


def _write(stream: TextIO, at: datetime, fields: dict[str, object]) -> None:
    line = printable_json(json.dumps({"at": times.iso(at), **fields}, ensure_ascii=False))  # N3
    stream.write(f"{line}\n")  # in one piece: processes share the stream
    stream.flush()


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] | None = getattr(record, "fields", None)
    if fields is not None:
        return fields
    error = record.exc_info[1] if record.exc_info else None
    return {"event": "fault" if error else "says", "from": record.name, "says": _fixed(record), **fault_fields(error)}


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
