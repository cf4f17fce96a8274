"""What the REST server tells its log of faults in the event loop, outside of any request."""

import asyncio
from collections.abc import Callable
from typing import Any

from carnet.server_log import Log, fault_fields


def loop_faults(log: Log) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    def fault(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        log("fault", says=context["message"], **fault_fields(context.get("exception")))

    return fault
