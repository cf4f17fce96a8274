"""Who has how many connections, and whose is closed when there is no room: the one that waits longest, of the address
that has most. It knows no socket.

A connection *waits* while the server works on nothing of it: before and in the handshake, between two requests, and
while a request is still arriving. So neither kept, nor mute, nor dripping connections keep anybody out.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from carnet.edge.limits import Limits
from carnet.edge.proxies import plain


@dataclass(eq=False, slots=True)
class Place:
    """Of one connection, from its acceptance to its end."""

    address: str
    close: Callable[[], None]
    held: int = 0  # bytes of a body
    left: bool = False


@dataclass(eq=False, slots=True)
class _Address:
    places: int = 0
    held: int = 0
    waiting: "OrderedDict[Place, float]" = field(default_factory=OrderedDict)  # since when; the longest first


class Places:
    def __init__(self, limits: Limits, seconds: Callable[[], float], trusted: frozenset[str] = frozenset()) -> None:
        """`seconds`: of a clock that never goes back. `trusted`: proxies, each of which speaks for many."""
        self._limits, self._seconds, self._trusted = limits, seconds, trusted
        self._addresses: dict[str, _Address] = {}
        self.taken = self._held = 0

    def is_full(self) -> bool:
        return self.taken >= self._limits.connections

    def has_too_many(self, address: str) -> bool:
        found = self._addresses.get(address)
        return address not in self._trusted and found is not None and found.places >= self._limits.per_address

    def make_room(self) -> bool:
        """Close the connection that waits longest, of the address that has most. False: none waits."""
        waiting = [each for each in self._addresses.values() if each.waiting]
        if not waiting:
            return False
        heaviest = max(waiting, key=lambda each: each.places)
        self._close(next(iter(heaviest.waiting)))
        return True

    def make_room_of(self, address: str) -> bool:
        """The same of this address. False also where none has waited for long: who dials as fast as it can replaces its
        own no faster than that, and costs others no handshakes."""
        place, since = next(iter(self._addresses[address].waiting.items()), (None, 0.0))
        if place is None or self._seconds() - since < self._limits.settled:
            return False
        self._close(place)
        return True

    def _close(self, place: Place) -> None:
        self.leave(place)
        place.close()

    def enter(self, address: str, close: Callable[[], None]) -> Place:
        place = Place(address, close)
        of = self._addresses.setdefault(address, _Address())
        of.places += 1
        of.waiting[place] = self._seconds()
        self.taken += 1
        return place

    def leave(self, place: Place) -> None:
        """Nothing, where it has left."""
        if place.left:
            return
        self.let_go(place)
        place.left = True
        of = self._addresses[place.address]
        of.waiting.pop(place, None)
        of.places -= 1
        self.taken -= 1
        if not of.places:
            del self._addresses[place.address]

    def works(self, place: Place) -> None:
        """The server owes it something now."""
        if not place.left:
            self._addresses[place.address].waiting.pop(place, None)

    def waits(self, place: Place) -> None:
        """It has all that it asked for."""
        if not place.left:
            self._addresses[place.address].waiting[place] = self._seconds()

    def hold(self, place: Place, size: int) -> bool:
        """Whether `size` bytes more of its body find room; they are held then, until `let_go`."""
        if place.left:
            return True
        of, most = self._addresses[place.address], self._limits.held
        share = most if place.address in self._trusted else most // 2
        if self._held + size > most or of.held + size > share:
            return False
        self._held, of.held, place.held = self._held + size, of.held + size, place.held + size
        return True

    def let_go(self, place: Place) -> None:
        if place.held and not place.left:
            self._held -= place.held
            self._addresses[place.address].held -= place.held
            place.held = 0


def address_of(host: str) -> str:
    """Whom an address counts for: a network of IPv6 has as many as somebody likes."""
    found = ipaddress.ip_address(plain(host))
    if isinstance(found, ipaddress.IPv4Address) or found.is_loopback:
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))
