"""The server's ledger as this client knows it: the largest checkpoint that it was answered, shown with each request.

What a client alone can prove. An answer that came before a request was sent stands before that request's own answer.
So an answer from a ledger that is *smaller than the largest known when its request was sent* is from another ledger,
or from an older copy; and so is one of a size that is known with another root. An answer that is smaller than what was
learned *meanwhile* proves nothing: with many threads, answers overtake each other.
"""

import re
import threading
from dataclasses import dataclass

_FORM = re.compile(r"(0|[1-9][0-9]{0,15})\.([0-9a-f]{64})\.[0-9a-f]{32}")


@dataclass(frozen=True)
class Mark:
    """One checkpoint of the server's ledger."""

    size: int  # records
    root: str
    text: str  # as it came, and goes back

    def contradicts(self, earlier: "Mark") -> bool:
        """True when two ledgers of one size have different roots: they are not the same ledger."""
        return self.size == earlier.size and self.root != earlier.root


def read(text: str) -> Mark | None:
    """The checkpoint of this text, or None where the text is not one."""
    form = _FORM.fullmatch(text)
    return Mark(int(form[1]), form[2], text) if form else None


@dataclass(frozen=True)
class Shown:
    """What was known when a request was sent."""

    mark: Mark | None
    epoch: int

    @property
    def text(self) -> str:
        """The checkpoint as a header shows it; empty where none is known."""
        return self.mark.text if self.mark else ""


class Checkpoints:
    """The largest checkpoint known, for any number of threads. Raises ValueError where `text` is not a checkpoint."""

    def __init__(self, text: str = "") -> None:
        self._lock = threading.Lock()
        self._epoch = 0  # how often a rollback was accepted: answers from before it count for nothing
        self._highest = read(text)
        if text and self._highest is None:
            raise ValueError("That is not a checkpoint: give one that a client was answered, unchanged, or none.")

    @property
    def text(self) -> str:
        """The largest checkpoint known; empty where none is."""
        highest = self._highest
        return highest.text if highest else ""

    def show(self) -> Shown:
        """What to show with the next request."""
        with self._lock:
            return Shown(self._highest, self._epoch)

    def take(self, answered: Mark, shown: Shown) -> str:
        """Learn from an answer to what was `shown`. Returns what it disproves, as a sentence; empty where it agrees."""
        with self._lock:
            if shown.epoch != self._epoch:
                return ""
            for known in (shown.mark, self._highest):
                if known and answered.contradicts(known):
                    return f"At {known.size:,} records the server's ledger is not the one that answered before."
            if shown.mark and answered.size < shown.mark.size:
                return (
                    f"The server's ledger has {answered.size:,} records; it had {shown.mark.size:,} when it answered "
                    "before this was asked."
                )
            if self._highest is None or answered.size > self._highest.size:
                self._highest = answered
            return ""

    def forget(self) -> None:
        """Accept a rollback: answers from before it count for nothing."""
        with self._lock:
            self._highest = None
            self._epoch += 1
