"""person add/change/remove/list/link/remove-factors/unlock/vouch: what whoever has the machine does alone (A3)"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from carnet.cli_support import new_app, refuse
from carnet.control_room.cli.serve import PAGES_HERE
from carnet.control_room.cli.session import Session, command
from carnet.exchange.verdicts import Refusal
from carnet.times import day_or_minute

if TYPE_CHECKING:
    from rich.console import Console

    from carnet.control_room.rules.decision import Command
    from carnet.control_room.rules.granting.people import PeopleAnswer, PersonAnswer


def add_to(app: typer.Typer) -> None:
    person = new_app("People who sign in at the pages, and what they may do (A1).")
    command(person, "add")(add)
    command(person, "change")(change)
    command(person, "remove")(remove)
    command(person, "list")(list_people)
    command(person, "link")(link)
    command(person, "remove-factors")(remove_factors)
    command(person, "unlock")(unlock)
    command(person, "vouch")(vouch)
    app.add_typer(person, name="person")


Name = Annotated[str, typer.Argument(metavar="NAME", help="As they sign in: a–z, 0–9 and . _ @ -")]
Role = Annotated[
    str,
    typer.Option("--role", help="administrator, license_manager, seat_manager, auditor or viewer.", show_default=False),
]
Address = Annotated[
    str, typer.Option("--address", help="Where people reach the pages: what `serve` says when they answer.")
]


def add(session: Session, name: Name, role: Role) -> None:
    """Somebody who may sign in. They choose a password by a link: person link NAME."""
    from carnet.control_room.rules.granting.people import AddPerson

    _do(session, AddPerson(name, role, on_machine=True), _added)


def _do(session: Session, act: "Command[PersonAnswer]", say: "Callable[[Console, PersonAnswer], None]") -> None:
    """In the ledger, and then at the pages: what opened the name before may have to go (A3)."""
    with session.site.client(writing=True) as client:
        answer = client.execute(act, session.actor)
        if not isinstance(answer, Refusal) and answer.anew:
            session.site.forget(answer.name)
    session.answer(answer, say)


def _added(console: "Console", answer: "PersonAnswer") -> None:
    console.print(f"{answer.name} may sign in, as {answer.role}.")
    console.print(f"Next: give them a link to choose a password (control-room person link {answer.name}).")


def change(session: Session, name: Name, role: Role) -> None:
    """Another role; it counts from their next click on."""
    from carnet.control_room.rules.granting.people import ChangePerson

    _do(session, ChangePerson(name, role, on_machine=True), _changed)


def _changed(console: "Console", answer: "PersonAnswer") -> None:
    console.print(f"{answer.name}: {answer.role}.")
    if answer.anew:
        console.print(f"Next: they choose another password (control-room person link {answer.name}).")


def remove(session: Session, name: Name) -> None:
    """They may sign in no more; where they are signed in, their next click ends it."""
    from carnet.control_room.rules.granting.people import ChangePerson

    _do(
        session,
        ChangePerson(name, None),
        lambda console, answer: console.print(f"{answer.name} may sign in no more."),
    )


def list_people(session: Session) -> None:
    """Who may sign in, and as what."""
    from carnet.control_room.rules.granting.people import ListPeople

    session.ask(ListPeople(), _people)


def _people(console: "Console", answer: "PeopleAnswer") -> None:
    from carnet.control_room.cli import show

    made = show.table("Name", "Role", "Added", "May")
    for person in answer.people:
        made.add_row(
            person.name, person.role or "deactivated", day_or_minute(person.added_at), ", ".join(person.permissions)
        )
    console.print(made)


def link(
    session: Session,
    name: Name,
    address: Address = PAGES_HERE,
) -> None:
    """A link with which somebody chooses a password: good once, for a day. Give it to this person only."""
    session.answer(_link(session, name, address), lambda console, a: console.print(a["link"], soft_wrap=True))


def _link(session: Session, name: str, address: str) -> dict[str, str]:
    path = session.site.password_link(name, session.actor)
    if isinstance(path, Refusal):
        refuse(path, as_json=session.as_json)
    return {"name": name, "link": address.rstrip("/") + path}


def remove_factors(session: Session, name: Name, address: Address = PAGES_HERE) -> None:
    """Somebody lost a second factor: all are removed, every session ends, and a new link is printed."""
    from carnet.control_room.rules.granting.two_people import RemoveFactors

    with session.site.client(writing=True) as client:
        removed = client.execute(RemoveFactors(name, on_machine=True), session.actor)
        if isinstance(removed, Refusal):
            refuse(removed, as_json=session.as_json)
    session.site.forget(name)
    said = _link(session, name, address) | {"role": str(removed.role)}
    told = said["told"] = session.site.tell_factors_removed(name, session.actor)
    session.answer(said, lambda console, a: _factors_removed(console, name, a["link"], told))


def _factors_removed(console: "Console", name: str, link: str, told: str) -> None:
    console.print(f"{name} has no second factor and no password now, and is signed out everywhere.")
    console.print(told)
    console.print("They choose a password at this address, once, within 24 hours:")
    console.print(link, soft_wrap=True)


def unlock(session: Session, name: Name) -> None:
    """Somebody was locked by wrong passwords or codes: they can try again at once (A5)."""
    from carnet.control_room.rules.granting.people import Access, FindPerson, NoteAccess

    with session.site.client(writing=True) as client:
        found = client.ask(FindPerson(name))
        if isinstance(found, Refusal):
            refuse(found, as_json=session.as_json)
        client.execute(NoteAccess(Access.UNLOCKED, name), session.actor)
        session.site.unlock(name)
    session.answer(found, lambda console, a: console.print(f"{a.name} can try to sign in again at once."))


def vouch(session: Session, name: Name) -> None:
    """Vouch for somebody: nothing sets them apart from the other administrators any more (A4)."""
    from carnet.control_room.rules.granting.two_people import VouchForPerson

    session.execute(
        VouchForPerson(name), lambda console, answer: console.print(f"{answer.name} is vouched for by this machine.")
    )
