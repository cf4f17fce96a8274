"""The SDK's one reader of clocks and of randomness: all else takes them as arguments."""

import random
import time
import uuid

now = time.monotonic
jitter = random.random


def new_key() -> str:
    return uuid.uuid4().hex
