"""E15, E16: the site's keys and the vendor's."""

from collections.abc import Callable

import pytest

from carnet.calm.use_cases import proposals, receipts
from carnet.calm.use_cases.key_sets import export_key_set, export_trust
from carnet.exchange.key_set import (
    KeySet,
    Pinned,
    Trust,
    read_key_set,
    read_trust,
)
from carnet.exchange.keys import ED25519, new_opener, new_signer
from carnet.exchange.offline_license_file import ReadLicenseFile, read_license_file
from tests.calm.conftest import OMAR, World, code, ok

pytestmark = pytest.mark.both_databases

Unmoved = Callable[[], None]
ONE = {"bot-creator": 1}


@pytest.fixture
def stocked(world: World) -> World:
    world.buy("bot-creator", 10)
    return world


@pytest.mark.rule("unknown_signer")
def test_another_key_does_not_speak_for_a_control_room(stocked: World, unmoved: Unmoved) -> None:
    site = stocked.site()
    stocked.license(site, products=ONE)
    site.signer = new_signer(ED25519, stocked.random)
    unmoved()
    assert code(stocked.upload(site.request(stocked.now))) == "unknown_signer"


@pytest.mark.rule("unknown_signer")
def test_a_sealing_key_cannot_be_slipped_in(stocked: World, unmoved: Unmoved) -> None:
    site = stocked.site()
    stocked.license(site, products=ONE)
    site.opener = new_opener(stocked.random)
    unmoved()
    assert code(stocked.upload(site.request(stocked.now))) == "unknown_signer"


@pytest.mark.rule("E15")
def test_the_answer_to_a_rekey_is_sealed_to_the_new_key_and_its_first_file_retires_the_old(stocked: World) -> None:
    site = stocked.site()
    stocked.license(site, products=ONE)
    old = site.signer
    request = stocked.accept(site.request(stocked.now, new_keys=True)).lfr
    raw = ok(stocked.issue(request, products=ONE)).raw
    assert raw is not None
    assert site.next_keys is not None
    assert site.open(raw)[0].sealing_key == site.next_keys[1].key.kid
    receipt = site.install(raw, stocked.now)
    assert site.signer is not old
    ok(receipts.accept_receipt(stocked.calm, raw=receipt, **stocked.act))
    assert stocked.accept(site.request(stocked.now)).verdict == "accepted"


@pytest.mark.rule("E15")
def test_until_the_new_key_speaks_calm_takes_the_old_one_too(stocked: World) -> None:
    site = stocked.site()
    stocked.license(site, products=ONE)
    stocked.accept(site.request(stocked.now, new_keys=True))
    site.withdraw()
    assert stocked.accept(site.request(stocked.now)).verdict == "accepted"


@pytest.mark.rule("E15", "L2", "history_not_shown")
def test_a_file_signed_by_a_retired_key_is_a_question_of_history(stocked: World) -> None:
    site = stocked.site()
    stocked.license(site, products=ONE)
    backup = site.fork()
    raw = ok(stocked.issue(stocked.accept(site.request(stocked.now, new_keys=True)).lfr, products=ONE)).raw
    site.install(raw, stocked.now)  # type: ignore[arg-type]
    stocked.accept(site.request(stocked.now))
    assert code(stocked.upload(backup.request(stocked.now))) == "history_not_shown"
    refused = stocked.upload(backup.request(stocked.now, since=site.ledger.size))
    assert code(refused) == "history_mismatch"
    proposed = ok(
        proposals.propose_accept_history(stocked.calm, control_room=site.id, reason="a backup", **stocked.act)
    )
    confirmed = ok(proposals.confirm(stocked.calm, proposal=proposed.proposal, now=stocked.now, by=OMAR))
    issued = ok(stocked.issue(str(confirmed.lfr), products=ONE))
    backup.install(issued.raw, stocked.now)  # type: ignore[arg-type]
    assert stocked.accept(backup.request(stocked.now)).verdict == "accepted"
    assert code(stocked.upload(site.request(stocked.now))) in ("history_not_shown", "history_mismatch")


def rotate(world: World, *, with_roots: bool = False) -> None:
    proposed = ok(proposals.propose_rotation(world.calm, reason="yearly", with_roots=with_roots, **world.act))
    ok(proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OMAR))


def pinned(world: World) -> Pinned:
    trust = read_trust(export_trust("Carnet"))
    assert isinstance(trust, Trust)
    known = Pinned(trust)
    return Pinned(trust, taken(export_key_set(world.calm, **world.act).raw, known))


def taken(raw: bytes, known: Pinned) -> KeySet:
    return ok(read_key_set(raw, known))


@pytest.mark.rule("E16", "A3")
@pytest.mark.parametrize("with_roots", [False, True])
def test_a_rotation_reaches_a_site_through_its_next_license_file(stocked: World, with_roots: bool) -> None:
    known, site = pinned(stocked), stocked.site()
    stocked.license(site, products=ONE)
    rotate(stocked, with_roots=with_roots)
    raw = stocked.answer(site, products=ONE)
    read = read_license_file(raw, known)
    assert isinstance(read, ReadLicenseFile), read
    assert read.key_set.version == 2
    site.key_set_version = 2
    assert site.open(stocked.answer(site, products=ONE))[0].key_set is None


@pytest.mark.rule("E16", "cannot_be_installed")
def test_a_site_that_missed_two_changes_of_roots_gets_the_key_set_between_first(stocked: World) -> None:
    known, site = pinned(stocked), stocked.site()
    stocked.license(site, products=ONE)
    rotate(stocked, with_roots=True)
    rotate(stocked, with_roots=True)
    request = stocked.accept(site.request(stocked.now)).lfr
    refused = stocked.issue(request, products=ONE)
    assert code(refused) == "cannot_be_installed"
    assert "--version 2" in refused.run  # type: ignore[union-attr]
    second = taken(export_key_set(stocked.calm, version=2, **stocked.act).raw, known)
    third = taken(export_key_set(stocked.calm, **stocked.act).raw, Pinned(known.trust, second))
    assert third.version == 3


@pytest.mark.rule("E16", "A3", "needs_second_person")
def test_one_person_does_not_rotate_keys(stocked: World, unmoved: Unmoved) -> None:
    proposed = ok(proposals.propose_rotation(stocked.calm, reason="yearly", **stocked.act))
    unmoved()
    answer = proposals.confirm(stocked.calm, proposal=proposed.proposal, **stocked.act)
    assert code(answer) == "needs_second_person"
