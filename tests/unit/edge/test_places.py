"""Whose connection is closed when there is no room; and whom an address counts for."""

import pytest

from carnet.edge.acts import EVERY, Acts
from carnet.edge.limits import Limits
from carnet.edge.places import Place, Places, address_of
from carnet.edge.proxies import LOOPBACK, believed
from carnet.errors import UsageError

FEW = Limits(connections=4, per_address=3, held=100, settled=1)


class Door:
    """Notes who was closed."""

    def __init__(self, trusted: frozenset[str] = frozenset()) -> None:
        self.now, self.closed = 0.0, list[str]()
        self.places = Places(FEW, lambda: self.now, trusted)

    def enter(self, name: str, address: str) -> Place:
        return self.places.enter(address, lambda: self.closed.append(name))


def test_the_connection_that_waits_longest_of_the_address_that_has_most_makes_room() -> None:
    door = Door()
    door.enter("bot", "10.0.0.1")
    door.enter("first", "10.0.0.66")
    door.enter("second", "10.0.0.66")
    assert door.places.make_room()
    assert door.closed == ["first"]
    assert door.places.taken == 2


def test_a_connection_that_is_worked_for_is_never_closed_for_another() -> None:
    door = Door()
    places = [door.enter(f"{number}", "10.0.0.66") for number in range(3)]
    for place in places:
        door.places.works(place)
    assert door.places.has_too_many("10.0.0.66")
    assert not door.places.make_room_of("10.0.0.66")
    assert not door.places.make_room()
    door.places.waits(places[1])
    assert door.places.make_room()
    assert door.closed == ["1"]


def test_who_dials_as_fast_as_it_can_replaces_its_own_no_faster_than_they_settle() -> None:
    """Else one machine could make the server begin thousands of handshakes a second."""
    door = Door()
    for number in range(3):
        door.enter(f"{number}", "10.0.0.66")
    assert not door.places.make_room_of("10.0.0.66")
    door.now = 1
    assert door.places.make_room_of("10.0.0.66")
    assert door.closed == ["0"]


def test_who_was_answered_waits_at_the_end_of_the_line() -> None:
    door = Door()
    first = door.enter("first", "10.0.0.1")
    door.enter("second", "10.0.0.1")
    door.places.works(first)
    door.now = 1
    door.places.waits(first)
    assert door.places.make_room()
    assert door.closed == ["second"]


def test_a_trusted_proxy_speaks_for_many() -> None:
    door = Door(frozenset({"127.0.0.1"}))
    for number in range(4):
        door.enter(f"{number}", "127.0.0.1")
    assert not door.places.has_too_many("127.0.0.1")
    assert door.places.is_full()


def test_who_leaves_twice_leaves_once() -> None:
    door = Door()
    place, other = door.enter("one", "10.0.0.1"), door.enter("other", "10.0.0.1")
    assert door.places.hold(place, 10)
    door.places.leave(place)
    door.places.leave(place)
    door.places.works(place)
    door.places.waits(place)
    assert door.places.taken == 1
    assert door.places.hold(other, 50)


def test_one_address_fills_half_of_the_memory_for_bodies_and_all_together_no_more_than_it_has() -> None:
    door = Door()
    one, two, three = (door.enter(host, host) for host in ("10.0.0.1", "10.0.0.2", "10.0.0.3"))
    assert door.places.hold(one, 50)
    assert not door.places.hold(one, 1)
    assert door.places.hold(two, 50)
    assert not door.places.hold(three, 1)
    door.places.works(one)
    door.places.waits(one)
    assert door.places.hold(three, 50)


@pytest.mark.parametrize(
    ("host", "whom"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::1"),
    ],
)
def test_a_network_of_ipv6_counts_as_one(host: str, whom: str) -> None:
    assert address_of(host) == whom


def test_a_flood_is_counted_whole_and_told_once_a_minute() -> None:
    lines: list[dict[str, object]] = []
    now = [0.0]
    acts = Acts(lambda event, **fields: lines.append({"event": event, **fields}), lambda: now[0])
    for number in range(1_000):
        acts.acted("slow", f"10.0.0.{number % 7}")
    assert lines == [{"event": "limit", "limit": "slow", "times": 1, "newest": "10.0.0.0"}]
    now[0] = EVERY - 1
    acts.tick()
    assert len(lines) == 1
    now[0] = EVERY
    acts.tick()
    assert lines[1:] == [{"event": "limit", "limit": "slow", "times": 999, "newest": "10.0.0.5"}]
    now[0] = 2 * EVERY
    acts.tick()
    acts.tick()
    assert len(lines) == 2, "nothing acted since"
    acts.acted("slow", "10.0.0.9")
    assert lines[2]["times"] == 1
    assert acts.counts == {"slow": 1_001}


@pytest.mark.rule("N1")
@pytest.mark.security
@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "calm.example"])
def test_behind_a_proxy_no_server_listens_where_others_could_pass_for_the_proxy(host: str) -> None:
    with pytest.raises(UsageError, match="could pass for the proxy"):
        believed([], behind_proxy=True, hosts=["127.0.0.1", host])
    assert believed(["192.0.2.9"], behind_proxy=True, hosts=[host]) == {"192.0.2.9"}


def test_on_loopback_the_proxy_is_this_machine() -> None:
    assert believed([], behind_proxy=True, hosts=["127.0.0.1", "localhost"]) == LOOPBACK
    assert believed([], behind_proxy=False, hosts=["0.0.0.0"]) == frozenset()


@pytest.mark.parametrize("named", ["proxy.example", "10.0.0.0/8", ""])
def test_a_proxy_is_named_by_its_address(named: str) -> None:
    with pytest.raises(UsageError, match="is not an IP address"):
        believed([named], behind_proxy=True, hosts=["0.0.0.0"])


def test_a_proxy_is_not_named_where_there_is_none() -> None:
    with pytest.raises(UsageError, match="not behind one"):
        believed(["10.0.0.1"], behind_proxy=False, hosts=["127.0.0.1"])
