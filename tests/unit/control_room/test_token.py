"""E2: the enablement token at the site."""

from datetime import timedelta

import pytest

from carnet.control_room.state.trusted_time import Reading
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.verdicts import Code
from tests.support.cast import MONDAY
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor
from tests.unit.control_room.conftest import granted, refused, standard_lines

SECOND = timedelta(seconds=1)


@pytest.mark.rule("E2")
def test_e2_a_token_enables_a_new_site(vendor, new_room):
    granted(new_room.enable(vendor.token(MONDAY)))
    assert new_room.state_name == "enabled"
    assert new_room.verify().holds


@pytest.mark.rule("E2", "too_early", "expired")
@pytest.mark.parametrize(
    ("after", "code"),
    [
        (-SECOND, Code.TOO_EARLY),
        (0 * SECOND, None),
        (timedelta(hours=24) - SECOND, None),
        (timedelta(hours=24), Code.EXPIRED),
    ],
)
def test_e2_a_token_is_in_force_for_24_hours_from_its_download(vendor, new_room, after, code):
    token = vendor.token(MONDAY)
    new_room.set_clock(MONDAY + after)
    before = new_room.dump()
    answer = new_room.enable(token)
    if code is None:
        granted(answer)
    else:
        refused(answer, code)
        assert new_room.dump() == before


@pytest.mark.rule("E2", "version_too_old")
def test_e2_a_site_older_than_the_token_asks_for_is_refused(vendor):
    room = Room(vendor.trust, version="39.9.9")
    before = room.dump()
    refused(room.enable(vendor.token(MONDAY, min_control_room_version="40")), Code.VERSION_TOO_OLD)
    assert room.dump() == before


@pytest.mark.rule("E2", "already_enabled")
def test_e2_a_licensed_site_takes_no_second_token(vendor, licensed):
    before = licensed.dump()
    refused(licensed.enable(vendor.token(MONDAY)), Code.ALREADY_ENABLED)
    assert licensed.dump() == before


@pytest.mark.rule("E2", "token_seen")
def test_e2_the_same_token_is_not_installed_twice(vendor, new_room):
    token = vendor.token(MONDAY)
    new_room.enable(token)
    refused(new_room.enable(token), Code.TOKEN_SEEN)
    new_room.request(RequestKind.RELEASE)
    refused(new_room.enable(token), Code.TOKEN_SEEN)


@pytest.mark.rule("E2", "E4")
def test_e2_a_better_token_replaces_a_dead_one_and_voids_the_cycle(vendor, enabled):
    lfr = enabled.request()
    olf = vendor.olf(lfr, standard_lines(), MONDAY)
    granted(enabled.enable(vendor.token(MONDAY)))
    assert enabled.state.open_cycle is None
    refused(enabled.install(olf), Code.SUPERSEDED)


@pytest.mark.rule("E2", "T1")
def test_e2_a_poisoned_mark_does_not_lock_a_released_site_out(vendor, licensed):
    licensed.set_clock(MONDAY + timedelta(days=4000))
    licensed.request(RequestKind.RELEASE)
    licensed.set_clock(MONDAY + timedelta(hours=1))
    assert licensed.now > MONDAY + timedelta(days=3999)
    granted(licensed.enable(vendor.token(MONDAY + timedelta(hours=1))))
    assert licensed.state_name == "enabled"


@pytest.mark.rule("E2", "unknown_signer")
def test_e2_a_token_of_another_vendor_is_refused(new_room):
    before = new_room.dump()
    refused(new_room.enable(Vendor("impostor").token(MONDAY)), Code.UNKNOWN_SIGNER)
    assert new_room.dump() == before


@pytest.mark.rule("E16", "key_set_too_old")
def test_e16_a_token_with_an_older_key_set_is_refused(vendor, new_room):
    old = vendor.token(MONDAY)
    vendor.rotate(MONDAY, issuers=True)
    new_room.enable(vendor.token(MONDAY))
    refused(new_room.enable(old), Code.KEY_SET_TOO_OLD)
    assert new_room.state.key_set.version == 2


@pytest.mark.rule("A2")
def test_a2_the_enrolment_secret_is_not_kept(vendor, new_room):
    from carnet.exchange.enablement_token import read_token

    raw = vendor.token(MONDAY)
    secret = read_token(raw, new_room.state.pinned).token.enrolment_secret
    new_room.enable(raw)
    kept = b"".join(bytes(record.body) for record in new_room.engine.reader.records())
    assert secret.encode() not in kept
    assert secret not in repr(new_room.state)


@pytest.mark.rule("E2")
def test_e2_a_reading_of_the_clock_is_all_that_a_new_site_needs(vendor, new_room):
    new_room.reading = Reading(MONDAY, 0, "boot-9")
    granted(new_room.enable(vendor.token(MONDAY)))
