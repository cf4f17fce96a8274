"""E3, E4, E8, E11, E14, E15: requests, cycles and their ends, at the site."""

from datetime import timedelta

import pytest

from carnet.control_room.rules.activation.generate_request import REQUEST, GenerateRequest, WithdrawCycle
from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat, RenewSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser, check_user
from carnet.errors import UsageError
from carnet.exchange.license_file_request import RequestKind, read_lfr
from carnet.exchange.verdicts import Code
from tests.support.cast import MONDAY
from tests.unit.control_room.conftest import granted, refused, standard_lines

SECOND = timedelta(seconds=1)


def read(raw):
    return read_lfr(raw).lfr


@pytest.mark.rule("E3", "not_enabled")
def test_e3_a_site_without_a_token_generates_no_request(new_room):
    before = new_room.dump()
    refused(new_room.do(GenerateRequest()), Code.NOT_ENABLED)
    assert new_room.dump() == before


@pytest.mark.rule("E3")
def test_e3_each_request_has_a_higher_sequence_and_is_a_record(enabled):
    first, second = read(enabled.request()), read(enabled.request())
    assert (first.sequence, second.sequence) == (1, 2)
    assert first.request_id != second.request_id
    assert enabled.kinds().count("request.generated") == 2


@pytest.mark.rule("E3")
def test_e3_the_newest_request_is_kept_byte_for_byte(enabled):
    raw = enabled.request()
    enabled.reopen()
    assert enabled.store.document(REQUEST) == raw


@pytest.mark.rule("E4", "E5")
def test_e4_regenerating_does_not_restart_the_seven_days(enabled):
    opened = read(enabled.request()).cycle.opened_at
    enabled.wait(days=6)
    again = read(enabled.request())
    assert again.cycle.opened_at == opened
    assert again.install_by == opened + timedelta(days=7)


@pytest.mark.rule("E4", "superseded")
def test_e4_a_newer_request_voids_the_earlier_for_good(vendor, enabled):
    olf = vendor.olf(enabled.request(), standard_lines(), MONDAY)
    enabled.request()
    before = enabled.dump()
    refused(enabled.install(olf), Code.SUPERSEDED)
    assert enabled.dump() == before


@pytest.mark.rule("E14")
def test_e14_withdrawing_voids_the_request_and_starts_the_days_anew(vendor, licensed):
    olf = vendor.olf(licensed.request(), standard_lines(), MONDAY)
    licensed.wait(days=6)
    granted(licensed.do(WithdrawCycle()))
    refused(licensed.install(olf), Code.SUPERSEDED)
    again = read(licensed.request())
    assert again.cycle.withdrawn_before == 1
    assert again.cycle.opened_at == licensed.now
    assert licensed.state_name == "active"


@pytest.mark.rule("E14")
def test_e14_the_count_of_withdrawn_cycles_starts_anew_with_an_install(vendor, licensed):
    licensed.request()
    licensed.do(WithdrawCycle())
    licensed.install(vendor.olf(licensed.request(), standard_lines(), MONDAY))
    assert read(licensed.request()).cycle.withdrawn_before == 0


@pytest.mark.rule("E14", "window_closed")
@pytest.mark.parametrize(("after", "missed"), [(timedelta(days=7) - SECOND, False), (timedelta(days=7), True)])
def test_e14_a_missed_cycle_can_no_longer_be_withdrawn(licensed, after, missed):
    licensed.request()
    licensed.wait(seconds=after.total_seconds())
    answer = licensed.do(WithdrawCycle())
    if missed:
        refused(answer, Code.WINDOW_CLOSED)
        assert licensed.state_name == "locked"
    else:
        granted(answer)


@pytest.mark.rule("E14", "window_closed")
def test_e14_a_decision_judges_by_now_whether_or_not_the_miss_was_written_down(licensed):
    licensed.request()
    licensed.wait(days=7)
    assert not licensed.state.cycle.missed
    refused(WithdrawCycle().decide(licensed.state, licensed.engine.moment(licensed.reading)), Code.WINDOW_CLOSED)


@pytest.mark.rule("E14")
def test_e14_without_a_cycle_there_is_nothing_to_withdraw(licensed):
    before = licensed.dump()
    with pytest.raises(UsageError):
        licensed.do(WithdrawCycle())
    assert licensed.dump() == before


@pytest.mark.rule("E8", "locked")
@pytest.mark.parametrize(("after", "locked"), [(timedelta(days=7) - SECOND, False), (timedelta(days=7), True)])
def test_e8_a_licensed_site_locks_seven_days_after_the_first_request(licensed, after, locked):
    licensed.request()
    licensed.wait(seconds=after.total_seconds())
    answer = licensed.do(AssignUser("bot-creator", "bert"))
    if locked:
        refused(answer, Code.LOCKED)
        assert licensed.state_name == "locked"
    else:
        granted(answer)


@pytest.mark.rule("E8", "locked")
def test_e8_a_locked_site_serves_what_runs_and_grants_nothing_new(licensed):
    licensed.do(AssignUser("bot-creator", "anna"))
    licensed.request()
    licensed.wait(days=7, hours=-1)
    lease = granted(licensed.do(AcquireSeat("unattended-bot-runner", "bot-1", 7200))).lease_id
    licensed.wait(hours=1)
    assert licensed.state_name == "locked"
    granted(check_user(licensed.state, "bot-creator", "anna", licensed.now))
    granted(licensed.do(RenewSeat(lease)))
    for new in (
        AssignUser("bot-creator", "bert"),
        AcquireSeat("unattended-bot-runner", "b"),
        ConsumeUnits("document-pages", 1),
    ):
        refused(licensed.do(new), Code.LOCKED)
    granted(licensed.do(ReleaseSeat(lease)))
    granted(licensed.do(UnassignUser("bot-creator", "anna")))


@pytest.mark.rule("E8")
def test_e8_a_new_cycle_leaves_it_locked_until_its_answer_is_installed(vendor, licensed):
    licensed.request()
    licensed.wait(days=7)
    lfr = licensed.request()
    assert read(lfr).state == "locked"
    assert licensed.state_name == "locked"
    granted(licensed.install(vendor.olf(lfr, standard_lines(), licensed.now)))
    assert licensed.state_name == "active"


@pytest.mark.rule("E8")
def test_e8_a_site_never_licensed_lapses_and_does_not_lock(vendor, enabled):
    enabled.request()
    enabled.wait(days=8)
    assert enabled.state_name == "enabled"
    granted(enabled.install(vendor.olf(enabled.request(), standard_lines(), enabled.now)))


@pytest.mark.rule("E11", "released")
def test_e11_a_release_is_the_last_word(vendor, licensed):
    licensed.do(ConsumeUnits("document-pages", 40))
    release = read(licensed.request(RequestKind.RELEASE))
    assert (release.cycle, release.install_by) == (None, None)
    assert release.installed is not None
    assert {t.sku: t.consumed for t in release.totals.record.body.lines}["document-pages"] == 40
    assert licensed.state_name == "released"
    before = licensed.dump()
    refused(licensed.do(ConsumeUnits("document-pages", 1)), Code.RELEASED)
    refused(licensed.do(GenerateRequest()), Code.RELEASED)
    assert licensed.dump() == before
    granted(licensed.do(GenerateRequest(RequestKind.RELEASE, since=3)))


@pytest.mark.rule("E11")
def test_e11_a_release_closes_the_open_cycle(vendor, licensed):
    olf = vendor.olf(licensed.request(), standard_lines(), MONDAY)
    licensed.request(RequestKind.RELEASE)
    refused(licensed.install(olf), Code.RELEASED)
    licensed.wait(days=9)
    assert licensed.state_name == "released"


@pytest.mark.rule("E11", "Q3")
def test_e11_enabled_again_its_identity_ledger_and_sequence_go_on(vendor, licensed):
    licensed.do(ConsumeUnits("document-pages", 40))
    release = read(licensed.request(RequestKind.RELEASE))
    granted(licensed.enable(vendor.token(MONDAY)))
    again = read(licensed.request())
    assert again.control_room == release.control_room
    assert again.sequence == release.sequence + 1
    assert again.installed is None
    assert again.ledger.shows(release.ledger.checkpoint.checkpoint) is True
    # the lines before are stated until the new enrolment is licensed, in case the release was lost
    assert {t.sku: t.consumed for t in again.totals.record.body.lines}["document-pages"] == 40
    licensed.install(vendor.olf(licensed.store.document(REQUEST), standard_lines(document_pages=7), MONDAY + SECOND))
    assert [t.granted for t in read(licensed.request()).totals.record.body.lines if t.sku == "document-pages"]


@pytest.mark.rule("E15")
def test_e15_a_rekey_request_is_signed_by_both_and_its_answer_changes_the_keys(vendor, licensed):
    old = licensed.state.signing_key
    lfr = licensed.request(new_keys=True)
    request = read(lfr)
    assert len(read_lfr(lfr).envelope.signatures) == 2
    assert request.control_room.signing_key == old
    granted(licensed.install(vendor.olf(lfr, standard_lines(), MONDAY)))
    assert licensed.state.signing_key == request.new_keys.signing_key
    licensed.reopen()
    assert read(licensed.request()).control_room.signing_key == request.new_keys.signing_key
    assert licensed.verify().holds


@pytest.mark.rule("E15")
def test_e15_if_the_cycle_is_withdrawn_or_missed_the_old_keys_stay(licensed):
    old = licensed.state.signing_key
    licensed.request(new_keys=True)
    licensed.do(WithdrawCycle())
    assert read(licensed.request()).control_room.signing_key == old
    licensed.request(new_keys=True)
    licensed.wait(days=8)
    after = read(licensed.request())
    assert (after.control_room.signing_key, after.new_keys) == (old, None)


@pytest.mark.rule("L3")
def test_l3_the_totals_are_a_leaf_proven_in_the_checkpoint_just_before_the_request(licensed):
    licensed.do(ConsumeUnits("document-pages", 3))
    lfr = licensed.request()
    request = read(lfr)
    assert read_lfr(lfr).totals_proven()
    assert request.totals.record.actor == "control-room"


@pytest.mark.rule("L1")
def test_l1_no_name_of_a_user_holder_or_administrator_leaves(licensed):
    import base64
    import json

    licensed.do(AssignUser("bot-creator", "anna.berg"), actor="admin-karl")
    licensed.do(AcquireSeat("unattended-bot-runner", "bot-host-17"), actor="admin-karl")
    licensed.do(GenerateRequest(), actor="admin-karl")
    raw = licensed.store.document(REQUEST)
    payload = json.loads(raw)["payload"]
    text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    clear = b"".join(row.leaf for row in licensed.store.rows() if row.leaf[1:5] == bytes(4))
    for name in (b"anna.berg", b"bot-host-17", b"admin-karl"):
        assert name not in text
        assert name not in clear
