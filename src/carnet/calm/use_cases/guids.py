"""License GUIDs: an account's license_guids, and what is held, spent and available at each."""

from dataclasses import dataclass
from datetime import datetime

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.control_rooms.positions import read_books
from carnet.calm.customers.models import Account
from carnet.calm.customers.names import fold
from carnet.calm.purchases.models import Guid, Purchase
from carnet.calm.use_cases.accounts import check_name, find_account, find_open_account
from carnet.calm.use_cases.context import Calm, act
from carnet.errors import UsageError


@dataclass(frozen=True)
class Amount:
    purchase: str
    sku: str
    quantity: int


@dataclass(frozen=True)
class GuidShown:
    guid: str
    label: str
    account: str
    control_room: str | None
    created_at: datetime
    archived_at: datetime | None


@dataclass(frozen=True)
class GuidBooks:
    """What stands at one GUID: `spent` by what it was bound to before; `available` for it, beside what it holds."""

    guid: str
    label: str
    account: str
    control_room: str | None
    held: tuple[Amount, ...]
    spent: tuple[Amount, ...]
    available: tuple[Amount, ...]


def find_guid(name: str) -> Guid:
    """By id or label, without regard to case, width and white space. Raises UsageError where there is none, or several
    accounts use that label."""
    rows = Guid.objects.select_related("account")
    found = list(rows.filter(id=name)) or list(rows.filter(folded=fold(name))[:2])
    if len(found) != 1:
        raise UsageError(
            f"There is no License GUID “{name}”." if not found else f"Several GUIDs are labelled “{name}”.",
            run="calm guid list",
        )
    return found[0]


def find_open_guid(name: str) -> Guid:
    """For acts: as `find_guid`, but one that is not archived, of an account that is not. Raises UsageError."""
    found = find_guid(name)
    if found.archived_at:
        raise UsageError(f"The License GUID “{found.label}” is archived.", run=f"calm guid bring-back {found.id}")
    find_open_account(found.account_id)
    return found


def check_free_label(account: Account, label: str, but: str = "") -> None:
    """In an account labels differ by more than case, width and white space. Raises UsageError."""
    other = Guid.objects.filter(account=account, folded=fold(label)).exclude(id=but).first()
    if other:
        raise UsageError(f"{account.name} has a GUID labelled “{other.label}” already.")


def add_guid(calm: Calm, *, account: str, label: str, now: datetime, by: str) -> GuidShown:
    check_name(label, "label")
    with act(calm, now=now, by=by) as doing:
        customer = find_open_account(account)
        check_free_label(customer, label)
        guid = Guid(id=doing.new_id(), account=customer, label=label, created_at=now)
        guid.save(force_insert=True)
        doing.record("guid.added", guid.id, account=customer.id, label=label)
        return shown(guid, None)


def list_guids(
    *, account: str | None = None, archived: bool = False, start: int = 0, stop: int | None = None
) -> list[GuidShown]:
    """By account and label; `start` and `stop` cut a page out. `archived`: those that are, instead of the others."""
    rows = Guid.objects.filter(archived_at__isnull=not archived).order_by("account__name", "label")
    found = list((rows.filter(account=find_account(account)) if account else rows)[start:stop])
    bound = dict(ControlRoom.objects.filter(guid__in=found).values_list("guid_id", "id"))
    return [shown(guid, bound.get(guid.id)) for guid in found]


def shown(guid: Guid, room: str | None) -> GuidShown:
    return GuidShown(guid.id, guid.label, guid.account_id, room, guid.created_at, guid.archived_at)


def show_guid(name: str, *, now: datetime) -> GuidBooks:
    guid = find_guid(name)
    purchases = list(Purchase.objects.filter(account=guid.account_id).order_by("product", "valid_until", "id"))
    books = read_books(purchases)
    balances = {purchase.id: books.balance(purchase.id, now) for purchase in purchases}
    room = ControlRoom.objects.filter(guid=guid).values_list("id", flat=True).first()

    def amounts(of: dict[str, int]) -> tuple[Amount, ...]:
        return tuple(Amount(p.id, p.product_id, of[p.id]) for p in purchases if of[p.id])

    return GuidBooks(
        guid.id,
        guid.label,
        guid.account_id,
        room,
        amounts({p: balance.held.get(guid.id, 0) for p, balance in balances.items()}),
        amounts({p: books.spent_by(guid.id, p, now) for p in balances}),
        amounts({p: balance.available for p, balance in balances.items()}),
    )
