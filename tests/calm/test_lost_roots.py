"""L6: new roots were made in the time that CALM lost. Sites that took them are licensed on, and so are all others."""

from __future__ import annotations

import pytest

from carnet.calm.use_cases import proposals
from carnet.calm.use_cases.key_sets import export_key_set, key_set_of, newest_row
from carnet.calm.use_cases.models import IssuedKeySet
from carnet.errors import NotSetUpError
from carnet.exchange.keys import Signer
from carnet.exchange.license_file_request import read_lfr
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import HOUR, OMAR, World, code, ok
from tests.calm.test_restored import Backup, go_on, prove, resume, take_back
from tests.support.memory import MemoryKeyring
from tests.support.site_simulator import Site

pytestmark = [pytest.mark.both_databases, pytest.mark.rule("L6", "E16")]
PRODUCTS = {"bot-creator": 12, "document-pages": 50}


def rotated(world: World) -> bytes:
    """New roots; the key set as it is handed out."""
    asked = proposals.propose_rotation(world.calm, reason="the safe was opened", with_roots=True, **world.act)
    ok(proposals.confirm(world.calm, proposal=ok(asked).proposal, now=world.now, by=OMAR))
    return export_key_set(world.calm, **world.act).raw


def take_key_set_back(world: World, raw: bytes) -> proposals.Confirmed | Refusal:
    asked = proposals.propose_take_back_key_set(world.calm, raw=raw, reason="roots of the lost time", **world.act)
    if isinstance(asked, Refusal):
        return asked
    return proposals.confirm(world.calm, proposal=asked.proposal, now=world.now, by=OMAR)


def roots_here(world: World) -> list[str]:
    return [key.kid for key in key_set_of(newest_row()).roots]


def lose(world: World, kids: list[str]) -> dict[str, Signer]:
    assert isinstance(world.calm.keys, MemoryKeyring)
    return {kid: world.calm.keys.lose("roots", kid) for kid in kids}


@pytest.fixture
def plant(world: World) -> Site:
    world.buy("bot-creator", 50)
    world.buy("document-pages", 100)
    site = world.site()
    world.license(site, products={"bot-creator": 10, "document-pages": 50})
    return site


@pytest.fixture
def other(world: World, plant: Site) -> Site:
    """One that takes nothing in the time that is lost."""
    site = world.site("south")
    world.license(site, "south", products={"bot-creator": 3})
    return site


class Lost:
    """New roots, a site that was licensed under them, and CALM put back to before that."""

    def __init__(self, world: World, plant: Site) -> None:
        self.old = roots_here(world)
        backup = Backup(world)
        world.now += HOUR
        self.key_set = rotated(world)
        self.new = roots_here(world)
        world.license(plant, products={"bot-creator": 12, "document-pages": 50})
        backup.put_back()
        world.now += HOUR
        assert not set(self.old) & set(self.new)


@pytest.fixture
def lost(world: World, other: Site, plant: Site) -> Lost:
    return Lost(world, plant)


def test_calm_goes_on_with_the_new_roots_where_their_key_set_is_named(
    world: World, lost: Lost, plant: Site, other: Site
) -> None:
    resume(world, key_set=lost.key_set)
    assert roots_here(world) == lost.new
    go_on(world, plant, products=PRODUCTS)
    go_on(world, other, "south", products={"bot-creator": 4})
    assert world.held() == PRODUCTS


def test_they_can_be_taken_in_afterwards(world: World, lost: Lost, plant: Site, other: Site) -> None:
    resume(world)
    assert roots_here(world) == lost.old
    did = ok(take_key_set_back(world, lost.key_set)).did
    assert any("its roots are others" in line for line in did)
    assert roots_here(world) == lost.new
    go_on(world, plant, products=PRODUCTS)
    go_on(world, other, "south", products={"bot-creator": 4})
    assert code(take_key_set_back(world, lost.key_set)) == "nothing_to_accept"


def test_until_then_no_file_is_issued_that_the_site_would_not_take(
    world: World, lost: Lost, plant: Site, other: Site
) -> None:
    resume(world)
    world.now += HOUR
    refused = world.upload(plant.request(world.now))
    assert isinstance(refused, Refusal)
    prove(world, plant, refused)
    taken = ok(take_back(world, plant))
    answer = world.issue(taken.lfr or "", products=PRODUCTS)
    assert code(answer) == "cannot_be_installed"
    assert isinstance(answer, Refusal)
    assert answer.run == "calm key take-back FILE --reason …"
    go_on(world, other, "south", products={"bot-creator": 4})
    ok(take_key_set_back(world, lost.key_set))
    raw = ok(world.issue(taken.lfr or "", products=PRODUCTS)).raw
    assert raw is not None
    plant.install(raw, world.now)


def test_a_key_set_that_a_site_took_as_a_file_is_asked_for(world: World, plant: Site) -> None:
    """Its license is known, but not the roots that it trusts."""
    backup = Backup(world)
    world.now += HOUR
    raw = rotated(world)
    plant.take_key_set(raw)
    backup.put_back()
    world.now += HOUR
    resume(world)
    accepted = world.accept(plant.request(world.now))
    answer = world.issue(accepted.lfr, products=PRODUCTS)
    assert code(answer) == "cannot_be_installed"
    ok(take_key_set_back(world, raw))
    ok(world.issue(accepted.lfr, products=PRODUCTS))


def test_where_their_key_files_are_gone_it_is_said_what_to_do_and_nothing_moves(
    world: World, lost: Lost, plant: Site
) -> None:
    files = lose(world, lost.new)
    before = IssuedKeySet.objects.count()
    with pytest.raises(NotSetUpError) as gone:
        resume(world, key_set=lost.key_set)
    assert "A root key of key set 2 is not here" in str(gone.value)
    assert "set each up again with a new trust file" in gone.value.next_step
    assert all(kid[:16] in str(gone.value) for kid in lost.new)
    assert IssuedKeySet.objects.count() == before
    for signer in files.values():
        world.calm.keys.store("roots", signer, world.random)
    resume(world, key_set=lost.key_set)
    go_on(world, plant, products=PRODUCTS)


def test_where_the_older_ones_were_destroyed_the_new_ones_sign_alone(
    world: World, lost: Lost, plant: Site, other: Site
) -> None:
    """A site that never took the new roots is given their key set first: the old ones signed that."""
    lose(world, lost.old)
    with pytest.raises(NotSetUpError, match="is not here"):
        resume(world)
    resume(world, key_set=lost.key_set)
    go_on(world, plant, products=PRODUCTS)
    accepted = world.accept(other.request(world.now), "south")
    refused = world.issue(accepted.lfr, products={"bot-creator": 4})
    assert code(refused) == "cannot_be_installed"
    assert isinstance(refused, Refusal)
    assert "export-set --version 2;" in refused.run
    other.take_key_set(export_key_set(world.calm, version=2, **world.act).raw)
    go_on(world, other, "south", products={"bot-creator": 4})


@pytest.mark.security
def test_a_key_set_of_somebody_elses_roots_is_not_taken_back(world: World, lost: Lost) -> None:
    from tests.vectors import samples

    before = IssuedKeySet.objects.count()
    resume(world)
    assert code(take_key_set_back(world, samples.vendor().raw_key_set)) == "unknown_signer"
    assert IssuedKeySet.objects.count() == before + 1, "the one that states the break"


def test_the_site_judges_by_its_own_roots(world: World, lost: Lost, plant: Site) -> None:
    """Each key set since is one that the product's own reader takes, with what the site knew."""
    from carnet.calm.use_cases.lost_key_sets import takes

    knew = plant.key_set
    assert knew is not None
    resume(world)
    assert not takes(knew, newest_row())
    ok(take_key_set_back(world, lost.key_set))
    assert takes(knew, newest_row())
    assert read_lfr(plant.request(world.now)).lfr.key_set_version == 2  # type: ignore[union-attr]
