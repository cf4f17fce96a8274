"""L6: a site whose license CALM may have forgotten carries it back in its next LFR by itself, also the largest one."""

from copy import deepcopy
from datetime import timedelta

import msgspec
import pytest

from carnet.control_room.queries.exchange import Exchange, RequestText
from carnet.control_room.rules.activation import generate_request
from carnet.control_room.rules.activation.generate_request import GenerateRequest
from carnet.control_room.rules.activation.install_token import InstallKeySet
from carnet.entitlements import new_id
from carnet.exchange.carried_license import read_carried
from carnet.exchange.envelope import MAX_CARRYING, MAX_FILE
from carnet.exchange.license_file_request import MAX_TOTALS, RequestKind, read_lfr
from carnet.exchange.offline_license_file import MAX_LINES
from carnet.exchange.verdicts import Code
from tests.support.cast import MONDAY
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor, line
from tests.unit.control_room.conftest import YEAR, granted, refused, standard_lines

SAYS = "This request carries the license, because CALM was restored"


@pytest.fixture
def lost(vendor: Vendor, licensed: Room) -> Room:
    """License file 2 is installed; then CALM was restored to before it, and the site got the key set that says so."""
    before = deepcopy(vendor.log)
    granted(licensed.install(vendor.olf(licensed.request(), standard_lines(), MONDAY)))
    granted(licensed.do(InstallKeySet(vendor.restored(before, MONDAY))))
    return licensed


def carried(raw: bytes) -> int | None:
    """The number of the license file that it carries."""
    lfr = read_lfr(raw).lfr  # type: ignore[union-attr]
    if lfr.license is None:
        return None
    opened = read_carried(lfr.license, [])
    return lfr.installed.sequence if opened else None


@pytest.mark.rule("L6")
def test_the_next_request_carries_the_license_and_says_why(lost: Room) -> None:
    assert lost.ask(Exchange()).carries.startswith(SAYS), "before it is made"
    answer = granted(lost.do(GenerateRequest()))
    assert answer.carries.startswith(SAYS)
    assert "license file 2" in answer.carries
    raw = lost.store.document(generate_request.REQUEST)
    assert carried(raw) == 2
    assert "carries the installed license file back" in lost.ask(RequestText()).statement


@pytest.mark.rule("L6", "E11")
def test_so_does_a_release(lost: Room) -> None:
    assert carried(lost.request(RequestKind.RELEASE)) == 2


@pytest.mark.rule("L6")
def test_no_more_once_calm_has_issued_since(vendor: Vendor, lost: Room) -> None:
    granted(lost.install(vendor.olf(lost.request(), standard_lines(), MONDAY)))
    assert carried(lost.request()) is None
    assert lost.ask(Exchange()).carries == ""


@pytest.mark.rule("L6")
def test_a_license_of_before_the_state_that_was_put_back_is_known_to_calm(vendor: Vendor, licensed: Room) -> None:
    before = deepcopy(vendor.log)
    vendor.log.add(b"what was done for others")
    granted(licensed.do(InstallKeySet(vendor.restored(before, MONDAY))))
    assert carried(licensed.request()) is None


@pytest.mark.rule("L6", "V2")
def test_a_file_of_the_time_that_was_lost_which_is_installed_after_its_end(vendor: Vendor, enabled: Room) -> None:
    """The key set came first; the file was issued before, and this site had seen nothing of the log."""
    vendor.log.add(b"that CALM was set up")
    before = deepcopy(vendor.log)
    olf = vendor.olf(enabled.request(), standard_lines(), MONDAY)
    granted(enabled.do(InstallKeySet(vendor.restored(before, MONDAY + timedelta(hours=1)))))
    granted(enabled.install(olf))
    assert carried(enabled.request()) == 1


@pytest.mark.rule("L6", "E19")
def test_the_largest_license_and_as_many_totals_as_an_lfr_states_fit(vendor: Vendor, enabled: Room) -> None:
    """256 lines of long names, after as many others of units, which are stated on."""
    texts = enabled.random(MAX_LINES * 400).hex()
    for month in range(2):
        one = line("document-pages", 2**53 - 1, MONDAY, YEAR)
        lines = [
            msgspec.structs.replace(
                one,
                line_id=new_id(enabled.now, enabled.random),
                sku=f"{month}{number:03}{'x' * 60}",
                name=texts[number * 200 :][:200],
                unit=texts[-1 - number * 200 :][:200],
            )
            for number in range(MAX_LINES)
        ]
        before = deepcopy(vendor.log)
        granted(enabled.install(vendor.olf(enabled.request(), lines, MONDAY)))
    granted(enabled.do(InstallKeySet(vendor.restored(before, MONDAY))))
    raw = enabled.request()
    lfr = read_lfr(raw).lfr  # type: ignore[union-attr]
    assert len(lfr.totals.record.body.lines) == MAX_TOTALS
    assert MAX_FILE < len(raw) < MAX_CARRYING
    assert carried(raw) == 2
    assert len(enabled.request(with_license=True)) < MAX_CARRYING


@pytest.mark.security
@pytest.mark.rule("L6", "E19", "too_large")
def test_what_has_no_room_is_refused_where_it_was_asked_for_and_left_out_where_not(
    lost: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carnet.control_room.rules.activation.lfr_draft.MAX_CARRYING", MAX_FILE // 4)
    before = lost.dump()
    answer = refused(lost.do(GenerateRequest(with_license=True)), Code.TOO_LARGE)
    assert "newer backup" in answer.next
    assert lost.dump() == before
    assert carried(lost.request()) is None, "a request is made all the same"
