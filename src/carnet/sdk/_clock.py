"""The SDK's one reader of clocks and of randomness: all other modules take them as arguments."""

import random
import time
import uuid

_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", 1))  # Windows has neither
jitter = random.random


def now() -> float:
    """Seconds that never go back, time asleep included: leases end while a machine sleeps."""
    return time.clock_gettime(_CLOCK) if hasattr(time, "clock_gettime") else time.monotonic()


def new_key() -> str:
    """A new idempotency key."""
    return uuid.uuid4().hex
