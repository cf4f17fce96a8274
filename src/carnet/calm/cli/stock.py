"""purchase add/list/lower/import/take-back-import · guid add/list/show/rename/archive/bring-back"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carnet import times
from carnet.calm.cli.session import (
    Account,
    AnyAccount,
    Reason,
    Session,
    command,
    table,
)
from carnet.cli_support import new_app, parse_end, parse_time
from carnet.errors import UsageError
from carnet.exchange.verdicts import Refusal
from carnet.files import read_file
from carnet.web_kit.words import counted

if TYPE_CHECKING:
    from rich.console import Console


def add_to(app: typer.Typer) -> None:
    purchase = new_app("What accounts bought.")
    command(purchase, "add")(add_purchase)
    command(purchase, "list")(list_purchases)
    command(purchase, "lower")(lower_purchase)
    command(purchase, "import")(import_order)
    command(purchase, "take-back-import")(take_back_import)
    guid = new_app("License GUIDs of accounts, each for one Control Room.")
    command(guid, "add")(add_guid)
    command(guid, "list")(list_guids)
    command(guid, "show")(show_guid)
    command(guid, "rename")(rename_guid)
    command(guid, "archive")(archive_guid)
    command(guid, "bring-back")(bring_guid_back)
    app.add_typer(purchase, name="purchase")
    app.add_typer(guid, name="guid")


Sku = Annotated[str, typer.Option("--product", metavar="SKU", help="As in: calm catalogue show.")]
Quantity = Annotated[int, typer.Option("--quantity", min=1, max=2**53 - 1)]
From = Annotated[str, typer.Option("--from", metavar="DATE", help="2026-11-24, or 2026-11-24T08:00:00Z.")]
Until = Annotated[
    str, typer.Option("--until", metavar="DATE", help="It ends at the start of this day (UTC). Or perpetual.")
]
Kind = Annotated[str, typer.Option("--kind", help="purchased or trial.")]
PerPeriod = Annotated[str | None, typer.Option("--period", help="month or year: the quantity is for each.")]
Overage = Annotated[int, typer.Option("--overage-percent", min=0, max=100, help="Use above it that is allowed, owed.")]
Grace = Annotated[int, typer.Option("--grace-days", min=0, max=90, help="Days after the end in which it still counts.")]


def add_purchase(
    session: Session,
    account: Account,
    product: Sku,
    quantity: Quantity,
    start: From,
    until: Until,
    kind: Kind = "purchased",
    period: PerPeriod = None,
    overage_percent: Overage = 0,
    grace_days: Grace = 0,
) -> None:
    """Add a purchase."""
    from carnet.entitlements import PeriodUnit, Policy, PurchaseKind

    if kind not in list(PurchaseKind) or (period and period not in list(PeriodUnit)):
        raise UsageError("A purchase is purchased or trial; a period is month or year.")
    calm = session.calm()
    from carnet.calm.use_cases.purchases import add_purchase as use_case

    answer = use_case(
        calm,
        account=account,
        sku=product,
        quantity=quantity,
        valid_from=parse_time(start),
        valid_until=parse_end(until),
        kind=PurchaseKind(kind),
        period=PeriodUnit(period) if period else None,
        policy=Policy(overage_percent=overage_percent, grace_days=grace_days),
        **session.who(),
    )
    session.answer(answer, _added)


def _added(console: "Console", answer: Any) -> None:
    end = times.until(answer.valid_until)
    console.print(f"Purchase {answer.purchase}: {answer.quantity} {answer.name}, {end}", soft_wrap=True)


def list_purchases(session: Session, account: AnyAccount = None) -> None:
    """What was bought, and what of it is held, spent and available."""
    session.calm()
    from carnet.calm.use_cases.purchases import list_purchases as use_case

    session.answer(use_case(now=session.now(), account=account), _purchases)


def _purchases(console: "Console", answer: Any) -> None:
    rows = [
        (p.name, _of(p), p.held, p.spent, p.available, p.valid_from, times.end(p.valid_until), p.purchase)
        for p in answer
    ]
    columns = ("product", "bought", "held", "spent", "available", "from", "until", "purchase")
    table(console, "Purchases", columns, rows)
    for p in answer:
        if p.excess:
            console.print(
                f"{p.name} is in excess by {p.excess} (purchase {p.purchase}): more is usable than was "
                "bought, after a write-off or an accepted history. Only files that raise nothing on it can be issued."
            )


def _of(purchase: Any) -> str:
    per = f" a {purchase.period.unit}" if purchase.period else ""
    return f"{purchase.quantity}{per}"


OrderFile = Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="CSV in UTF-8.")]
OnlyCheck = Annotated[bool, typer.Option("--check", help="Say what it would do. Nothing is stored.")]
GoodRows = Annotated[bool, typer.Option("--good-rows-only", help="Store the good rows, and leave the others out.")]


def import_order(
    session: Session, file: OrderFile, account: AnyAccount = None, check: OnlyCheck = False, good_rows: GoodRows = False
) -> None:
    """Store the purchases of an order file (H8). Without --account each row names its own."""
    calm = session.calm()
    from carnet.calm.use_cases import order_imports, orders

    raw = read_file(file, orders.MAX_ORDER)

    if check:
        session.answer(_plain_check(order_imports.check_order(raw, account)), _checked)
        return
    answer = order_imports.add_order(calm, account=account, raw=raw, good_rows_only=good_rows, **session.who())
    session.answer(answer, _imported)


def _plain_check(checked: Any) -> Any:
    """As the JSON has it: rows by their line."""
    if isinstance(checked, Refusal):
        return checked
    rows = {"new": checked.new, "standing": checked.standing}
    return {name: [_plain_row(one) for one in found] for name, found in rows.items()} | {"errors": checked.errors}


def _plain_row(placed: Any) -> dict[str, Any]:
    row = placed.row
    fields = {"line": row.line, "account": placed.account.name, "sku": row.wanted.product.sku}
    return fields | {"quantity": row.wanted.quantity, "order": row.order, "order_line": row.number}


def _checked(console: "Console", answer: Any) -> None:
    new, stand = len(answer["new"]), len(answer["standing"])
    bad = len({error.line for error in answer["errors"]})
    console.print(f"{counted(new, 'row')} new, {stand:,} stand already, {bad:,} refused. Nothing was stored.")
    _row_errors(console, answer["errors"])


def _imported(console: "Console", answer: Any) -> None:
    stand, bad = len(answer.standing), len({error.line for error in answer.left_out})
    console.print(f"{counted(len(answer.purchases), 'purchase')} added, {stand:,} stood already, {bad:,} left out.")
    _row_errors(console, answer.left_out)
    if answer.imported:
        console.print(
            f"For a day it can be taken back: calm purchase take-back-import {answer.imported}", soft_wrap=True
        )


def _row_errors(console: "Console", errors: Any) -> None:
    for one in errors:
        fits = f" Did you mean {one.fits}?" if one.fits else ""
        console.print(f"  line {one.line}, {one.column or 'the row'}: {one.sentence}{fits}", soft_wrap=True)


ImportId = Annotated[str, typer.Argument(metavar="IMPORT", show_default=False)]


def take_back_import(session: Session, imported: ImportId) -> None:
    """Take an import back as a whole, within a day, if nothing was issued from it (H8)."""
    calm = session.calm()
    from carnet.calm.use_cases.order_imports import take_back_import as use_case

    session.answer(
        use_case(calm, imported=imported, **session.who()),
        lambda console, answer: console.print(f"Taken back: {counted(len(answer.purchases), 'purchase')} removed."),
    )


PurchaseId = Annotated[str, typer.Argument(metavar="PURCHASE", show_default=False)]
NewQuantity = Annotated[int | None, typer.Option("--quantity", min=0, help="The new quantity; 0 refunds it.")]
NewEnd = Annotated[str | None, typer.Option("--until", metavar="DATE", help="First day too late.")]


def lower_purchase(
    session: Session, purchase: PurchaseId, reason: Reason, quantity: NewQuantity = None, until: NewEnd = None
) -> None:
    """Lower a purchase or end it early, as far as nothing held or spent is touched (H6)."""
    end = parse_end(until) if until else None
    calm = session.calm()
    from carnet.calm.use_cases.purchases import lower_purchase as use_case

    answer = use_case(calm, purchase=purchase, quantity=quantity, valid_until=end, reason=reason, **session.who())
    session.answer(answer, _lowered)


def _lowered(console: "Console", answer: Any) -> None:
    console.print(f"{answer.name}: now {answer.quantity}, {times.until(answer.valid_until)}.")


def add_guid(session: Session, account: Account, label: Annotated[str, typer.Option("--label")]) -> None:
    """Add a License GUID to an account."""
    calm = session.calm()
    from carnet.calm.use_cases.guids import add_guid as use_case

    answer = use_case(calm, account=account, label=label, **session.who())
    session.answer(answer, lambda console, a: console.print(f"License GUID {a.label}: {a.guid}"))


Archived = Annotated[bool, typer.Option("--archived", help="Those that are archived, instead of the others.")]


def list_guids(session: Session, account: AnyAccount = None, archived: Archived = False) -> None:
    """All License GUIDs that are not archived, and the Control Room that each is bound to."""
    session.calm()
    from carnet.calm.use_cases.guids import list_guids as use_case

    session.answer(use_case(account=account, archived=archived), _guids)


def _guids(console: "Console", answer: Any) -> None:
    rows = [(g.label, g.guid, g.control_room or "free") for g in answer]
    table(console, "License GUIDs", ("label", "GUID", "Control Room"), rows)


GuidName = Annotated[str, typer.Argument(metavar="GUID", help="Its id or label.", show_default=False)]
NewLabel = Annotated[str, typer.Argument(metavar="LABEL", help="The new label.", show_default=False)]


def rename_guid(session: Session, guid: GuidName, label: NewLabel) -> None:
    """Give a License GUID another label."""
    calm = session.calm()
    from carnet.calm.use_cases.account_acts import rename_guid as use_case

    answer = use_case(calm, guid=guid, label=label, **session.who())
    session.answer(answer, lambda console, a: console.print(f"The License GUID is labelled {a.label} now: {a.guid}"))


def archive_guid(session: Session, guid: GuidName) -> None:
    """Hide a License GUID from the lists. Only where nothing is held at it."""
    calm = session.calm()
    from carnet.calm.use_cases.account_acts import archive_guid as use_case

    session.answer(use_case(calm, guid=guid, **session.who()), _archived)


def _archived(console: "Console", answer: Any) -> None:
    console.print(f"Archived: {answer.label}. It can be seen with: calm guid list --archived")


def bring_guid_back(session: Session, guid: GuidName) -> None:
    """Bring an archived License GUID back."""
    calm = session.calm()
    from carnet.calm.use_cases.account_acts import bring_guid_back as use_case

    answer = use_case(calm, guid=guid, **session.who())
    session.answer(answer, lambda console, a: console.print(f"Brought back: {a.label}"))


def show_guid(session: Session, guid: GuidName) -> None:
    """One License GUID: what it holds, what is spent there, what is available to it."""
    session.calm()
    from carnet.calm.use_cases.guids import show_guid as use_case

    session.answer(use_case(guid, now=session.now()), _guid)


def _guid(console: "Console", answer: Any) -> None:
    bound = f"bound to Control Room {answer.control_room}" if answer.control_room else "free"
    console.print(f"License GUID {answer.label} ({answer.guid}), {bound}")
    held, spent, left = ({a.purchase: a for a in part} for part in (answer.held, answer.spent, answer.available))
    names = {a.purchase: a.sku for part in (held, spent, left) for a in part.values()}
    rows = [
        (sku, *(part[p].quantity if p in part else 0 for part in (held, spent, left)), p) for p, sku in names.items()
    ]
    table(console, "By purchase", ("product", "held here", "spent here", "available", "purchase"), rows)
