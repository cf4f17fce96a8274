"""L1: looking into the ledger: pages of what is searched for, against a look at every record; and a record's proof."""

from datetime import timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from carnet.control_room.queries import questions
from carnet.control_room.queries.questions import RecordDetail, Records
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser
from carnet.exchange.verdicts import Code
from carnet.merkle import leaf_hash, verify_inclusion
from tests.support import depth
from tests.support.cast import MONDAY
from tests.support.walk import PAGES, USER
from tests.unit.control_room.conftest import granted, refused, standard_lines

HOUR = timedelta(hours=1)


def busy(room):
    for number in range(40):
        room.do(AssignUser(USER, ("Anna", "José", "Ólafur", "x")[number % 4]), ("kai", "mara")[number % 2])
        room.do(UnassignUser(USER, ("Anna", "José", "Ólafur")[number % 3]), "kai")
        room.do(ConsumeUnits(PAGES, 1), "bot")
        room.wait(minutes=17)


@pytest.fixture
def lowered(vendor, licensed):
    """T3: time was set far ahead, and lowered by the vendor's permission: the same hours come twice."""
    busy(licensed)
    true = licensed.now
    licensed.set_clock(true + timedelta(days=5))
    busy(licensed)
    licensed.set_clock(true)
    olf = vendor.olf(licensed.request(), standard_lines(), true, lowers_clock=True)
    granted(licensed.install(olf))
    assert licensed.state.lowered
    busy(licensed)
    return licensed


def paged(room, **wanted):
    found, before, pages = [], None, 0
    while before != 0:
        page = granted(room.ask(Records(7, before=before, **wanted)))
        found, before, pages = [*page.records, *found], page.before, pages + 1
    return found, pages


WANTED = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["seat.assigned", "units.consumed", "none"]),
        "actor": st.sampled_from(["kai", "mara", "bot", "nobody"]),
        "text": st.sampled_from(["JOSÉ", "ann", "kai", "bot-creator", "sku", "5"]),
        "since": st.integers(-5, 200).map(lambda hours: MONDAY + hours * HOUR),
        "until": st.integers(-5, 200).map(lambda hours: MONDAY + hours * HOUR),
    },
)


@pytest.mark.rule("L1", "T3")
@settings(max_examples=depth.times(20, 800), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=WANTED)
def test_pages_together_are_all_that_fit(lowered, wanted, monkeypatch):
    monkeypatch.setattr(questions, "WINDOW", 20)
    found, _ = paged(lowered, **wanted)
    expected = [view for view in everything(lowered) if fits(view, **wanted)]
    assert [view.index for view in found] == [view.index for view in expected]
    assert found == expected


def everything(room):
    return [room.ask(RecordDetail(index)).record for index in range(room.engine.checkpoint.size)]


def fits(view, kind=None, actor=None, text="", since=None, until=None):
    said = [view.actor, *values(view.body)]
    return (
        kind in (None, view.kind)
        and actor in (None, view.actor)
        and any(text.casefold() in each.casefold() for each in said)
        and (since is None or view.at >= since)
        and (until is None or view.at < until)
    )


def values(body):
    if isinstance(body, dict):
        return [text for each in body.values() for text in values(each)]
    if isinstance(body, list):
        return [text for each in body for text in values(each)]
    return [] if body is None else [str(body)]


def test_a_time_is_found_without_looking_at_all_the_rest(licensed, monkeypatch):
    monkeypatch.setattr(questions, "WINDOW", 10)
    busy(licensed)
    _, all_pages = paged(licensed, actor="mara")
    found, pages = paged(licensed, actor="mara", since=MONDAY + 2 * HOUR, until=MONDAY + 3 * HOUR)
    assert found
    assert pages < all_pages / 5
    assert licensed.ask(Records(5, until=MONDAY - HOUR)).before == 0
    refused(licensed.ask(Records(text="x" * 201)), Code.MALFORMED)


@pytest.mark.rule("L1")
def test_l1_a_record_comes_with_the_proof_that_it_is_in_the_ledger(licensed):
    busy(licensed)
    size = licensed.engine.checkpoint.size
    for index in (0, 1, 6, size // 2, size - 1):
        shown = licensed.ask(RecordDetail(index))
        leaf = licensed.store.row(index).leaf
        assert shown.leaf_hash == leaf_hash(leaf).hex()
        path = [bytes.fromhex(each) for each in shown.path]
        assert verify_inclusion(leaf_hash(leaf), index, shown.size, path, bytes.fromhex(shown.root))
        assert shown.record.index == index
    kinds = {kind: index for index, kind in enumerate(licensed.kinds())}
    assert licensed.ask(RecordDetail(kinds["request.generated"])).key_id == 0, "what leaves the site stands in clear"
    assert licensed.ask(RecordDetail(kinds["seat.assigned"])).key_id > 0
    for index in (-1, size):
        refused(licensed.ask(RecordDetail(index)), Code.NOT_FOUND)
