"""Who has how many connections, and whose is closed when there is no room: the one that waits longest, of the address
that has most. It knows no socket.

A connection *waits* while the server works on nothing of it: before and in the handshake, between two requests, and
while a request is still arriving. So neither kept, nor mute, nor dripping connections keep anybody out.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter

from carnet.edge.limits import Limits
from carnet.edge.proxies import plain


@dataclass(eq=False, slots=True)
class Place:
    """Of one connection, from its acceptance to its end."""

    of: "_Address"
    close: Callable[[], None]
    since: float | None  # when it began to wait; None while it does not
    held: int = 0  # bytes of bodies
    left: bool = False


@dataclass(eq=False, slots=True)
class _Address:
    name: str
    share: int  # bytes of bodies that its connections may hold
    held: int = 0
    places: dict[Place, None] = field(default_factory=dict)

    def longest(self) -> tuple[float, Place] | None:
        """The place that waits longest, and since when. It is looked for, not noted: only where there is no room is it
        asked for, while with each request and each answer a place waits no more, or again."""
        waiting = ((each.since, each) for each in self.places if each.since is not None)
        return min(waiting, key=itemgetter(0), default=None)


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
        return address not in self._trusted and found is not None and len(found.places) >= self._limits.per_address

    def make_room(self) -> bool:
        """Close the connection that waits longest, of the address that has most. False: none waits."""
        for of in sorted(self._addresses.values(), key=lambda of: len(of.places), reverse=True):
            if found := of.longest():
                self._close(found[1])
                return True
        return False

    def make_room_of(self, address: str) -> bool:
        """The same of this address. False also where none has waited for long: who dials as fast as it can replaces its
        own no faster than that, and costs others no handshakes."""
        found = self._addresses[address].longest()
        if found is None or self._seconds() - found[0] < self._limits.settled:
            return False
        self._close(found[1])
        return True

    def _close(self, place: Place) -> None:
        self.leave(place)
        place.close()

    def enter(self, address: str, close: Callable[[], None]) -> Place:
        share = self._limits.held if address in self._trusted else self._limits.held // 2
        of = self._addresses.setdefault(address, _Address(address, share))
        place = Place(of, close, self._seconds())
        of.places[place] = None
        self.taken += 1
        return place

    def leave(self, place: Place) -> None:
        """Nothing, where it has left."""
        if place.left:
            return
        self._let_go(place)
        place.left = True
        del place.of.places[place]
        self.taken -= 1
        if not place.of.places:
            del self._addresses[place.of.name]

    def works(self, place: Place) -> None:
        """The server owes it something now."""
        place.since = None

    def waits(self, place: Place) -> None:
        """It has all that it asked for: nothing of it is held any more."""
        place.since = self._seconds()
        if place.held and not place.left:
            self._let_go(place)

    def hold(self, place: Place, size: int) -> bool:
        """Whether `size` bytes more of its bodies find room; they are held then, until it waits or leaves."""
        if place.left:
            return True
        of, held = place.of, self._held + size
        if held > self._limits.held or of.held + size > of.share:
            return False
        self._held = held
        of.held += size
        place.held += size
        return True

    def _let_go(self, place: Place) -> None:
        self._held -= place.held
        place.of.held -= place.held
        place.held = 0


def address_of(host: str) -> str:
    """Whom an address counts for: a network of IPv6 has as many as somebody likes."""
    found = ipaddress.ip_address(plain(host))
    if isinstance(found, ipaddress.IPv4Address) or found.is_loopback:
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))
