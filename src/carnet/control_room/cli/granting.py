"""user · seat · units · feature · usage"""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from carnet import times
from carnet.cli_support import check_name, new_app
from carnet.control_room.cli import assignments
from carnet.control_room.cli.session import Session, Sku, command
from carnet.control_room.rules.granting.preconditions import DEFAULT_TTL, MAX_TTL, MIN_TTL
from carnet.exchange.verdicts import Refusal
from carnet.times import day_or_minute

if TYPE_CHECKING:
    from rich.console import Console

    from carnet.control_room.local_api.client import EngineClient
    from carnet.control_room.queries.history import UsageHistoryAnswer
    from carnet.control_room.queries.usage import Usage as UsageAnswer
    from carnet.control_room.rules.granting.reservations import ReservationAnswer
    from carnet.control_room.rules.granting.seats import SeatAnswer
    from carnet.control_room.rules.granting.units import UnitsAnswer
    from carnet.control_room.rules.granting.users import UserAnswer
    from carnet.control_room.rules.holding import HolderView


def add_to(app: typer.Typer) -> None:
    user = new_app("Named users.")
    command(user, "assign")(assign)
    command(user, "unassign")(unassign)
    command(user, "check")(check_user)
    assignments.add_to(user)
    seat = new_app("Concurrent seats.")
    command(seat, "acquire")(acquire)
    command(seat, "renew")(renew)
    command(seat, "release")(release)
    units = new_app("Units: pages, runs, credits.")
    command(units, "consume")(consume)
    command(units, "reserve")(reserve)
    command(units, "settle")(settle)
    command(units, "cancel")(cancel)
    feature = new_app("Features.")
    command(feature, "check")(check_feature)
    usage = new_app("What is used.")
    command(usage, "show")(show_usage)
    command(usage, "history")(show_history)
    for group, name in ((user, "user"), (seat, "seat"), (units, "units"), (feature, "feature"), (usage, "usage")):
        app.add_typer(group, name=name)


User = Annotated[str, typer.Argument(metavar="USER", help="The user's name.", show_default=False)]
Key = Annotated[str | None, typer.Option("--key", help="Idempotency key: the same request with it is done once (G5).")]
Reservation = Annotated[
    str, typer.Argument(metavar="RESERVATION", help="The reservation's id, as reserve answered it.")
]
TimeToLive = Annotated[int, typer.Option("--ttl", min=MIN_TTL, max=MAX_TTL, help="Time to live in seconds.")]
Lease = Annotated[str, typer.Argument(metavar="LEASE", help="The lease's id, as acquire answered it.")]
EvenSo = Annotated[bool, typer.Option("--even-so", help="This is another person than the likely twin (G2).")]


def assign(session: Session, product: Sku, user: User, even_so: EvenSo = False, key: Key = None) -> None:
    """Assign a named-user license. Twice is the same as once."""
    from carnet.control_room.rules.granting.users import AssignUser

    session.execute(AssignUser(product, check_name(user, "user's name"), even_so), _user, key)


def unassign(session: Session, product: Sku, user: User, key: Key = None) -> None:
    """Take a named-user license back; it is free at once."""
    from carnet.control_room.rules.granting.users import UnassignUser

    session.execute(UnassignUser(product, check_name(user, "user's name")), _freed, key)


def check_user(session: Session, product: Sku, user: User) -> None:
    """Whether the user is assigned and covered now (Q4)."""
    from carnet.control_room.rules.granting.users import CheckUser

    session.ask(CheckUser(product, check_name(user, "user's name")), _user)


def _user(console: "Console", answer: "UserAnswer") -> None:
    what = "holds" if answer.assigned else "does not hold"
    console.print(f"{answer.user} {what} {answer.sku}: {answer.in_use} of {answer.granted} in use.")


def _freed(console: "Console", answer: "UserAnswer") -> None:
    console.print(f"{answer.user} no longer holds {answer.sku}: {answer.in_use} of {answer.granted} in use.")


def acquire(
    session: Session,
    product: Sku,
    holder: Annotated[str, typer.Option("--holder", help="Who takes the seat: a bot, a session.")],
    ttl: TimeToLive = DEFAULT_TTL,
    resume: Annotated[bool, typer.Option("--resume", help="Take back the holder's own lease, where one runs.")] = False,
    key: Key = None,
) -> None:
    """Lease a seat; renew it before it expires."""
    from carnet.control_room.rules.granting.seats import AcquireSeat

    session.execute(AcquireSeat(product, check_name(holder, "holder's name"), ttl, resume), _seat, key)


def renew(session: Session, lease: Lease, key: Key = None) -> None:
    """Give a lease another time to live."""
    from carnet.control_room.rules.granting.seats import RenewSeat

    session.execute(RenewSeat(lease), _seat, key)


def release(session: Session, lease: Lease, key: Key = None) -> None:
    """Give a seat back."""
    from carnet.control_room.rules.granting.seats import ReleaseSeat

    session.execute(ReleaseSeat(lease), _seat, key)


def _seat(console: "Console", answer: "SeatAnswer") -> None:
    until = times.until(answer.expires_at) if answer.expires_at else "given back"
    console.print(f"{answer.sku} · {answer.holder} · lease {answer.lease_id} · {until}")
    console.print(f"{answer.in_use} of {answer.granted} in use.")


def consume(
    session: Session,
    product: Sku,
    units: Annotated[int, typer.Argument(metavar="UNITS", min=1, max=2**53 - 1, help="How many.")],
    key: Key = None,
) -> None:
    """Consume units, all or nothing (Q2)."""
    from carnet.control_room.rules.granting.units import ConsumeUnits

    session.execute(ConsumeUnits(product, units), _units, key)


def reserve(
    session: Session,
    product: Sku,
    units: Annotated[int, typer.Argument(metavar="UNITS", min=1, max=2**53 - 1, help="How many at most.")],
    ttl: TimeToLive = DEFAULT_TTL,
    key: Key = None,
) -> None:
    """Set units aside for work whose size is known at its end; then settle, or cancel."""
    from carnet.control_room.rules.granting.reservations import ReserveUnits

    session.execute(ReserveUnits(product, units, ttl), _reserved, key)


def settle(
    session: Session,
    reservation: Reservation,
    units: Annotated[int, typer.Argument(metavar="UNITS", min=0, max=2**53 - 1, help="How many were used.")],
    key: Key = None,
) -> None:
    """Consume so many of the reserved units; the rest is free again."""
    from carnet.control_room.rules.granting.reservations import SettleUnits

    session.execute(SettleUnits(reservation, units), _units, key)


def cancel(session: Session, reservation: Reservation, key: Key = None) -> None:
    """Free what was reserved; nothing is consumed."""
    from carnet.control_room.rules.granting.reservations import CancelUnits

    session.execute(CancelUnits(reservation), _reserved, key)


def _reserved(console: "Console", answer: "ReservationAnswer") -> None:
    from carnet.control_room.cli.show import counted

    until = times.until(answer.expires_at) if answer.expires_at else "given back"
    console.print(f"{answer.sku} · {counted(answer.units, 'unit')} · reservation {answer.reservation_id} · {until}")
    console.print(f"{answer.remaining:,} left.")


def _units(console: "Console", answer: "UnitsAnswer") -> None:
    owed = f" {answer.owed:,} of them above what is licensed, within the permitted overage." if answer.owed else ""
    console.print(f"{answer.units:,} {answer.sku} consumed; {answer.remaining:,} left.{owed}")


def check_feature(
    session: Session,
    product: Sku,
    user: Annotated[str | None, typer.Option("--user", help="For a named-user product: is this user covered?")] = None,
) -> None:
    """Whether a feature is granted now."""
    from carnet.control_room.rules.granting.features import CheckFeature

    if user is not None:
        check_user(session, product, user)
        return
    session.ask(
        CheckFeature(product),
        lambda console, answer: console.print(f"{answer.name} is granted, {times.until(answer.valid_until)}."),
    )


def show_usage(session: Session) -> None:
    """Who holds what, and what was consumed."""
    with session.site.client() as client:
        found = _all_holders(client)
    session.answer(found, _usage)


def _all_holders(client: "EngineClient") -> "UsageAnswer | Refusal":
    """Page by page: a server answers no more at a time than lets it go on with its work."""
    from carnet.control_room.queries.questions import Usage

    holders: list[HolderView] = []
    after = ""
    while True:
        page = client.ask(Usage(after))
        if isinstance(page, Refusal):
            return page
        holders += page.holders
        if not page.next:
            return replace(page, holders=holders)
        after = page.next


def _usage(console: "Console", view: "UsageAnswer") -> None:
    from carnet.control_room.cli import show

    show.product_lines(console, view.products)
    holders = show.table("Product", "Holder", "Lease", "Since / until", "Covered")
    for held in view.holders:
        since = f"since {day_or_minute(held.since)}" if held.since else ""
        when = times.until(held.expires_at) if held.expires_at else since
        holders.add_row(held.sku, held.holder, held.lease_id or "", when, "yes" if held.covered else "no")
    console.print(holders)
    for refused in view.refusals:
        console.print(f"Refused {refused.count} × {refused.code}")


def show_history(
    session: Session,
    product: Sku,
    days: Annotated[int, typer.Option("--days", min=1, max=400, help="How many days, today included.")] = 30,
) -> None:
    """What was used of a product, day by day."""
    from carnet.control_room.queries.history import UsageHistory

    session.ask(UsageHistory(product, days), _history)


def _history(console: "Console", answer: "UsageHistoryAnswer") -> None:
    from carnet.control_room.cli import show

    made = show.table("Day (UTC)", ">Peak in use", ">Granted", ">Refused", ">Consumed")
    for day in answer.days:
        made.add_row(
            day_or_minute(day.start),
            *(show.number(n) for n in (day.peak_in_use, day.granted, day.refused, day.consumed)),
        )
    console.print(made)
