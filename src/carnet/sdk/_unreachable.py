"""What to do where no answer came: the product decides. Fail closed unless it says otherwise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from carnet.sdk._answers import Feature, Reservation, Seat, Units, User


@dataclass(frozen=True)
class Unanswered:
    """A call that got no answer, as it is shown to a function that is given as `when_unreachable`."""

    name: str
    """The path of the call after `/api/v1/`, e.g. `seats/acquire`."""
    fields: Mapping[str, Any]
    """What was asked, by the names of the REST interface."""
    silent_for: float | None
    """Seconds since the server granted such a call for this product; None if it did not, or refused since."""

    def granted_here(self) -> Any:
        """An answer that the server did not give (`local` is True), or None for what only the server can do.

        Seats, units, reservations and checks can be granted here; to renew, give back, settle or assign cannot.
        """
        make = _HERE.get(self.name)
        return make(self.fields) if make else None


Decide = Callable[[Unanswered], Any]
_HERE: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "seats/acquire": lambda of: Seat(of["sku"], "", of["holder"], None, 0, 0, local=True),
    "units/consume": lambda of: Units(of["sku"], of["units"], 0, 0, local=True),
    "units/reserve": lambda of: Reservation(of["sku"], "", of["units"], None, 0, local=True),
    "users/check": lambda of: User(of["sku"], of["user"], True, 0, 0, local=True),
    "features/check": lambda of: Feature(of["sku"], of["sku"], True, None, local=True),
}


def can_be_granted_here(name: str) -> bool:
    """True for a call that `Unanswered.granted_here` can answer."""
    return name in _HERE


def settled_here(reserved: Reservation, units: int) -> Units:
    """Settle here what was reserved here. Raises ValueError for more than is reserved."""
    if not 0 <= units <= reserved.units:
        raise ValueError(f"{reserved.units:,} are reserved.")
    return Units(reserved.sku, units, 0, 0, local=True)


def deny(_: Unanswered) -> None:
    """The default of `when_unreachable`: nothing is granted, and `Unreachable` is raised."""
    return


def allow_for(seconds: float) -> Decide:
    """Grant here what the server granted to this client at most `seconds` ago, and has not refused since.

    It goes by the kind of call and the product: the grant of one product says nothing of another. After a restart of
    the program nothing is granted here until the server has granted again.

    Nobody counts what is granted so: who cuts the line can use more than is licensed, for that long.

    Example:
        ```python
        Client(url, api_key, when_unreachable=allow_for(3600))
        ```
    """

    def decide(call: Unanswered) -> Any:
        recent = call.silent_for is not None and call.silent_for <= seconds
        return call.granted_here() if recent else None

    return decide
