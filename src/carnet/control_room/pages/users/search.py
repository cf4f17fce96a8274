"""Lists of very many: a page asks a few questions, and then says where it stopped: no search keeps it waiting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from django.http import HttpRequest

from carnet.exchange.verdicts import Refusal


class Answer(Protocol):
    """What a question to a long list is answered with."""

    @property
    def looked_at(self) -> int: ...

    @property
    def next(self) -> str | None: ...


T = TypeVar("T")
A = TypeVar("A", bound=Answer)

ROWS = 50  # of a page
MOST_ASKED = 60  # questions for one page: at 2,000 names each, more than the 100,000 that a large site has


@dataclass(frozen=True)
class SearchPage(Generic[T, A]):
    rows: list[T]
    next: str | None  # where the next page begins
    answer: A  # the last one: what it says of the whole
    looked_at: int

    @property
    def stopped(self) -> bool:
        """More may be found: it stopped before it had a page full."""
        return self.next is not None and len(self.rows) < ROWS


def find_matching(
    ask: Callable[[str, int], A | Refusal], rows_of: Callable[[A], list[T]], after: str
) -> SearchPage[T, A] | Refusal:
    """`ask`: after what, and how many at most. Its refusal, if one comes."""
    rows: list[T] = []
    looked_at = asked = 0
    while True:
        answer = ask(after, ROWS - len(rows))
        if isinstance(answer, Refusal):
            return answer
        asked += 1
        rows += rows_of(answer)
        looked_at += answer.looked_at
        if answer.next is None or len(rows) >= ROWS or asked == MOST_ASKED:
            return SearchPage(rows, answer.next, answer, looked_at)
        after = answer.next


def search_terms(request: HttpRequest) -> tuple[str, str]:
    """What is searched for, and after what the page begins."""
    return request.GET.get("search", "").strip(), request.GET.get("after", "")
