"""Merging two accounts into one, by two people (A3): purchases, License GUIDs, sites, people, tokens and approvals go
to the other account, with their history."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from carnet.calm.control_rooms.models import ControlRoom, RefusedFile
from carnet.calm.customers.models import Account, Approval
from carnet.calm.customers.windows import windows_of
from carnet.calm.people.models import AccountIssuer, Person
from carnet.calm.purchases.models import Guid, Purchase
from carnet.calm.use_cases import two_people
from carnet.calm.use_cases.accounts import find_open_account, is_approved
from carnet.calm.use_cases.context import Act, Calm, act
from carnet.calm.use_cases.models import Proposal, Token
from carnet.errors import UsageError
from carnet.exchange.verdicts import Refusal

MERGE_ACCOUNTS = "merge_accounts"
_MOVED = (Purchase, Guid, ControlRoom, Person, Token, Approval)


def propose_merge(calm: Calm, *, account: str, into: str, reason: str, now: datetime, by: str) -> two_people.Proposed:
    """`account` ends, and all that it has goes to `into`. A second person confirms it.

    Raises UsageError where they are one, one is archived, or a label stands in both.
    """
    with act(calm, now=now, by=by) as doing:
        was, to = find_open_account(account), find_open_account(into)
        _check(was, to)
        would = tuple(consequences(was, to))
        return two_people.propose(doing, MERGE_ACCOUNTS, was.id, {"into": to.id}, reason, would)


def _check(was: Account, to: Account) -> None:
    if was.id == to.id:
        raise UsageError("An account cannot be merged into itself.")
    both = Guid.objects.filter(account=was, folded__in=Guid.objects.filter(account=to).values("folded"))
    labels = list(both.order_by("label").values_list("label", flat=True)[:5])
    if labels:
        words = ", ".join(f"“{label}”" for label in labels)
        raise UsageError(
            f"Both accounts have License GUIDs labelled {words}.", "Rename them first.", run="calm guid rename"
        )


def consequences(was: Account, to: Account) -> Iterator[str]:
    """What moves, in words."""
    counts = (
        (Purchase.objects.filter(account=was).count(), "purchase"),
        (Guid.objects.filter(account=was).count(), "License GUID"),
        (ControlRoom.objects.filter(account=was).count(), "Control Room"),
        (Token.objects.filter(account=was).count(), "token"),
        (Approval.objects.filter(account=was).count(), "request for approval"),
    )
    what = ", ".join(f"{count:,} {_many(name, count)}" for count, name in counts if count)
    yield f"{what or 'nothing'} of {was.name} goes to {to.name}, with its history"
    people, others = Person.objects.filter(account=was).count(), Person.objects.filter(account=to).count()
    if people or others:
        yield f"people who see all that both have: {people:,} of {was.name}, {others:,} of {to.name}"
    if is_approved(was.id) != is_approved(to.id):
        one, other = (was, to) if is_approved(was.id) else (to, was)
        yield f"the approval of {one.name} is in force for the sites of {other.name}, too (E1)"
    if windows_of(was) != windows_of(to):
        yield f"the windows of {to.name} hold for all (E18)"
    if AccountIssuer.objects.filter(account=was).exists():
        yield f"the issuer of {was.name} (single sign-on) is removed: its people sign in by their passwords (A5)"
    yield f"{was.name} is archived for good; its name stays taken"


def _many(name: str, count: int) -> str:
    first, _, rest = name.partition(" for ")
    return name if count == 1 else f"{first}s{' for ' + rest if rest else ''}"


@two_people.carries_out(MERGE_ACCOUNTS, "asks to merge it into another account")
def _merge(doing: Act, row: Proposal, payload: dict[str, Any]) -> two_people.Confirmed | Refusal:
    was, to = find_open_account(row.subject), find_open_account(payload["into"])
    _check(was, to)
    did = tuple(consequences(was, to))
    _keep_order_lines_apart(was, to)
    for model in _MOVED:
        model.objects.filter(account=was).update(account=to)
    AccountIssuer.objects.filter(account=was).delete()
    RefusedFile.objects.filter(account=was.id).update(account=to.id)
    for other in Proposal.objects.filter(subject=was.id, state=Proposal.State.OPEN).exclude(id=row.id):
        two_people.withdraw_open(doing, other)
    was.archived_at, was.merged_into = doing.now, to
    was.save(force_update=True)
    return two_people.done(doing, row, did)


def _keep_order_lines_apart(was: Account, to: Account) -> None:
    """H8: a line of an order stands once in an account; where both have it, one says whose it was."""
    orders = Purchase.objects.filter(account=to).exclude(order=None).values("order")
    for row in Purchase.objects.filter(account=was, order__in=orders):
        row.order = f"{row.order} ({was.id})"[-64:]
        row.save(force_update=True, update_fields=["order"])
