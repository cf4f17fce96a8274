"""E18: the windows of an account: what they are, and what is asked to be changed of them. Two people set them (A3,
`proposals`); the account's next token and OLF carry them, and an open cycle keeps those that its site has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from carnet.calm.customers.models import Account
from carnet.calm.customers.windows import windows_of, write_windows
from carnet.calm.use_cases.accounts import find_account
from carnet.errors import UsageError
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.windows import Windows

LABELS = {
    "token_life_hours": "A token is valid for (hours)",
    "cycle_days": "A cycle lasts (days)",
    "newest_request_hours": "The newest request can be answered for (hours)",
    "clocks_differ_minutes": "A site's clock may be ahead of CALM's by (minutes)",
    "clock_ahead_days": "A clock mark is lowered where the machine's clock is ahead by at most (days)",
    "missed_cycle_locks": "A missed cycle locks",
    "expiry_notice_days": "Notices before a license ends (days)",
    "banner_stays_days": "The banner stays for the last (days)",
    "deadline_notice_hours": "Notices before a deadline (hours)",
}


@dataclass(frozen=True)
class WindowsShown:
    account: str
    name: str
    windows: Windows
    is_default: bool  # nobody set others


def show_windows(account: str) -> WindowsShown:
    """By the account's id or name. Raises UsageError where there is none."""
    found = find_account(account)
    return WindowsShown(found.id, found.name, windows_of(found), not found.windows)


def changed(was: Windows, changes: Mapping[str, Any]) -> Windows:
    """`was` with `changes`, by field. Raises UsageError where the result is out of bounds, or nothing would change."""
    try:
        will = msgspec.convert(msgspec.to_builtins(was) | dict(changes), Windows)
    except (msgspec.ValidationError, ValueError) as error:
        raise UsageError(f"These windows cannot be: {error}.", "Choose others.") from error
    if will == was:
        raise UsageError("That would change nothing.", "Name what is to be another value.")
    return will


def differences(was: Windows, will: Windows) -> tuple[str, ...]:
    """Each value that changes, in words: from what to what."""
    return tuple(
        f"{label}: {said(getattr(was, name))} → {said(getattr(will, name))}"
        for name, label in LABELS.items()
        if getattr(was, name) != getattr(will, name)
    )


def said(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def set_windows(account: str, payload: Mapping[str, Any]) -> tuple[str, ...] | Refusal:
    """Carries out what was proposed: what it did, in words. A refusal where others were set since."""
    row = Account.objects.get(id=account)
    was, will = (msgspec.convert(payload[name], Windows) for name in ("was", "windows"))
    if windows_of(row) != was:
        return Refusal(
            Code.NOTHING_TO_ACCEPT,
            f"The windows of {row.name} were changed since this was proposed.",
            "Take it back, and propose again what is still needed.",
        )
    row.windows = write_windows(will)
    row.save(force_update=True, update_fields=["windows"])
    return differences(was, will)
