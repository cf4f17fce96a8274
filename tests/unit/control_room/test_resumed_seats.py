"""G2: a bot that crashed comes back under its holder's name, and gets its own seat."""

from datetime import timedelta

import pytest

from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat
from carnet.exchange.verdicts import Code
from carnet.sdk import calls
from tests.support.cast import MONDAY
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor
from tests.unit.control_room.conftest import granted, refused, standard_lines

SEAT = "unattended-bot-runner"


def back(holder, ttl=60):
    return AcquireSeat(SEAT, holder, ttl, resume=True)


@pytest.mark.rule("G2", "exhausted")
def test_a_bot_that_crashes_in_a_loop_holds_one_seat(licensed):
    """Its seats of before would run to their end, and shut out everybody."""
    first = granted(licensed.do(back("bot-17")))
    for _ in range(20):
        licensed.wait(seconds=1)
        again = granted(licensed.do(back("bot-17")))
        assert (again.lease_id, again.in_use) == (first.lease_id, 1)
    assert again.expires_at == licensed.now + timedelta(seconds=60)
    assert list(licensed.state.leases[SEAT].by_id) == [first.lease_id]


@pytest.mark.rule("G2")
def test_another_holder_and_one_that_does_not_ask_get_seats_of_their_own(licensed):
    first = granted(licensed.do(back("bot-17")))
    second = granted(licensed.do(AcquireSeat(SEAT, "bot-17", 60)))
    assert granted(licensed.do(back("bot-17"))).lease_id == second.lease_id != first.lease_id, "the newest of several"
    granted(licensed.do(ReleaseSeat(second.lease_id)))
    other = granted(licensed.do(back("bot-18")))
    assert (other.holder, other.in_use) == ("bot-18", 2)
    refused(licensed.do(back("bot-19")), Code.EXHAUSTED)
    assert granted(licensed.do(back("bot-17"))).lease_id == first.lease_id, "also where all are taken"


@pytest.mark.rule("G2")
def test_a_seat_that_was_given_back_or_ended_is_not_resumed(licensed):
    first = granted(licensed.do(back("bot-17")))
    granted(licensed.do(ReleaseSeat(first.lease_id)))
    second = granted(licensed.do(back("bot-17")))
    licensed.wait(seconds=60)
    third = granted(licensed.do(back("bot-17")))
    assert len({first.lease_id, second.lease_id, third.lease_id}) == 3
    refused(licensed.do(AcquireSeat(SEAT, "", 60, resume=True)), Code.MALFORMED)


def test_the_sdk_asks_for_its_own_seat_by_default():
    assert calls.acquire(SEAT, "bot-17").fields["resume"] is True
    assert calls.acquire(SEAT, "bot-17", resume=False).fields["resume"] is False


@pytest.mark.rule("G2")
@pytest.mark.parametrize(("names", "in_use"), [("fold", 1), ("exact", 2)])
def test_a_holder_in_another_case_comes_back_where_the_site_folds_names(names, in_use):
    vendor = Vendor()
    room = Room(vendor.trust, names=names)
    room.enable(vendor.token(MONDAY))
    granted(room.install(vendor.olf(room.request(), standard_lines(), MONDAY)))
    first = granted(room.do(back("Bot-17")))
    again = granted(room.do(back("BOT-17")))
    assert (again.in_use, again.lease_id == first.lease_id) == (in_use, names == "fold")
    granted(room.do(ReleaseSeat(first.lease_id)))
    assert granted(room.do(back("bot-17"))).in_use == in_use
