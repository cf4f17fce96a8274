"""Until when a seat is held, and when it is renewed: with times as arguments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.sdk import calls
from carnet.sdk._answers import Seat
from carnet.sdk._faults import ServerFault, Unreachable
from carnet.sdk._holding import Hold
from carnet.sdk._refusals import (
    Busy,
    NotCovered,
    RolledBack,
    StorageFailed,
    Unauthenticated,
    UnknownLease,
)

SEAT = Seat("s", "lease-1", "bot-17", None, 1, 2)
LOCAL = Seat("s", "", "bot-17", None, 0, 0, local=True)


def hold(ttl: int = 60, every: float | None = None, random: float = 0.5, key: str | None = None) -> Hold:
    return Hold(calls.acquire("s", "bot-17", ttl, key=key), lambda: random, every)


@given(st.integers(5, 86_400), st.floats(0, 1, exclude_max=True), st.floats(0, 1e6))
def test_it_is_renewed_at_about_a_third_of_its_time_to_live_and_never_after_its_end(
    ttl: int, random: float, begun: float
) -> None:
    held = hold(ttl, random=random)
    held.taken(SEAT, begun, "k")
    assert 0.29 * ttl < held.pause(begun) < 0.37 * ttl
    assert held.pause(begun + ttl * 0.99) <= ttl * 0.011
    assert held.pause(begun + ttl + 1) == 0
    assert not held.is_lost(begun + ttl * 0.99)
    assert held.is_lost(begun + ttl * 1.01)


@pytest.mark.parametrize("error", [Unreachable("no"), ServerFault("no", 500), Busy("no"), StorageFailed("no")])
def test_while_the_server_is_away_it_is_held_until_its_lease_ends(error: Exception) -> None:
    held = hold(60)
    held.taken(SEAT, 100, "k")
    assert not held.failed(error, 159)
    assert not held.is_lost(159)
    assert held.failed(error, 160)
    assert held.lost().__cause__ is error


@pytest.mark.parametrize("error", [UnknownLease("no"), NotCovered("no"), RolledBack("no"), Unauthenticated("no")])
def test_a_refused_renewal_is_the_end(error: Exception) -> None:
    held = hold(60)
    held.taken(SEAT, 100, "k")
    assert held.failed(error, 101)
    assert held.is_lost(101)
    assert held.returning(101) is None


def test_it_is_given_back_only_while_there_is_something_to_give() -> None:
    held = hold(60)
    assert held.returning(0) is None
    held.taken(SEAT, 0, "k")
    returning = held.returning(59)
    assert returning
    assert (returning.name, returning.fields) == ("seats/release", {"lease_id": "lease-1"})
    assert held.returning(60) is None


def test_with_a_key_of_the_callers_own_the_lease_may_be_old_and_is_renewed_first() -> None:
    held = hold(key="mine")
    asked = []
    for call in held.begin():
        asked.append(call.name)
        held.taken(SEAT, 0, call.key)
    assert asked == ["seats/acquire", "seats/renew"]


def test_a_seat_granted_here_is_asked_for_again_with_its_first_key_while_that_may_be_held_for_it() -> None:
    held = hold(60)
    held.taken(LOCAL, 0, "first")
    assert (held.renewal(20).name, held.renewal(20).key, held.until) == ("seats/acquire", "first", float("inf"))
    held.taken(LOCAL, 20, "first")
    assert held.renewal(59).key == "first"
    assert held.renewal(60).key is None
    held.taken(SEAT, 40, "first")
    assert held.ends == 60, "it may have been granted when it was asked for first"
    assert held.renewal(41).name == "seats/renew"
    held.taken(SEAT, 41, "another")
    assert held.ends == 101


def test_a_seat_granted_here_is_lost_as_soon_as_nobody_grants_it() -> None:
    held = hold(60)
    held.taken(LOCAL, 0, "first")
    assert held.failed(Unreachable("no"), 20)


def test_a_seat_is_taken_once() -> None:
    held = hold()
    for call in held.begin():
        held.taken(SEAT, 0, call.key)
    with pytest.raises(RuntimeError, match="once"):
        next(held.begin())
