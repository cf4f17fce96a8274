"""E18: the windows as rows hold them, and those of an account, which its next token and OLF carry."""

from functools import lru_cache

import msgspec

from carnet.calm.customers.models import Account
from carnet.exchange.windows import Windows


def windows_of(account: Account) -> Windows:
    """Those that two people set for the account; else the default."""
    return read_windows(account.windows)


@lru_cache(maxsize=256)
def read_windows(text: str) -> Windows:
    """As a row holds them. The empty text stands for the default of this release."""
    return msgspec.json.decode(text, type=Windows) if text else Windows()


def write_windows(windows: Windows) -> str:
    return msgspec.json.encode(windows).decode()
