"""The one reader of clocks and of randomness (T4). Only the two `wiring` modules and the `carnet` command import it."""

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Reading:
    """What a machine says of time: its system clock, and how long it has been up in which boot (whole seconds)."""

    system: datetime
    uptime: int
    boot: str


def read_clock() -> Reading:
    uptime = int(time.clock_gettime(time.CLOCK_BOOTTIME)) if hasattr(time, "CLOCK_BOOTTIME") else int(time.monotonic())
    boot_id = Path("/proc/sys/kernel/random/boot_id")
    boot = boot_id.read_text().strip() if boot_id.exists() else "unknown"
    return Reading(datetime.now(UTC).replace(microsecond=0), uptime, boot)


def random_bytes(count: int) -> bytes:
    return secrets.token_bytes(count)
