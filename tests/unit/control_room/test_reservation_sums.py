"""G2: the sums of what running reservations hold are those of a plain count, whatever the moments asked about."""

from datetime import timedelta

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from carnet.control_room.ledger.events import Draw
from carnet.control_room.state.reservations import Reservation, Reservations
from tests.support.cast import MONDAY

LINES = ["00000000-0000-7000-8000-00000000000a", "00000000-0000-7000-8000-00000000000b"]
PERIODS = [None, MONDAY, MONDAY.replace(month=10)]
MOMENT = st.integers(0, 20).map(lambda seconds: MONDAY + timedelta(seconds=seconds))
DRAWS = st.lists(
    st.builds(
        lambda line, start, units: Draw(line_id=line, period_start=start, units=units),
        st.sampled_from(LINES),
        st.sampled_from(PERIODS),
        st.integers(1, 9),
    ),
    min_size=1,
    max_size=3,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 9), MOMENT, DRAWS),
        st.tuples(st.just("remove"), st.integers(0, 9)),
        st.tuples(st.just("extend"), MOMENT, MOMENT),
        st.tuples(st.just("ask"), MOMENT),
    ),
    max_size=40,
)


@pytest.mark.rule("G2", "G6")
@given(STEPS)
def test_g2_sums_are_those_of_a_plain_count(steps):
    sums, plain = Reservations(), {}
    for step in steps:
        if step[0] == "add" and str(step[1]) not in plain:
            reservation = Reservation("document-pages", 1, step[3], 5, step[2])
            sums.add(str(step[1]), reservation)
            plain[str(step[1])] = reservation
        elif step[0] == "remove":
            assert sums.remove(str(step[1])) is plain.pop(str(step[1]), None)
        elif step[0] == "extend":
            expected = {key for key, each in plain.items() if each.expires_at > step[1]}
            assert set(sums.running(step[1])) == expected
            sums.extend(step[1], step[2])
            assert all(plain[key].expires_at == step[2] + timedelta(seconds=5) for key in expected)
        elif step[0] == "ask":
            agree(sums, plain, step[1])
    agree(msgspec.json.decode(msgspec.json.encode(sums), type=Reservations), plain, MONDAY)


def agree(sums, plain, now):
    assert set(sums.expired(now)) == {key for key, each in plain.items() if each.expires_at <= now}
    for line in LINES:
        for start in PERIODS:
            counted = sum(
                draw.units
                for each in plain.values()
                if now < each.expires_at
                for draw in each.draws
                if (draw.line_id, draw.period_start) == (line, start)
            )
            assert sums.held(line, start, now) == counted
