"""Lists of very many: a page asks a few questions, and then says where it stopped: no search keeps it waiting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.http import HttpRequest

T = TypeVar("T")

ROWS = 50  # of a page
MOST_ASKED = 60  # questions for one page: at 2,000 names each, more than the 100,000 that a large site has


@dataclass(frozen=True)
class SearchPage(Generic[T]):
    rows: list[T]
    next: str | None  # where the next page begins
    answer: Any  # the last one: what it says of the whole
    looked_at: int

    @property
    def stopped(self) -> bool:
        """More may be found: it stopped before it had a page full."""
        return self.next is not None and len(self.rows) < ROWS


def find_matching(ask: Callable[[str, int], Any], rows_of: Callable[[Any], list[T]], after: str) -> SearchPage[T] | Any:
    """`ask`: after what, and how many at most. Its refusal, if one comes."""
    rows: list[T] = []
    looked_at = 0
    answer: Any = None
    for _ in range(MOST_ASKED):
        answer = ask(after, ROWS - len(rows))
        if not hasattr(answer, "looked_at"):
            return answer
        rows += rows_of(answer)
        looked_at += answer.looked_at
        if answer.next is None or len(rows) >= ROWS:
            break
        after = answer.next
    return SearchPage(rows, answer.next, answer, looked_at)


def search_terms(request: HttpRequest) -> tuple[str, str]:
    """What is searched for, and after what the page begins."""
    return request.GET.get("search", "").strip(), request.GET.get("after", "")
