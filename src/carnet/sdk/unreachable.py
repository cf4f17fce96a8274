"""What to do where no answer came: the product decides. Fail closed unless it says otherwise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from carnet.sdk import answers


@dataclass(frozen=True)
class Unanswered:
    """A call that got no answer, shown to the product's own decision."""

    name: str  # as in the interface: “seats/acquire”
    fields: Mapping[str, Any]
    silent_for: float | None  # seconds since the server granted such a call for this product; None: not since a refusal

    def granted_here(self) -> Any:
        """An answer that the server did not give; None for what only the server can do."""
        make = _HERE.get(self.name)
        return make(self.fields) if make else None


Decide = Callable[[Unanswered], Any]
_HERE: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "seats/acquire": lambda of: answers.Seat(of["sku"], "", of["holder"], None, 0, 0, local=True),
    "units/consume": lambda of: answers.Units(of["sku"], of["units"], 0, 0, local=True),
    "units/reserve": lambda of: answers.Reservation(of["sku"], "", of["units"], None, 0, local=True),
    "users/check": lambda of: answers.User(of["sku"], of["user"], True, 0, 0, local=True),
    "features/check": lambda of: answers.Feature(of["sku"], of["sku"], True, None, local=True),
}


def can_be_granted_here(name: str) -> bool:
    return name in _HERE


def settled_here(reserved: answers.Reservation, units: int) -> answers.Units:
    """What was reserved here is settled here."""
    if not 0 <= units <= reserved.units:
        raise ValueError(f"{reserved.units:,} are reserved.")
    return answers.Units(reserved.sku, units, 0, 0, local=True)


def deny(_: Unanswered) -> None:
    """The default: nothing is granted, `Unreachable` is raised."""
    return


def allow_for(seconds: float) -> Decide:
    """Grant here what the server granted to this client no longer than `seconds` ago, and has not refused since.

    “What” is the kind of call and the product: one product's grant says nothing of another.
    Nobody counts what is granted so: whoever can cut the line can use more than is licensed, for that long.
    """

    def decide(call: Unanswered) -> Any:
        recent = call.silent_for is not None and call.silent_for <= seconds
        return call.granted_here() if recent else None

    return decide
