"""Who holds what, for the pages: in pages of their own order, however many there are.

A question looks at no more than LOOKED_AT of them: where a search finds little, it says where it stopped, and the
caller goes on from there. One that comes or goes meanwhile does not shift the others.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from typing import ClassVar, Generic, TypeVar

from carnet.control_room.rules.decision import Question, View
from carnet.control_room.rules.grant import (
    count_in_use,
    grant_of,
    is_covered,
    products,
)
from carnet.control_room.rules.holding import HolderView, Holding, each_holding, holder_view
from carnet.control_room.state.state import State
from carnet.entitlements import Line
from carnet.exchange.verdicts import Code, Refusal

T = TypeVar("T")
F = TypeVar("F")

LOOKED_AT = 2000  # users and leases at one question
PAGE = 500  # in one answer
LONGEST = 200  # characters of what is searched for


@dataclass(frozen=True)
class HoldersAnswer:
    at: datetime
    holders: list[HolderView]
    next: str | None  # ask again `after` this for more; None: all were looked at
    looked_at: int
    in_use: int  # of all these products, searched for or not
    granted: int
    covered: int  # Q4: the earliest of them


@dataclass(frozen=True)
class Holders(Question[HoldersAnswer | Refusal]):
    """Users and running leases of a product, or of all: the newest first. `search`: a part of the user's or holder's
    name, in small or capital letters."""

    sku: str | None = None
    search: str = ""
    after: str = ""
    limit: int = 50
    oldest_first: bool = False
    only_seats: bool = False  # where no product is named: of those that are licensed by seat
    what: ClassVar[str] = "holders"

    def answer(self, view: View) -> HoldersAnswer | Refusal:
        state, now = view.state, view.now
        refusal = check_page(self.limit, self.search)
        if refusal:
            return refusal
        if self.after and not (self.after.isascii() and self.after.isdecimal()):
            return _no_page()
        every = _held(state, only_seats=self.only_seats)
        skus = [self.sku] if self.sku is not None else sorted(every)
        after, sign = int(self.after) if self.after else None, 1 if self.oldest_first else -1
        each = [each_holding(state, sku, after, sign) for sku in skus]
        order = each[0] if len(each) == 1 else merge(*each, key=lambda found: sign * found[0])
        wanted = self.search.casefold()

        def fits(found: Holding) -> HolderView | None:
            return holder_view(state, now, found, wanted)

        page = look_through(order, fits, self.limit)
        in_use = {sku: count_in_use(state, sku, now) for sku in skus}
        limits = {sku: _granted(state, sku, now) for sku in skus}
        return HoldersAnswer(
            now,
            page.found,
            str(page.last[0]) if page.last else None,
            page.looked_at,
            sum(in_use.values()),
            sum(limits.values()),
            sum(min(in_use[sku], limits[sku]) for sku in skus),
        )


def check_page(limit: int, search: str) -> Refusal | None:
    if 1 <= limit <= PAGE and len(search) <= LONGEST:
        return None
    words = f"A page has 1 to {PAGE} rows, and what is searched for at most {LONGEST} characters."
    return Refusal(Code.MALFORMED, words, "Ask for more page after page.")


def _no_page() -> Refusal:
    return Refusal(Code.MALFORMED, "No page is called this.", "Begin with the first page.")


@dataclass(frozen=True)
class _Page(Generic[T, F]):
    found: list[F]
    last: T | None  # where it stopped; None where all were looked at
    looked_at: int


def look_through(order: Iterator[T], fits: Callable[[T], F | None], limit: int) -> _Page[T, F]:
    """The first that fit. Stops after `limit` of them, or after LOOKED_AT looks, where more are left."""
    found: list[F] = []
    last: T | None = None
    looked_at = 0
    for each in order:
        if len(found) == limit or looked_at == LOOKED_AT:
            return _Page(found, last, looked_at)
        looked_at, last = looked_at + 1, each
        fitting = fits(each)
        if fitting is not None:
            found.append(fitting)
    return _Page(found, None, looked_at)


def _held(state: State, *, only_seats: bool) -> set[str]:
    """The products that can be held: those of the license, and those of which somebody holds one all the same. A
    product that nobody holds yet is counted in what is granted."""
    licensed = {sku for sku, line in products(state).items() if _counts(line, only_seats=only_seats)}
    return licensed | {*state.leases} | (set() if only_seats else {*state.users})


def _counts(line: Line, *, only_seats: bool) -> bool:
    kind = line.metric.kind
    return kind.are_leased if only_seats else kind.holders is not None


def _granted(state: State, sku: str, now: datetime) -> int:
    grant = grant_of(state, sku, now)
    return grant.quantity if grant else 0


# --- people ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HeldProduct:
    sku: str
    name: str  # the sku where the license does not name it any more
    since: datetime
    covered: bool  # Q4


@dataclass(frozen=True)
class UserDetailAnswer:
    user: str
    products: list[HeldProduct]  # none: nothing is assigned to this name


@dataclass(frozen=True)
class UserDetail(Question[UserDetailAnswer]):
    user: str
    what: ClassVar[str] = "user"

    def answer(self, view: View) -> UserDetailAnswer:
        return _user(view.state, view.now, view.state.spelled(self.user))  # G2


@dataclass(frozen=True)
class PeopleAnswer:
    at: datetime
    people: list[UserDetailAnswer]
    next: str | None
    looked_at: int
    count: int  # of all people, searched for or not


@dataclass(frozen=True)
class People(Question[PeopleAnswer | Refusal]):
    """Each person once, of all products, in the order of names; `after`: a name."""

    search: str = ""
    after: str = ""
    limit: int = 50
    what: ClassVar[str] = "assigned people"

    def answer(self, view: View) -> PeopleAnswer | Refusal:
        refusal = check_page(self.limit, self.search)
        if refusal:
            return refusal
        state, wanted = view.state, self.search.casefold()

        def fits(person: tuple[str, str]) -> UserDetailAnswer | None:
            return _user(state, view.now, person[1]) if wanted in person[0] else None

        page = look_through(state.users.people(self.after), fits, self.limit)
        last = page.last[1] if page.last else None
        return PeopleAnswer(view.now, page.found, last, page.looked_at, state.users.count_people())


def _user(state: State, now: datetime, user: str) -> UserDetailAnswer:
    lines = products(state)
    held = [
        HeldProduct(sku, lines[sku].name if sku in lines else sku, each.since, is_covered(state, sku, user, now))
        for sku, each in state.users.products_of(user)
    ]
    return UserDetailAnswer(user, held)
