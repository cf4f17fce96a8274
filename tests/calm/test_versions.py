"""E17 at CALM: files of a version that it does not take, and what it writes for which site."""

from collections.abc import Callable

import pytest

from carnet.calm.queries.control_rooms import show_room
from carnet.calm.use_cases import proposals, receipts
from carnet.exchange.envelope import version_in
from carnet.exchange.reads import SiteReads, site_reads
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import OMAR, World, code, ok
from tests.vectors import forge

Unmoved = Callable[[], None]


@pytest.mark.rule("E17", "unsupported_version")
@pytest.mark.parametrize("version", [0, 2, 3])
def test_a_sites_file_of_another_version_changes_nothing(world: World, unmoved: Unmoved, version: int) -> None:
    world.buy("bot-creator", 10)
    site = world.site()
    receipt, lfr = world.license(site, products={"bot-creator": 1}), site.request(world.now)
    unmoved()
    for raw in (lfr, receipt):
        other = forge.signed(forge.payload(raw), forge.kind_of(raw), [site.signer], v=version)
        kind = forge.kind_of(raw) == "carnet-lfr+jws"
        refused = world.upload(other) if kind else receipts.accept_receipt(world.calm, raw=other, **world.act)
        assert isinstance(refused, Refusal)
        assert refused.code == "unsupported_version"
        assert refused.next.startswith("Upgrade CALM" if version else "Upgrade the Control Room")


@pytest.mark.rule("E17", "unsupported_version")
def test_nothing_is_issued_that_the_site_could_not_read(world: World, unmoved: Unmoved) -> None:
    world.buy("bot-creator", 10)
    reads = SiteReads(token=[1], olf=[8, 9], key_set=[1])
    accepted = world.accept(world.site().request(world.now, changed={"reads": reads}))
    assert show_room("north", now=world.now).reads == reads
    unmoved()
    refused = world.issue(accepted.lfr, products={"bot-creator": 1})
    assert code(refused) == "unsupported_version"
    assert isinstance(refused, Refusal)
    assert refused.message.endswith("versions 8 and 9; this release of CALM writes version 1.")
    assert refused.next == "Upgrade CALM to a release that writes version 8. Then issue again."


@pytest.mark.rule("E17")
def test_only_what_is_written_must_be_read(world: World) -> None:
    """The site knows the newest key set: that it could not read another one does not matter."""
    world.buy("bot-creator", 10)
    reads = SiteReads(token=[8], olf=[1], key_set=[8])
    accepted = world.accept(world.site().request(world.now, changed={"reads": reads}))
    ok(world.issue(accepted.lfr, products={"bot-creator": 1}))


@pytest.mark.rule("E17", "E16", "unsupported_version")
def test_nor_a_key_set_that_the_site_could_not_read(world: World, unmoved: Unmoved) -> None:
    world.buy("bot-creator", 10)
    site = world.site()
    reads = SiteReads(token=[1], olf=[1], key_set=[8, 9])
    proposal = ok(proposals.propose_rotation(world.calm, reason="yearly", **world.act)).proposal
    ok(proposals.confirm(world.calm, proposal=proposal, now=world.now, by=OMAR))
    accepted = world.accept(site.request(world.now, changed={"reads": reads}))
    unmoved()
    refused = world.issue(accepted.lfr, products={"bot-creator": 1})
    assert code(refused) == "unsupported_version"
    assert "key set" in refused.message  # type: ignore[union-attr]


@pytest.mark.rule("E17", "E2")
def test_a_site_that_reads_no_version_of_a_token_does_not_hold_back_the_others(world: World) -> None:
    site = world.site()
    world.accept(site.request(world.now, changed={"reads": SiteReads(token=[8, 9], olf=[1], key_set=[8, 9])}))
    assert version_in(world.token()) == 1
    assert site_reads().token == [1]
