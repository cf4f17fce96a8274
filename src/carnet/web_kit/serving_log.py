"""A server's log: lines of JSON. Of a fault its kind and its place, never its words; of a path no secret."""

import json
import logging
import re
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

from carnet import times

FRAMES = 6  # of a fault's way, the innermost

# The link with which a person chooses a password carries what proves who it is.
_SECRET = re.compile(r"(?<=/choose/)[^/]+")


def shown_path(path: str) -> str:
    return _SECRET.sub("…", path)


class JsonLines(logging.Handler):
    def __init__(self, stream: TextIO) -> None:
        super().__init__(logging.INFO)
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        at = times.iso(datetime.fromtimestamp(record.created, UTC))
        line = json.dumps({"at": at, **_fields(record)}, ensure_ascii=False)
        self._stream.write(f"{line}\n")  # in one piece: processes share the stream
        self._stream.flush()


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] | None = getattr(record, "fields", None)
    if fields is not None:
        return fields
    error = record.exc_info[1] if record.exc_info else None
    found: dict[str, object] = {"event": "fault" if error else "says", "from": record.name, "says": _fixed(record)}
    return found | ({"kind": type(error).__name__, "where": _where(error.__traceback__)} if error else {})


def _fixed(record: logging.LogRecord) -> str:
    """Its words before anything was put into them."""
    return str(record.msg).partition(": ")[0].strip()


def _where(trace: TracebackType | None) -> list[str]:
    places: list[str] = []
    while trace is not None:
        places.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}")
        trace = trace.tb_next
    return places[-FRAMES:]
