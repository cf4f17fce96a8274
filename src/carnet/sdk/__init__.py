"""What a bot or product imports to take seats and units from a Control Room. It imports nothing of ours.

with Client("https://control-room:8650", api_key) as client, client.seat("unattended-bot-runner", "bot-17"):
    client.consume("document-pages", 12)
"""

from carnet.sdk.aio import AsyncClient
from carnet.sdk.client import Client
from carnet.sdk.faults import (
    SdkError,
    SeatLost,
    ServerFault,
    Unreachable,
)
from carnet.sdk.refusals import (
    Busy,
    Exhausted,
    Expired,
    IdempotencyConflict,
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
from carnet.sdk.unreachable import Unanswered, allow_for, deny

__all__ = [
    "AsyncClient",
    "Busy",
    "Client",
    "Exhausted",
    "Expired",
    "IdempotencyConflict",
    "Locked",
    "Malformed",
    "NotCovered",
    "NotGranted",
    "NotLicensed",
    "NotPermitted",
    "Refused",
    "Released",
    "RolledBack",
    "SdkError",
    "SeatLost",
    "ServerFault",
    "StorageFailed",
    "Unanswered",
    "Unauthenticated",
    "UnknownLease",
    "UnknownReservation",
    "Unreachable",
    "allow_for",
    "deny",
]
