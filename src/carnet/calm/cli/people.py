"""person add/list/role/link/…: what whoever has the machine does alone (A3)"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from carnet.calm.cli.session import (
    AnyAccount,
    Reason,
    Session,
    command,
    table,
)
from carnet.cli_support import new_app

if TYPE_CHECKING:
    from rich.console import Console


def add_to(app: typer.Typer) -> None:
    person = new_app("Who may sign in to the portal, and what each may do there (A1).")
    command(person, "add")(add_person)
    command(person, "list")(list_people)
    command(person, "role")(change_role)
    command(person, "link")(link)
    command(person, "remove-factors")(remove_factors)
    command(person, "unlock")(unlock)
    command(person, "vouch")(vouch)
    command(person, "deactivate")(deactivate)
    command(person, "activate")(activate)
    app.add_typer(person, name="person")


Email = Annotated[str, typer.Argument(metavar="EMAIL", show_default=False)]
Role = Annotated[
    str, typer.Option("--role", help="Vendor: operator, approver, auditor. Customer: administrator, viewer.")
]
Name = Annotated[str, typer.Option("--name", help="As colleagues know them; else the address.")]

Address = Annotated[
    str, typer.Option("--address", help="Where people reach the portal: what `serve` says. Without it only the path.")
]


def add_person(
    session: Session, email: Email, role: Role, name: Name = "", account: AnyAccount = None, address: Address = ""
) -> None:
    """Add somebody. They choose their password themselves, with the link that is printed."""
    calm = session.portal()
    from carnet.calm.people.staff import add_person as use_case

    answer = use_case(
        calm, email=email, name=name or email, role=role, account=account, on_machine=True, **session.who()
    )
    path = address.rstrip("/") + session.vendor.password_link(answer.email)
    session.answer(answer, lambda console, a: _added(console, a, path), link=path)


def _added(console: "Console", answer: Any, path: str) -> None:
    console.print(f"{answer.email} is added as {answer.role}{' of ' + answer.account_name if answer.account else ''}.")
    _link(console, path)


def _link(console: "Console", path: str) -> None:
    where = "of the portal" if path.startswith("/") else "in their browser"
    console.print(f"They choose a password at this address {where}, once, within 24 hours:")
    console.print(f"  {path}", soft_wrap=True)


def list_people(session: Session, account: AnyAccount = None) -> None:
    """Everybody, or those of one account."""
    session.portal()
    from carnet.calm.people.staff import list_people as use_case

    session.answer(use_case(account), _people)


def _people(console: "Console", answer: Any) -> None:
    rows = [(p.email, p.name, p.role, p.account_name, "yes" if p.active else "no", p.last_seen) for p in answer]
    table(console, "People", ("address", "name", "role", "account", "active", "signed in last"), rows)


def change_role(session: Session, email: Email, role: Role) -> None:
    """Give somebody another role on their own side."""
    calm = session.portal()
    from carnet.calm.people.staff import change_role as use_case

    answer = use_case(calm, email=email, role=role, on_machine=True, **session.who())
    session.answer(answer, lambda console, a: console.print(f"{a.email} is {a.role} from now on."))


def link(session: Session, email: Email, address: Address = "") -> None:
    """A new link with which somebody chooses a password. The old password holds until then."""
    calm = session.portal()
    from carnet.calm.people.staff import give_link

    answer = give_link(calm, email=email, on_machine=True, **session.who())
    path = address.rstrip("/") + session.vendor.password_link(answer.email)
    session.answer(answer, lambda console, _: _link(console, path), link=path)


def remove_factors(session: Session, email: Email, address: Address = "") -> None:
    """Somebody lost a second factor: all are removed, every session ends, and a new link is printed."""
    calm = session.portal()
    from carnet.calm.people.staff import remove_second_factors

    answer = remove_second_factors(calm, email=email, on_machine=True, **session.who())
    path = address.rstrip("/") + session.vendor.password_link(answer.email)
    told = session.vendor.tell_factors_removed(answer.email, session.by)
    session.answer(answer, lambda console, a: _factors_removed(console, a, path, told), link=path, told=told)


def _factors_removed(console: "Console", answer: Any, path: str, told: str) -> None:
    console.print(f"{answer.email} has no second factor and no password now, and is signed out everywhere.")
    console.print(told)
    _link(console, path)


def unlock(session: Session, email: Email) -> None:
    """Somebody was locked by wrong passwords or codes: they can try again at once (A5)."""
    calm = session.portal()
    from carnet.calm.people.staff import unlock as use_case

    answer = use_case(calm, email=email, **session.who())
    session.answer(answer, lambda console, a: console.print(f"{a.email} can try to sign in again at once."))


def vouch(session: Session, email: Email, reason: Reason) -> None:
    """Vouch for somebody of the staff: nothing sets them apart from their colleagues any more (A4)."""
    calm = session.portal()
    from carnet.calm.people.staff import vouch as use_case

    answer = use_case(calm, email=email, reason=reason, **session.who())
    session.answer(answer, lambda console, a: console.print(f"{a.email} is vouched for by this machine."))


def deactivate(session: Session, email: Email) -> None:
    """Let somebody go: signed out at once, and their API tokens end."""
    _set_active(session, email, active=False)


def activate(session: Session, email: Email) -> None:
    """Let somebody in again."""
    _set_active(session, email, active=True)


def _set_active(session: Session, email: str, *, active: bool) -> None:
    calm = session.portal()
    from carnet.calm.people.staff import set_active

    answer = set_active(calm, email=email, active=active, on_machine=True, **session.who())
    word = "can sign in" if active else "can no longer sign in"
    session.answer(answer, lambda console, a: console.print(f"{a.email} {word}."))
