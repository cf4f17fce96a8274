"""E2, E3, E8, E11, E14: the exchange as it went, from the state alone; and the newest LFR in plain text."""

from datetime import timedelta

import pytest

from carnet.control_room.queries.exchange import Exchange, RequestText, file_name
from carnet.control_room.rules.activation.generate_request import WithdrawCycle
from carnet.control_room.rules.granting.seats import AcquireSeat
from carnet.control_room.rules.granting.users import AssignUser
from carnet.control_room.state.exchange_log import ENTRIES_KEPT, REQUESTS_KEPT, PastRequest
from carnet.control_room.state.exchange_log import ExchangeLog as Past
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.verdicts import Code
from tests.support.cast import MONDAY
from tests.unit.control_room.conftest import granted, refused, standard_lines

DAY = timedelta(days=1)


def outcomes(room):
    return [entry.outcome or entry.kind for entry in room.ask(Exchange()).entries]


@pytest.mark.rule("E2", "E8", "E14", "E11")
def test_each_cycle_ends_in_its_own_way_and_the_newest_stands_first(vendor, enabled):
    enabled.request()
    assert outcomes(enabled) == ["open", "token"]
    granted(enabled.do(WithdrawCycle(), "bo"))
    enabled.request()
    enabled.wait(days=7)
    assert outcomes(enabled)[0] == "lapsed", "before it is recorded"
    enabled.request()
    enabled.request()
    granted(enabled.install(vendor.olf(enabled.request(), standard_lines(), enabled.now)))
    enabled.request()
    enabled.wait(days=8)
    enabled.engine.execute_all([], enabled.reading)
    assert outcomes(enabled) == ["locked", "installed", "lapsed", "withdrawn", "token"]
    enabled.request()
    enabled.request(RequestKind.RELEASE)
    enabled.request(RequestKind.RELEASE)
    granted(enabled.enable(vendor.token(enabled.now)))
    enabled.request()
    granted(enabled.enable(vendor.token(enabled.now)))
    expected = ["token", "closed_by_token", "token", "released", "released"]
    assert outcomes(enabled)[:5] == expected
    before = enabled.ask(Exchange())
    enabled.reopen()
    assert enabled.ask(Exchange()) == before
    shown = {entry.outcome: entry for entry in before.entries}
    assert shown["withdrawn"].outcome_by == "bo"
    assert shown["locked"].ends_at == shown["locked"].at + 7 * DAY
    assert shown["installed"].olf_sequence == 1
    assert [request.sequence for request in shown["installed"].requests] == [5, 4, 3]
    assert {request.asked_by for request in shown["installed"].requests} == {"anna"}
    assert len(before.entries[3].requests) == 2, "a release that is said again"


def test_it_comes_in_pages(licensed):
    for _ in range(6):
        licensed.request()
        granted(licensed.do(WithdrawCycle()))
    found, before = [], None
    while True:
        page = licensed.ask(Exchange(before, 3))
        found, before = [*found, *page.entries], page.next
        if before is None:
            break
    assert found == licensed.ask(Exchange(limit=100)).entries
    assert page.cycles == sum(entry.kind == "cycle" for entry in found)
    assert page.token == next(entry for entry in found if entry.kind == "token")
    assert len(found) == 8
    for limit in (0, 101):
        refused(licensed.ask(Exchange(limit=limit)), Code.MALFORMED)


def test_it_is_bounded_and_keeps_the_newest():
    past = Past()
    for number in range(ENTRIES_KEPT + 10):
        past.request(number, PastRequest("r", number, "change", MONDAY, MONDAY, "anna"), f"cycle {number}", MONDAY)
        past.close("withdrawn", MONDAY, "anna")
    assert [entry.number for entry in past.entries] == list(range(10, ENTRIES_KEPT + 10))
    for number in range(1000, 1000 + 2 * REQUESTS_KEPT):
        past.request(number, PastRequest("r", number, "change", MONDAY, MONDAY, "anna"), "long", MONDAY)
    kept = [request.sequence for request in past.entries[-1].requests]
    newest = list(range(1000 + REQUESTS_KEPT + 1, 1000 + 2 * REQUESTS_KEPT))
    assert kept == [1000, *newest]


@pytest.mark.rule("E3")
def test_e3_the_newest_request_can_be_read_and_names_nobody(licensed):
    refused_before = licensed.ask(RequestText())
    assert refused_before.sequence == 1, "the one that was answered can still be read"
    granted(licensed.do(AssignUser("bot-creator", "mara.lindqvist")))
    granted(licensed.do(AcquireSeat("unattended-bot-runner", "bot-host-17")))
    raw = licensed.request()
    shown = licensed.ask(RequestText())
    assert (shown.name, shown.size, shown.sequence, shown.kind) == ("oslo-0002.lfr", len(raw), 2, "change")
    assert (shown.generated_at, shown.first_request_at) == (licensed.now, licensed.now)
    assert shown.install_by == licensed.now + 2 * DAY
    assert "This is all that leaves" in shown.text
    assert "name of the site: Oslo; version: " in shown.statement
    assert "document-pages" in shown.statement
    assert shown.warnings == []
    assert "document-pages" in shown.text
    assert "mara" not in shown.text
    assert "host-17" not in shown.text
    granted(licensed.do(WithdrawCycle()))
    refused(licensed.ask(RequestText()), Code.NOT_FOUND)


@pytest.mark.parametrize(
    ("room", "name"),
    [("Frankfurt Vault", "frankfurt-vault-0012.lfr"), ("../株", "control-room-0012.lfr"), ("A/B", "a-b-0012.lfr")],
)
def test_a_file_name_is_one_that_any_file_system_takes(room, name):
    assert file_name(room, 12, "lfr", "") == name
