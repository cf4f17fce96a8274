"""A1: who may do what at the pages. Roles are in the ledger; passwords and second factors are the pages' own.

Deny by default: a person whom the ledger does not know may do nothing, even if their password is right. An act on
somebody whose role may install licenses or audit takes two administrators (A3, `two_people`), or the machine.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from carnet.control_room.ledger.events import AccessNoted, Event, PersonAdded, PersonChanged, PersonMachineActed
from carnet.control_room.ledger.record import API_KEY, PAGES, SYSTEM
from carnet.control_room.rules.decision import Command, Decision, Moment, Question, View
from carnet.control_room.rules.granting.preconditions import malformed
from carnet.control_room.state.state import FACTORS_REMOVED, Person, State
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import stamp

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


class Permission(StrEnum):
    VIEW = "view"  # licenses, and what is used
    MANAGE = "manage"  # assign, and take back
    INSTALL = "install"  # the exchange
    AUDIT = "audit"  # the ledger's records
    ADMINISTER = "administer"  # people, API keys, settings, backups


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    LICENSE_MANAGER = "license_manager"
    SEAT_MANAGER = "seat_manager"
    AUDITOR = "auditor"
    VIEWER = "viewer"


PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.LICENSE_MANAGER: frozenset({Permission.VIEW, Permission.MANAGE, Permission.INSTALL}),
    Role.SEAT_MANAGER: frozenset({Permission.VIEW, Permission.MANAGE}),
    Role.AUDITOR: frozenset({Permission.VIEW, Permission.AUDIT}),
    Role.VIEWER: frozenset({Permission.VIEW}),
}


class Access(StrEnum):
    """Acts that change no license, and are recorded all the same."""

    SIGNED_IN = "signed in"
    SIGN_IN_REFUSED = "sign-in refused"
    BACKUP_TAKEN = "backup taken"
    RECORDS_EXPORTED = "records exported"
    LINK_GIVEN = "link to a password given"
    SETTINGS_CHANGED = "settings changed"
    UNLOCKED = "sign-in unlocked"
    FACTORS_REMOVED = FACTORS_REMOVED
    KEYS_RELOCKED = "passphrase of the keys changed"
    KEYS_REWRAPPED = "keys at rest wrapped again"
    CLOCK_CONFIRMED = "the machine's clock confirmed"


@dataclass(frozen=True)
class PersonView:
    name: str
    role: str | None
    permissions: list[str]
    added_at: datetime

    def may(self, act: str) -> bool:
        return act in self.permissions


@dataclass(frozen=True)
class PeopleAnswer:
    people: list[PersonView]  # by name; those who were let go too


@dataclass(frozen=True)
class PersonAnswer:
    name: str
    role: str | None
    anew: bool = False  # A3: with this role they begin without password and second factor of before


@dataclass(frozen=True)
class AddPerson(Command[PersonAnswer]):
    """Somebody new, or somebody who was let go and comes back. `on_machine`: by whoever has the machine (A3)."""

    name: str
    role: str
    on_machine: bool = False
    what: ClassVar[str] = "person add"

    def decide(self, state: State, _: Moment) -> Decision[PersonAnswer] | Refusal:
        event = added(state, self.name, self.role)
        if isinstance(event, Refusal):
            return event
        return decided(event, "add", self.name, self.role, on_machine=self.on_machine, anew=True)


@dataclass(frozen=True)
class ChangePerson(Command[PersonAnswer]):
    """Another role; None lets somebody go, from their next click on. `on_machine`: by whoever has the machine (A3).
    `seen`: how many records the ledger had when the page was made that this is asked from (N5)."""

    name: str
    role: str | None
    on_machine: bool = False
    seen: int | None = None
    what: ClassVar[str] = "person change"

    def decide(self, state: State, _: Moment) -> Decision[PersonAnswer] | Refusal:
        event = changed(state, self.name, self.role)
        if isinstance(event, Refusal):
            return event
        if state.people[self.name].role == self.role:
            return Decision([], PersonAnswer(self.name, self.role))
        if refusal := came_second(state.people[self.name], self.seen):
            return refusal
        anew = begins_anew(state, self.name, self.role)
        return decided(event, "role", self.name, self.role, on_machine=self.on_machine, anew=anew)


def came_second(person: Person, seen: int | None) -> Refusal | None:
    """N5: somebody gave this person another role after the page was made that the next one is asked from."""
    first = person.changed
    if seen is None or first is None or first.index < seen:
        return None
    role = (person.role or "").replace("_", " ")
    is_now = f"gave {person.name} the role {role}" if role else f"deactivated {person.name}"
    return Refusal(
        Code.SUPERSEDED,
        f"{first.by} {is_now} at {stamp(first.at)}, after this page was opened. What you asked for was not done.",
        "Look at what is there now. Where yours is still wanted, ask for it again.",
    )


def added(state: State, name: str, role: str) -> Event | Refusal:
    """The record of somebody new, or who comes back; a refusal where they cannot be."""
    if not is_name(name):
        return malformed(
            "A person's name has 1 to 64 of a–z, 0–9 and . _ @ -, and begins with a letter or digit. "
            f"“{SYSTEM}”, “{PAGES}” and what begins with “{API_KEY}” speak for the system."
        )
    if role not in list(Role):
        return _no_role()
    known = state.people.get(name)
    if known and known.role is not None:
        return malformed(f"There is somebody called {name} already.")
    return PersonChanged(name=name, role=role) if known else PersonAdded(name=name, role=role)


def changed(state: State, name: str, role: str | None) -> Event | Refusal:
    """The record of another role; a refusal where it cannot be."""
    known = state.people.get(name)
    if known is None or known.role is None:
        return unknown(name)
    if role is not None and role not in list(Role):
        return _no_role()
    if known.role == Role.ADMINISTRATOR != role and _administrators(state) == 1:
        return Refusal(
            Code.NOT_PERMITTED,
            f"{name} is the only administrator. Without one, no person could add people or change roles.",
            "Make somebody else an administrator first.",
        )
    return PersonChanged(name=name, role=role)


def decided(
    event: Event, act: str, name: str, role: str | None, *, on_machine: bool, anew: bool = False
) -> Decision[PersonAnswer] | Refusal:
    """One person's act on somebody who has, or gets, this role. A3: on the machine, where the role takes two."""
    answer = PersonAnswer(name, role, anew)
    if not takes_two(role):
        return Decision([event], answer)
    if on_machine:
        return Decision([event, PersonMachineActed(act=act, name=name)], answer)
    return Refusal(
        Code.NEEDS_SECOND_PERSON,
        f"An act on somebody who may install licenses or audit takes two administrators; {name} is, or would be, one.",
        "Ask for it under People and roles; or do it on this machine.",
    )


def begins_anew(state: State, name: str, role: str | None) -> bool:
    """A3: whether somebody of this name begins with this role without the password, factors and links of before: who is
    added or comes back, who is let go, and who gets a role that takes two and had none. One administrator alone may
    know what opened the lower role."""
    known = state.people.get(name)
    was = known.role if known else None
    return was is None or role is None or (takes_two(role) and not takes_two(was))


def takes_two(role: str | None) -> bool:
    """A3: whether an act on somebody of this role takes two administrators."""
    return bool(permissions_of(role) & {Permission.INSTALL, Permission.AUDIT})


@dataclass(frozen=True)
class NoteAccess(Command[PersonAnswer]):
    """`about`: whom or what, in a few words. Of a refused sign-in only a name that exists: what else was typed is often
    a password in the wrong field, and the ledger keeps it for good."""

    access: str
    about: str | None = None
    what: ClassVar[str] = "note"

    def decide(self, state: State, moment: Moment) -> Decision[PersonAnswer] | Refusal:
        del moment
        if self.access not in list(Access):
            return malformed("The ledger does not record this kind of act.")
        unknown = self.access == Access.SIGN_IN_REFUSED and self.about not in state.people
        return Decision([AccessNoted(what=self.access, about=None if unknown else self.about)], PersonAnswer("", None))


@dataclass(frozen=True)
class FindPerson(Question[PersonView | Refusal]):
    name: str
    what: ClassVar[str] = "person"

    def answer(self, view: View) -> PersonView | Refusal:
        known = view.state.people.get(self.name)
        return _view(known) if known and known.role else unknown(self.name)


@dataclass(frozen=True)
class ListPeople(Question[PeopleAnswer]):
    what: ClassVar[str] = "people"

    def answer(self, view: View) -> PeopleAnswer:
        return PeopleAnswer([_view(person) for _, person in sorted(view.state.people.items())])


def is_name(name: str) -> bool:
    """Whether a person may be called so: not as the ledger names an act of the system itself, or of an API key."""
    speaks_for_system = name in (SYSTEM, PAGES) or name.startswith(API_KEY)
    return _NAME.fullmatch(name) is not None and not speaks_for_system


def permissions_of(role: str | None) -> frozenset[Permission]:
    return PERMISSIONS.get(Role(role), frozenset()) if role in list(Role) else frozenset()


def _view(person: Person) -> PersonView:
    return PersonView(person.name, person.role, sorted(permissions_of(person.role)), person.added_at)


def _administrators(state: State) -> int:
    return sum(person.role == Role.ADMINISTRATOR for person in state.people.values())


def unknown(name: str) -> Refusal:
    """Nobody of this name may sign in."""
    return Refusal(Code.NOT_FOUND, f"No person named {name} may sign in here.", "See who may: People and roles.")


def _no_role() -> Refusal:
    return malformed(f"A role is one of: {', '.join(Role)}.")
