"""The one reader of clocks and of randomness (T4). Only the composition roots import it."""

import secrets
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path


def now() -> datetime:
    """The machine's own clock, in whole seconds UTC."""
    return datetime.now(UTC).replace(microsecond=0)


def uptime() -> int:
    """Seconds since this boot, time asleep included."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME)) if hasattr(time, "CLOCK_BOOTTIME") else int(time.monotonic())


def seconds() -> float:
    """Monotonic seconds, for measuring durations."""
    return time.monotonic()


@cache
def boot_id() -> str:
    """Which boot that uptime belongs to; no process outlives it."""
    file = Path("/proc/sys/kernel/random/boot_id")
    return file.read_text().strip() if file.exists() else "unknown"


def random_bytes(count: int) -> bytes:
    return secrets.token_bytes(count)
