"""How answers look on a terminal: short sentences, tables with numbers at the right, times in UTC and as time left."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from carnet.times import day_or_minute, end, ends, exact_span, second, stamp

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from carnet.control_room.queries.status import CycleView, LineView, ProductView, Status


def table(*columns: str, title: str | None = None) -> "Table":
    """Columns whose name begins with `>` hold numbers and stand at the right."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        right, whole = column.startswith(">"), column in ("Sku", "Ends", "Unit", "Lease")
        made.add_column(column.lstrip(">"), justify="right" if right else "left", no_wrap=right or whole)
    return made


def number(value: int) -> str:
    return f"{value:,}"


def counted(count: int, what: str) -> str:
    """`1 record`, `2 records`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def fields(body: dict[str, Any], limit: int = 90) -> str:
    """A record's fields as `name=value`, at most `limit` characters of them."""
    text = " ".join(f"{name}={_plain(value)}" for name, value in body.items())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return f"({' '.join(f'{name}={_plain(each)}' for name, each in value.items())})"
    if isinstance(value, list):
        return f"[{', '.join(_plain(each) for each in value)}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return f"“{value}”" if not value or any(sign in value for sign in " =,()[]") else value
    return "–" if value is None else str(value)


def left(moment: datetime, now: datetime) -> str:
    return f"in {exact_span(moment - now)}" if moment > now else f"{exact_span(now - moment)} ago"


def deadline(console: "Console", what: str, moment: datetime, now: datetime) -> None:
    console.print(f"{what} {left(moment, now)}: before {stamp(moment)}")


def status(console: "Console", view: "Status") -> None:
    now = view.clock.trusted
    state = view.state if view.state == view.state_by_time else f"{view.state} (by time: {view.state_by_time})"
    console.print(f"{view.name} · {state} · Offline · version {view.version} · {view.control_room}")
    if view.state == "moved":
        console.print("! It moved to another machine. This copy of it can only be looked at.", style="bold yellow")
        console.print("  Its file was not written, or is lost? control-room move --out FILE writes it again.")
    elif view.banner:
        console.print(f"! {view.banner}", style="bold yellow")
    if view.installed:
        olf = view.installed
        console.print(f"License file #{olf.sequence} for {olf.account}, License GUID {olf.license_guid}")
        console.print(f"The license {ends(olf.valid_until, now)}.")
    else:
        console.print("No license file is installed.")
    cycle_lines(console, view.cycle, now)
    if view.products:
        product_lines(console, view.products)
        for each in view.products:
            if each.over:
                console.print(f"! {each.over}", style="yellow")
    console.print(f"Ledger: {counted(view.checkpoint.size, 'record')}, root {view.checkpoint.root[:16]}…")
    if view.storage:
        console.print(f"! Nothing can be written now: {view.storage}", style="bold red")
    console.print(f"Clock of this machine: {second(view.clock.system)}. One-time passwords go by it.")
    if view.clock.behind_seconds:
        console.print(f"! The system clock is {view.clock.behind_seconds} s behind trusted time, {stamp(now)}.")


def cycle_lines(console: "Console", cycle: "CycleView | None", now: datetime) -> None:
    if cycle and cycle.missed:
        console.print("The open cycle was missed. Generate a new LFR.", style="bold red")
    elif cycle:
        deadline(console, "A request is open. Its answer must be installed", cycle.install_by, now)


def product_lines(console: "Console", views: "list[ProductView]") -> None:
    """The products, and under them what becomes of what is granted before the license's own end (S)."""
    console.print(products(views))
    for each in views:
        if each.coming:
            console.print(f"{each.name}: {each.coming}")


def products(views: "list[ProductView]") -> "Table":
    reserving = any(view.reserved for view in views)
    reserved = [">Reserved"] if reserving else []
    made = table("Product", "Sku", ">Licensed", ">Used", *reserved, ">Left", "Unit", "State", "Ends")
    for view in views:
        countable = view.metric.kind.has_quantity
        made.add_row(
            view.name,
            view.sku,
            view.licensed,
            number(view.used) if countable else "",
            *([number(view.reserved) if view.reserved else ""] if reserving else []),
            number(view.remaining) if countable else "",
            view.unit,
            view.state.value,
            end(view.valid_until),
        )
    return made


def lines(views: "list[LineView]", now: datetime) -> "Table":
    made = table("Product", ">Quantity", "From", "Until", ">Consumed", "")
    for view in views:
        later = f"starts {left(view.valid_from, now)}" if view.valid_from > now else ""
        made.add_row(
            view.sku,
            number(view.quantity),
            day_or_minute(view.valid_from),
            end(view.valid_until),
            number(view.consumed),
            later,
        )
    return made


def fingerprint(digest: str) -> str:
    """A SHA-256 to compare by eye: 4 numbered lines of 4 groups of 4."""
    groups = [digest[at : at + 4] for at in range(0, 64, 4)]
    return "\n".join(f"  {row + 1}  {' '.join(groups[row * 4 : row * 4 + 4])}" for row in range(4))
