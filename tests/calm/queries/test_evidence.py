"""The page of a refused request: what CALM saw, what the site claims, and who can decide what."""

from itertools import product

import pytest

from carnet.calm.control_rooms.models import RefusedFile
from carnet.calm.queries.evidence import Evidence, Fits, Signs, causes_of, evidence
from carnet.calm.use_cases import proposals
from carnet.errors import UsageError
from tests.calm.conftest import DAY, HOUR, OLGA, OMAR, World, code, ok
from tests.calm.test_restored import Backup, go_on, resume, take_back
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases
PAGES = "document-pages"


@pytest.fixture
def site(world: World) -> Site:
    world.buy(PAGES, 5000)
    site = world.site()
    world.license(site, products={PAGES: 2000})
    return site


def newest(world: World) -> Evidence:
    row = RefusedFile.objects.order_by("-pk").first()
    assert row is not None
    return evidence(row.pk)


def restored(world: World, site: Site) -> None:
    """A backup of a week ago comes back: fewer records, the number again, less used."""
    world.accept(site.request(world.now))
    backup = site.fork()
    world.now += DAY
    site.note(30)
    site.use(PAGES, consume=257, now=world.now)
    world.accept(site.request(world.now))
    world.now += DAY
    assert code(world.upload(backup.request(world.now))) in ("history_mismatch", "history_not_shown")


@pytest.mark.rule("L2", "history_mismatch")
def test_a_restored_backup_shows_what_is_missing_and_what_would_be_added(world: World, site: Site) -> None:
    restored(world, site)
    found = newest(world)
    assert found.saw is not None
    assert found.claims is not None
    assert found.shared is not None
    assert (found.saw.lfr, found.claims.lfr, found.claims.installed) == (3, 3, 1)
    assert found.saw.records > found.claims.records > found.shared.records
    assert found.fewer_records == found.saw.records - found.claims.records
    assert [(row.sku, row.saw, row.claims, row.fewer) for row in found.used] == [(PAGES, 257, 0, 257)]
    assert [(row.sku, row.units) for row in found.carried] == [(PAGES, 257)]
    assert [(cause.kind, cause.fits) for cause in found.causes] == [
        ("restored", Fits.FITS),
        ("copied", Fits.POSSIBLE),
        ("edited", Fits.UNLIKELY),
    ]
    assert found.causes[0].here == "All three fit"
    assert found.happened.startswith("Plant North sent a second request #3.")
    assert "keeps working on license file #1" in found.means
    assert "among them the use of 257 pages." in found.means
    assert len(found.steps) >= 2


@pytest.mark.rule("A3", "L2")
def test_what_two_people_may_accept_and_what_they_did(world: World, site: Site) -> None:
    restored(world, site)
    before = newest(world)
    assert before.not_acceptable is None
    asked = {"control_room": site.id, "reason": "restored after a disk failure", "site_confirms": True}
    proposed = ok(proposals.propose_accept_history(world.calm, **asked, **world.act))
    waiting = newest(world).proposals
    assert [(one.kind, one.by, one.room_name) for one in waiting] == [("accept_history", OLGA, "Plant North")]
    assert waiting[0].would == proposed.would
    ok(proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OMAR))
    after = newest(world)
    assert after.proposals == ()
    assert not after.is_history
    assert after.not_acceptable is not None
    assert [one.decided_by for one in proposals.list_proposals(state="done")] == [OMAR]
    assert all(one.did for one in proposals.list_proposals(state="done"))


@pytest.mark.rule("Q3", "totals_fell")
def test_other_refusals_say_what_they_said_and_nothing_is_accepted(world: World, site: Site) -> None:
    site.use(PAGES, consume=100, now=world.now)
    world.accept(site.request(world.now))
    site.consumed = dict.fromkeys(site.consumed, 40)
    assert code(world.upload(site.request(world.now))) == "totals_fell"
    found = newest(world)
    assert (found.saw, found.is_history, found.refused.code) == (None, False, "totals_fell")
    assert found.refused.refusal.evidence
    assert found.not_acceptable is not None


def test_what_is_no_request_at_all_has_a_page_too(world: World, site: Site) -> None:
    world.upload(b"PK\x03\x04 a zip")
    found = newest(world)
    assert (found.label, found.room, found.refused.code) == ("north", "", "wrong_type")
    assert found.not_acceptable is not None
    with pytest.raises(UsageError):
        evidence(0)


@pytest.mark.rule("L2")
def test_an_honest_restore_never_looks_worse_than_an_edit() -> None:
    rank = {Fits.FITS: 2, Fits.POSSIBLE: 1, Fits.UNLIKELY: 0}
    for signs in product((False, True), repeat=6):
        restored, _, edited = causes_of(Signs(*signs))
        assert restored.kind == "restored"
        assert rank[restored.fits] >= rank[edited.fits]
        assert rank[restored.fits] > 0


@pytest.mark.rule("L2")
def test_a_history_that_was_given_up_and_goes_on_shows_a_copy(world: World, site: Site) -> None:
    world.accept(site.request(world.now))
    copy = site.fork()
    site.note(30)
    world.accept(site.request(world.now))
    world.upload(copy.request(world.now, since=site.ledger.size))
    asked = {"control_room": site.id, "reason": "restored", "site_confirms": True}
    proposed = ok(proposals.propose_accept_history(world.calm, **asked, **world.act))
    ok(proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OMAR))
    world.upload(site.request(world.now, since=copy.ledger.size))
    found = newest(world)
    assert [cause.here for cause in found.causes if cause.kind == "copied"] == [
        "Fits: it goes on from a history that was given up before"
    ]


@pytest.mark.rule("L6", "nothing_to_accept")
def test_a_request_without_the_license_is_shown_and_cannot_be_taken_back(world: World, site: Site) -> None:
    """The site is known, and so is its signature; but nothing that it sent proves the license file."""
    backup = Backup(world)
    world.license(site, products={PAGES: 2500})
    backup.put_back()
    resume(world)
    world.now += HOUR
    assert code(world.upload(site.request(world.now))) == "not_remembered"
    found = newest(world)
    assert RefusedFile.objects.get().known
    assert (found.carried, found.steps) == ((), (found.refused.refusal.next,))
    assert code(take_back(world, site)) == "nothing_to_accept"
    go_on(world, site, products={PAGES: 2200})
