"""What the server tells its log: lines of JSON on stderr, for a start, a stop and a fault. Never a header, a key or a
body, nor a fault's own words, which may quote one (A2): its kind and its place are enough to find it.
"""

import asyncio
from collections.abc import Callable, MutableMapping
from datetime import datetime
from typing import Any, TextIO

import structlog

Log = Callable[..., None]  # (event, **fields)


def new_log(now: Callable[[], datetime], stream: TextIO) -> Log:
    def stamp(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {"at": now().strftime("%Y-%m-%dT%H:%M:%SZ"), **event}

    logger = structlog.wrap_logger(
        structlog.PrintLogger(stream), processors=[stamp, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    return logger.msg  # type: ignore[no-any-return]


def fault_log(log: Log) -> Callable[[BaseException], None]:
    def fault(error: BaseException) -> None:
        log("fault", kind=type(error).__name__, where=_where(error))

    return fault


def loop_faults(log: Log) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """For what goes wrong in the event loop, outside of any request."""

    def fault(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        found = {"kind": type(error).__name__, "where": _where(error)} if error else {}
        log("fault", says=context["message"], **found)

    return fault


def _where(error: BaseException) -> str:
    """The innermost place of the fault, as module:line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace else ""
