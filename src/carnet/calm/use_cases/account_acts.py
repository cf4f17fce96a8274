"""Accounts and License GUIDs over the years: other names, and out of sight where nothing is held any more."""

from datetime import datetime
from typing import TYPE_CHECKING

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.control_rooms.positions import read_books
from carnet.calm.customers.models import Account
from carnet.calm.purchases.models import Guid, Purchase
from carnet.calm.use_cases.accounts import (
    AccountShown,
    check_free_name,
    check_name,
    find_account,
    find_open_account,
    shown,
)
from carnet.calm.use_cases.context import Calm, act
from carnet.calm.use_cases.guids import GuidShown, check_free_label, find_guid, find_open_guid
from carnet.calm.use_cases.guids import shown as shown_guid
from carnet.errors import UsageError

if TYPE_CHECKING:
    from django.db.models import QuerySet


def rename_account(calm: Calm, *, account: str, name: str, now: datetime, by: str) -> AccountShown:
    """Sites show the new name from their next license file on. Raises UsageError where another one is called so."""
    check_name(name, "account's name")
    with act(calm, now=now, by=by) as doing:
        row = find_open_account(account)
        if row.name == name:
            raise UsageError(f"The account is called “{name}” already.")
        check_free_name(name, row.id)
        was, row.name = row.name, name
        row.save(force_update=True)
        doing.record("account.renamed", row.id, was=was, name=name)
        return shown(row)


def archive_account(calm: Calm, *, account: str, now: datetime, by: str) -> AccountShown:
    """Out of the lists. Raises UsageError where a Control Room is bound there, or anything is held."""
    with act(calm, now=now, by=by) as doing:
        row = find_open_account(account)
        bound = ControlRoom.objects.filter(account=row, guid__isnull=False).order_by("name")
        _check_nothing_held(row, [room.name for room in bound], Guid.objects.filter(account=row), now)
        row.archived_at = now
        row.save(force_update=True)
        doing.record("account.archived", row.id, name=row.name)
        return shown(row)


def bring_account_back(calm: Calm, *, account: str, now: datetime, by: str) -> AccountShown:
    """Raises UsageError where it is not archived, or was merged into another one."""
    with act(calm, now=now, by=by) as doing:
        row = find_account(account)
        if row.merged_into:
            find_open_account(row.id)
        if row.archived_at is None:
            raise UsageError(f"The account “{row.name}” is not archived.")
        row.archived_at = None
        row.save(force_update=True)
        doing.record("account.brought_back", row.id, name=row.name)
        return shown(row)


def rename_guid(calm: Calm, *, guid: str, label: str, now: datetime, by: str) -> GuidShown:
    """Raises UsageError where another one of the account has that label."""
    check_name(label, "label")
    with act(calm, now=now, by=by) as doing:
        row = find_open_guid(guid)
        if row.label == label:
            raise UsageError(f"The License GUID is labelled “{label}” already.")
        check_free_label(row.account, label, row.id)
        was, row.label = row.label, label
        row.save(force_update=True)
        doing.record("guid.renamed", row.id, account=row.account_id, was=was, label=label)
        return shown_guid(row, _bound(row))


def archive_guid(calm: Calm, *, guid: str, now: datetime, by: str) -> GuidShown:
    """Out of the lists. Raises UsageError where a Control Room is bound to it, or anything is held at it."""
    with act(calm, now=now, by=by) as doing:
        row = find_open_guid(guid)
        bound = ControlRoom.objects.filter(guid=row)
        _check_nothing_held(row.account, [room.name for room in bound], Guid.objects.filter(id=row.id), now)
        row.archived_at = now
        row.save(force_update=True)
        doing.record("guid.archived", row.id, account=row.account_id, label=row.label)
        return shown_guid(row, None)


def bring_guid_back(calm: Calm, *, guid: str, now: datetime, by: str) -> GuidShown:
    """Raises UsageError where it is not archived."""
    with act(calm, now=now, by=by) as doing:
        row = find_guid(guid)
        if row.archived_at is None:
            raise UsageError(f"The License GUID “{row.label}” is not archived.")
        row.archived_at = None
        row.save(force_update=True)
        doing.record("guid.brought_back", row.id, account=row.account_id, label=row.label)
        return shown_guid(row, None)


def _bound(guid: Guid) -> str | None:
    return ControlRoom.objects.filter(guid=guid).values_list("id", flat=True).first()


def _check_nothing_held(account: Account, bound: list[str], guids: "QuerySet[Guid]", now: datetime) -> None:
    if bound:
        raise UsageError(f"{bound[0]} is bound there.", "Release it first; where it is lost, write it off.")
    purchases, own = list(Purchase.objects.filter(account=account)), set(guids.values_list("id", flat=True))
    books = read_books(purchases)
    for purchase in purchases:
        held = sum(units for guid, units in books.balance(purchase.id, now).held.items() if guid in own)
        if held:
            raise UsageError(f"{held:,} {purchase.product_id} are held there.", "Wait until nothing is held.")
