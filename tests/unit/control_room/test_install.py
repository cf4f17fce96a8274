"""E5, E7, E9, E10, E13, E16, V2, L6: what a site installs, and what it refuses, by each step."""

from copy import deepcopy
from datetime import timedelta

import msgspec
import pytest

from carnet.control_room.queries.license_preview import preview
from carnet.control_room.rules.activation.install_token import InstallKeySet
from carnet.control_room.rules.grant import lines_of
from carnet.control_room.rules.granting.seats import AcquireSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser
from carnet.entitlements import granted as granted_now
from carnet.exchange.keys import new_opener
from carnet.exchange.offline_license_file import read_license_file, write_license_file
from carnet.exchange.verdicts import Code
from tests.support.cast import MONDAY, seeded
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor, line
from tests.unit.control_room.conftest import YEAR, granted, refused, standard_lines

SECOND = timedelta(seconds=1)


@pytest.mark.rule("E7", "E9")
def test_e7_an_install_closes_the_cycle_and_replaces_what_was_before(vendor, licensed):
    lfr = licensed.request()
    granted(licensed.install(vendor.olf(lfr, standard_lines(bot_creator=5, document_pages=0), MONDAY)))
    assert licensed.state.open_cycle is None
    assert granted_now(lines_of(licensed.state), "bot-creator", MONDAY) == 5
    refused(licensed.do(ConsumeUnits("document-pages", 1)), Code.NOT_GRANTED)
    assert licensed.kinds()[-3:-1] == ["license.installed", "receipt.written"]
    assert licensed.verify().holds


@pytest.mark.rule("E7", "already_used")
def test_e7_the_same_file_again_is_refused_and_changes_nothing(vendor, enabled):
    olf = vendor.olf(enabled.request(), standard_lines(), MONDAY)
    enabled.install(olf)
    before = enabled.dump()
    refused(enabled.install(olf), Code.ALREADY_USED)
    enabled.request()
    refused(enabled.install(olf), Code.ALREADY_USED)
    assert before["documents"][0] == enabled.dump()["documents"][0]


@pytest.mark.rule("E7", "wrong_control_room")
def test_e7_a_file_for_another_site_is_refused(vendor, enabled):
    other = Room(vendor.trust, "other")
    other.enable(vendor.token(MONDAY))
    olf = vendor.olf(other.request(), standard_lines(), MONDAY)
    enabled.request()
    before = enabled.dump()
    refused(enabled.install(olf), Code.WRONG_CONTROL_ROOM)
    assert enabled.dump() == before


@pytest.mark.rule("E7", "wrong_key")
def test_e7_a_file_sealed_to_another_key_is_refused(vendor, enabled):
    stranger = new_opener(seeded("stranger")).key
    olf = vendor.olf(enabled.request(), standard_lines(), MONDAY, seal_to=stranger)
    before = enabled.dump()
    refused(enabled.install(olf), Code.WRONG_KEY)
    assert enabled.dump() == before


@pytest.mark.rule("E7", "wrong_key")
def test_e7_a_sealed_body_moved_to_another_file_does_not_open(vendor, enabled):
    lfr = enabled.request()
    rich = vendor.olf(lfr, standard_lines(bot_creator=500), MONDAY)
    sealed = read_license_file(rich, enabled.state.pinned).olf
    olf = vendor.olf(lfr, standard_lines(), MONDAY, sealed=sealed.sealed, sealed_sha256=sealed.sealed_sha256)
    refused(enabled.install(olf), Code.WRONG_KEY)


@pytest.mark.rule("E7", "out_of_sequence")
def test_e7_a_sequence_that_does_not_rise_is_refused(vendor, licensed):
    olf = vendor.olf(licensed.request(), standard_lines(), MONDAY, sequence=1)
    before = licensed.dump()
    refused(licensed.install(olf), Code.OUT_OF_SEQUENCE)
    assert licensed.dump() == before


@pytest.mark.rule("E7")
def test_e7_gaps_in_the_sequence_are_normal(vendor, licensed):
    granted(licensed.install(vendor.olf(licensed.request(), standard_lines(), MONDAY, sequence=9)))


@pytest.mark.rule("E7", "superseded")
def test_e7_an_answer_to_altered_bytes_of_the_request_is_refused(vendor, enabled):
    from carnet.exchange.license_file_request import read_lfr
    from carnet.exchange.offline_license_file import Answers

    lfr = enabled.request()
    answers = Answers(request_id=read_lfr(lfr).lfr.request_id, sha256="a" * 64)
    refused(enabled.install(vendor.olf(lfr, standard_lines(), MONDAY, answers=answers)), Code.SUPERSEDED)


@pytest.mark.rule("not_enabled")
def test_a_site_without_a_token_installs_nothing(vendor, new_room):
    other = Room(vendor.trust)  # the same seed: the same identity and keys, as a copy made before enabling
    other.enable(vendor.token(MONDAY))
    olf = vendor.olf(other.request(), standard_lines(), MONDAY)
    refused(new_room.install(olf), Code.NOT_ENABLED)


@pytest.mark.rule("E5", "window_closed")
@pytest.mark.parametrize(("after", "late"), [(timedelta(hours=48) - SECOND, False), (timedelta(hours=48), True)])
def test_e5_48_hours_from_the_newest_request(vendor, enabled, after, late):
    olf = vendor.olf(enabled.request(), standard_lines(), MONDAY)
    enabled.wait(seconds=after.total_seconds())
    before = enabled.dump()
    answer = enabled.install(olf)
    if late:
        refused(answer, Code.WINDOW_CLOSED)
        assert enabled.dump() == before
    else:
        granted(answer)


@pytest.mark.rule("E5", "window_closed")
@pytest.mark.parametrize(("after", "late"), [(timedelta(days=7) - SECOND, False), (timedelta(days=7), True)])
def test_e5_seven_days_from_the_first_request(vendor, licensed, after, late):
    licensed.request()
    licensed.wait(days=6, hours=12)
    olf = vendor.olf(licensed.request(), standard_lines(), licensed.now)
    licensed.wait(seconds=(after - timedelta(days=6, hours=12)).total_seconds())
    answer = licensed.install(olf)
    refused(answer, Code.WINDOW_CLOSED) if late else granted(answer)
    assert (licensed.state_name == "locked") is late


@pytest.mark.rule("E5", "T2")
def test_e5_a_clock_set_back_does_not_reopen_the_window(vendor, enabled):
    olf = vendor.olf(enabled.request(), standard_lines(), MONDAY)
    enabled.wait(hours=48)
    enabled.set_clock(MONDAY)
    refused(enabled.install(olf), Code.WINDOW_CLOSED)


@pytest.mark.rule("E10", "does_not_fit")
def test_e10_users_in_use_are_not_taken_away_and_are_named(vendor, licensed):
    for user in ("anna", "bert", "cleo"):
        licensed.do(AssignUser("bot-creator", user))
    olf = vendor.olf(licensed.request(), standard_lines(bot_creator=2), MONDAY)
    before = licensed.dump()
    refusal = refused(licensed.install(olf), Code.DOES_NOT_FIT)
    assert "free 1 bot-creator" in refusal.message
    assert "anna, bert, cleo" in refusal.evidence[0]
    assert licensed.dump() == before
    licensed.do(UnassignUser("bot-creator", "bert"))
    granted(licensed.install(olf))


@pytest.mark.rule("E10", "does_not_fit")
def test_e10_running_leases_are_not_taken_away_and_expired_ones_do_not_count(vendor, licensed):
    for holder in ("bot-1", "bot-2"):
        licensed.do(AcquireSeat("unattended-bot-runner", holder, 600))
    olf = vendor.olf(licensed.request(), standard_lines(unattended_bot_runner=1), MONDAY)
    refusal = refused(licensed.install(olf), Code.DOES_NOT_FIT)
    assert "bot-1" in refusal.evidence[0]
    licensed.wait(seconds=600)
    granted(licensed.install(olf))


@pytest.mark.rule("E10", "does_not_fit")
def test_e10_a_line_is_not_lowered_below_what_was_consumed(vendor, licensed):
    licensed.do(ConsumeUnits("document-pages", 60))
    lfr = licensed.request()
    refusal = refused(licensed.install(vendor.olf(lfr, standard_lines(document_pages=59), MONDAY)), Code.DOES_NOT_FIT)
    assert "new LFR" in refusal.next
    granted(licensed.install(vendor.olf(lfr, standard_lines(document_pages=60), MONDAY)))


@pytest.mark.rule("E10", "Q5")
def test_e10_an_unchanged_line_fits_even_overdrawn(vendor, enabled):
    pages = line("document-pages", 100, MONDAY, YEAR, overage=10)
    enabled.install(vendor.olf(enabled.request(), [pages], MONDAY))
    assert granted(enabled.do(ConsumeUnits("document-pages", 110))).owed == 10
    granted(enabled.install(vendor.olf(enabled.request(), [pages], MONDAY)))


@pytest.mark.rule("E10")
def test_e10_a_line_left_out_and_brought_back_lower_is_still_judged(vendor, licensed):
    licensed.do(ConsumeUnits("document-pages", 60))
    granted(licensed.install(vendor.olf(licensed.request(), standard_lines(document_pages=0), MONDAY)))
    lfr = licensed.request()
    refused(licensed.install(vendor.olf(lfr, standard_lines(document_pages=30), MONDAY)), Code.DOES_NOT_FIT)


@pytest.mark.rule("E10", "Q4")
def test_e10_what_is_no_longer_covered_is_not_taken_away(vendor, enabled):
    enabled.install(vendor.olf(enabled.request(), [line("bot-creator", 3, MONDAY, MONDAY + timedelta(days=5))], MONDAY))
    for user in ("anna", "bert", "cleo"):
        enabled.do(AssignUser("bot-creator", user))
    enabled.wait(days=5)
    lfr = enabled.request()
    granted(enabled.install(vendor.olf(lfr, [line("bot-creator", 1, MONDAY, YEAR)], enabled.now)))


@pytest.mark.rule("V2", "log_mismatch")
def test_v2_a_file_that_the_log_does_not_hold_is_refused(vendor, licensed):
    lfr = licensed.request()
    olf = read_license_file(vendor.olf(lfr, standard_lines(), MONDAY), licensed.state.pinned).olf
    before = licensed.dump()
    for broken in (
        None,
        msgspec.structs.replace(olf.issuing_log, extends=None),
        msgspec.structs.replace(olf.issuing_log, inclusion=[]),
        msgspec.structs.replace(olf.issuing_log, record=msgspec.structs.replace(olf.issuing_log.record, subject="x")),
    ):
        raw = write_license_file(msgspec.structs.replace(olf, issuing_log=broken), vendor.issuers)
        refused(licensed.install(raw), Code.LOG_MISMATCH)
    assert licensed.dump() == before


@pytest.mark.rule("V2", "log_mismatch")
def test_v2_a_vendor_that_rewrote_its_log_is_found_out(vendor, licensed):
    from tests.support.vendor_simulator import Log

    lfr = licensed.request()
    vendor.log = Log()
    for _ in range(3):
        vendor.log.add(b"another past")
    refused(licensed.install(vendor.olf(lfr, standard_lines(), MONDAY)), Code.LOG_MISMATCH)
    assert licensed.state.installed.sequence == 1


@pytest.fixture
def seen(vendor, licensed):
    """The vendor's log as it was before the newest license file, which this site saw."""
    before = deepcopy(vendor.log)
    granted(licensed.install(vendor.olf(licensed.request(), standard_lines(), MONDAY)))
    return before


@pytest.mark.rule("L6", "V2", "E16")
def test_l6_the_roots_state_a_break_and_the_site_keeps_what_it_saw(vendor, licensed, seen):
    saw, size = licensed.state.issuing_log, seen.peaks.size
    vendor.restored(seen, MONDAY)
    olf = vendor.olf(licensed.request(), standard_lines(), MONDAY, seen=seen.checkpoint)
    granted(licensed.install(olf))
    (broken,) = licensed.state.log_breaks
    assert broken.seen == saw, "the evidence that the vendor's log held more"
    assert (broken.stated.size, broken.stated.why) == (size, "the disk was lost")
    assert "issuing_log.broken" in licensed.kinds()
    granted(licensed.install(vendor.olf(licensed.request(), standard_lines(), MONDAY)))
    assert len(licensed.state.log_breaks) == 1, "it is stated once"


@pytest.mark.rule("L6", "E16")
def test_l6_a_key_set_that_comes_alone_states_it_too(vendor, licensed, seen):
    granted(licensed.do(InstallKeySet(vendor.restored(seen, MONDAY))))
    assert licensed.state.issuing_log.checkpoint == seen.checkpoint
    granted(licensed.install(vendor.olf(licensed.request(), standard_lines(), MONDAY)))


@pytest.mark.security
@pytest.mark.rule("L6", "V2", "log_mismatch")
def test_l6_issuing_keys_alone_make_no_break(vendor, licensed, seen):
    lfr = licensed.request()
    before = licensed.dump()
    vendor.log = seen
    refused(licensed.install(vendor.olf(lfr, standard_lines(), MONDAY, seen=seen.checkpoint)), Code.LOG_MISMATCH)
    assert licensed.dump() == before


@pytest.mark.security
@pytest.mark.rule("L6", "V2", "log_mismatch")
def test_l6_a_break_hides_nothing_that_was_seen_before_it(vendor, licensed):
    """The log goes on from more records than this site saw: all that it saw must be in there still."""
    from tests.support.vendor_simulator import Log

    other = Log()
    for number in range(9):
        other.add(b"another past %d" % number)
    lfr = licensed.request()
    before = licensed.dump()
    vendor.restored(other, MONDAY)
    refused(licensed.install(vendor.olf(lfr, standard_lines(), MONDAY)), Code.LOG_MISMATCH)
    assert licensed.dump() == before


@pytest.mark.rule("L6")
def test_l6_a_site_that_was_away_for_two_breaks_takes_both(vendor, licensed, seen):
    older = deepcopy(seen)
    vendor.restored(seen, MONDAY)
    vendor.log.add(b"a record of the time between")
    vendor.restored(older, MONDAY + timedelta(days=1))
    granted(licensed.install(vendor.olf(licensed.request(), standard_lines(), MONDAY, seen=older.checkpoint)))
    assert [each.stated.at for each in licensed.state.log_breaks] == [MONDAY, MONDAY + timedelta(days=1)]


@pytest.mark.rule("E16", "unknown_signer")
def test_e16_a_file_of_keys_no_longer_named_is_refused(vendor, licensed):
    lfr = licensed.request()
    old = vendor.olf(lfr, standard_lines(), MONDAY)
    granted(licensed.do(InstallKeySet(vendor.rotate(MONDAY, issuers=True))))
    refused(licensed.install(old), Code.UNKNOWN_SIGNER)


@pytest.mark.rule("E16")
def test_e16_new_issuing_keys_and_new_roots_come_with_a_license_file(vendor, licensed):
    lfr = licensed.request()
    vendor.rotate(MONDAY, issuers=True, roots=True)
    granted(licensed.install(vendor.olf(lfr, standard_lines(), MONDAY)))
    assert licensed.state.key_set.version == 2
    vendor.rotate(MONDAY, issuers=True)
    granted(licensed.install(vendor.olf(licensed.request(), standard_lines(), MONDAY)))


@pytest.mark.rule("E16", "key_set_too_old")
def test_e16_a_lower_key_set_is_never_taken(vendor, licensed):
    first = vendor.key_set_raw
    granted(licensed.do(InstallKeySet(vendor.rotate(MONDAY))))
    before = licensed.dump()
    refused(licensed.do(InstallKeySet(first)), Code.KEY_SET_TOO_OLD)
    assert licensed.dump() == before


@pytest.mark.rule("bad_signature")
def test_either_signature_alone_is_not_enough(vendor, enabled):
    lfr = enabled.request()
    for signers in ([vendor.issuers[0]], [vendor.issuers[1]], [vendor.issuers[0], Vendor("x").issuers[1]]):
        answer = enabled.install(vendor.olf(lfr, standard_lines(), MONDAY, signers=signers))
        assert answer.code in (Code.BAD_SIGNATURE, Code.UNKNOWN_SIGNER)
    assert enabled.state.installed is None


@pytest.mark.rule("E13")
def test_e13_a_preview_judges_as_the_install_does_and_changes_nothing(vendor, licensed):
    for user in ("anna", "bert", "cleo"):
        licensed.do(AssignUser("bot-creator", user))
    olf = vendor.olf(licensed.request(), standard_lines(bot_creator=1, document_pages=0), MONDAY)
    before, size = licensed.dump(), licensed.engine.checkpoint.size
    shown = preview(olf, licensed.state, licensed.engine.moment(licensed.reading))
    assert shown.refused.code is Code.DOES_NOT_FIT
    assert {change.sku: change.now for change in shown.changes}["document-pages"] == 0
    assert licensed.dump() == before
    assert licensed.engine.checkpoint.size == size


@pytest.mark.rule("Q1")
def test_q1_a_line_may_start_in_the_future(vendor, licensed):
    later = line("bot-creator", 10, YEAR, YEAR + timedelta(days=365))
    granted(licensed.install(vendor.olf(licensed.request(), [*standard_lines(), later], MONDAY)))
    assert granted_now(lines_of(licensed.state), "bot-creator", MONDAY) == 3
    assert granted_now(lines_of(licensed.state), "bot-creator", YEAR) == 10
    assert licensed.state_name == "active"
