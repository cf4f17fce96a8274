"""The SDK: a bot or a product takes seats and units from a Control Room. It needs httpx, and nothing else of Carnet.

```python
from carnet.sdk import Client, Exhausted

with Client("https://control-room:8650", api_key) as client:
    try:
        with client.seat("unattended-bot-runner", holder="bot-17"):
            client.consume("document-pages", 12)
    except Exhausted as refused:
        print(refused, refused.next)
```

`Client` is for threads, `AsyncClient` for asyncio; both have the same calls. An answer is a frozen dataclass. What is
not granted is raised: each error is a `SdkError`. Durations are in seconds, counts are whole numbers.

What is named here and in `carnet.sdk.calls` is the public interface. Modules whose names begin with `_` may change at
any time.
"""

from carnet.sdk import calls
from carnet.sdk._aio import AsyncClient, AsyncHeldSeat, AsyncReserved
from carnet.sdk._answers import (
    Feature,
    Holder,
    Product,
    ProductChange,
    RefusalCount,
    Reservation,
    Seat,
    Status,
    Units,
    Usage,
    User,
)
from carnet.sdk._base import BaseClient, BaseReserved, BaseSeat
from carnet.sdk._client import Client, HeldSeat, Reserved
from carnet.sdk._faults import (
    SdkError,
    SeatLost,
    ServerFault,
    Unreachable,
)
from carnet.sdk._refusals import (
    Busy,
    ClockFarAhead,
    Exhausted,
    Expired,
    IdempotencyConflict,
    LikelyTwin,
    Locked,
    Malformed,
    NotCovered,
    NotGranted,
    NotLicensed,
    NotPermitted,
    Refused,
    Released,
    RolledBack,
    StorageFailed,
    Unauthenticated,
    UnknownLease,
    UnknownReservation,
)
from carnet.sdk._unreachable import Unanswered, allow_for, deny

# In the order in which the page of the interface shows them.
__all__ = [
    "AsyncClient",
    "AsyncHeldSeat",
    "AsyncReserved",
    "BaseClient",
    "BaseReserved",
    "BaseSeat",
    "Busy",
    "Client",
    "ClockFarAhead",
    "Exhausted",
    "Expired",
    "Feature",
    "HeldSeat",
    "Holder",
    "IdempotencyConflict",
    "LikelyTwin",
    "Locked",
    "Malformed",
    "NotCovered",
    "NotGranted",
    "NotLicensed",
    "NotPermitted",
    "Product",
    "ProductChange",
    "RefusalCount",
    "Refused",
    "Released",
    "Reservation",
    "Reserved",
    "RolledBack",
    "SdkError",
    "Seat",
    "SeatLost",
    "ServerFault",
    "Status",
    "StorageFailed",
    "Unanswered",
    "Unauthenticated",
    "Units",
    "UnknownLease",
    "UnknownReservation",
    "Unreachable",
    "Usage",
    "User",
    "allow_for",
    "calls",
    "deny",
]
