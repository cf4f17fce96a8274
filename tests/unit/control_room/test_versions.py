"""E17 on the site: files of a version that it does not take, what it writes for which CALM, and records."""

from typing import Any

import pytest

from carnet.control_room.ledger.events import (
    KINDS,
    SUPERSEDED,
    UnitsConsumed,
    own_event_of,
)
from carnet.control_room.ledger.verify import ADDED_UP
from carnet.control_room.rules.activation.install_license import InstallLicense
from carnet.control_room.rules.activation.install_token import InstallKeySet, InstallToken
from carnet.errors import NewerVersionError
from carnet.exchange.envelope import Kind, version_in
from carnet.exchange.license_file_request import read_lfr
from carnet.exchange.reads import VendorReads, site_reads, vendor_reads
from carnet.exchange.verdicts import Code
from carnet.exchange.versioning import versions_of
from tests.support.cast import MONDAY
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor
from tests.unit.control_room.conftest import refused, standard_lines
from tests.vectors import forge


def _again(raw: bytes, vendor: Vendor, version: int) -> bytes:
    signers = vendor.roots if forge.kind_of(raw) == Kind.KEY_SET else vendor.issuers
    return forge.signed(forge.payload(raw), forge.kind_of(raw), signers, v=version)


@pytest.mark.rule("E17", "unsupported_version")
@pytest.mark.parametrize("version", [0, 2, 3])
def test_a_vendors_file_of_another_version_changes_nothing(licensed: Room, vendor: Vendor, version: int) -> None:
    lfr = licensed.request()
    files: list[tuple[Any, bytes]] = [
        (InstallToken, vendor.token(MONDAY)),
        (InstallLicense, vendor.olf(lfr, standard_lines(), MONDAY)),
        (InstallKeySet, vendor.rotate(MONDAY, issuers=True)),
    ]
    before, side = licensed.dump(), "the Control Room" if version else "CALM"
    for command, raw in files:
        refusal = refused(licensed.do(command(_again(raw, vendor, version))), Code.UNSUPPORTED_VERSION)
        assert refusal.next.startswith(f"Upgrade {side}")
    assert licensed.dump() == before


@pytest.mark.rule("E17")
def test_the_site_says_what_it_reads_and_knows_what_calm_reads(enabled: Room, vendor: Vendor) -> None:
    assert enabled.state.vendor_reads == vendor_reads()
    lfr = enabled.request()
    assert read_lfr(lfr).lfr.reads == site_reads()  # type: ignore[union-attr]
    newer = VendorReads(lfr=[1, 2], receipt=[1, 2, 3])
    enabled.install(vendor.olf(lfr, standard_lines(), MONDAY, reads=newer))
    assert enabled.state.vendor_reads == newer
    assert version_in(enabled.request()) == version_in(enabled.receipt) == versions_of(Kind.LFR).newest
    enabled.reopen()
    assert enabled.state.vendor_reads == newer


@pytest.mark.rule("E17")
def test_a_calm_that_shares_no_version_is_written_to_all_the_same(enabled: Room, vendor: Vendor) -> None:
    """What the site knows of CALM may be old: only CALM can refuse."""
    ahead = VendorReads(lfr=[8, 9], receipt=[8, 9])
    enabled.install(vendor.olf(enabled.request(), standard_lines(), MONDAY, reads=ahead))
    assert version_in(enabled.receipt) == versions_of(Kind.RECEIPT).newest
    assert version_in(enabled.request()) == versions_of(Kind.LFR).newest


@pytest.mark.rule("E17", "L1")
def test_every_older_version_of_a_kind_of_record_is_kept() -> None:
    wanted = {(name, number) for name, event in KINDS.items() for number in range(1, event.form)}
    assert set(SUPERSEDED) == wanted
    assert {name: KINDS[name].form for name in ADDED_UP} == ADDED_UP


@pytest.mark.rule("E17", "L1")
def test_a_record_of_a_newer_version_is_not_understood_and_says_so(licensed: Room) -> None:
    from msgspec.structs import replace

    record = next(each for each in licensed.engine.reader.records() if each.kind == "request.asked")
    assert own_event_of(record).kind == "request.asked"
    with pytest.raises(NewerVersionError, match="version 2; this release of the Control Room reads up to version 1"):
        own_event_of(replace(record, version=2))


@pytest.mark.rule("E17", "L4")
def test_the_checker_names_a_record_whose_units_only_a_newer_release_can_add_up(licensed: Room) -> None:
    class Newer(UnitsConsumed, frozen=True):
        form = 2

    size = licensed.engine.checkpoint.size
    licensed.engine.record([Newer(sku="document-pages", units=1, draws=[])], licensed.reading, "anna")
    assert any(f"Record {size}: it is of version 2 of units.consumed" in each for each in licensed.verify().problems)
    with pytest.raises(NewerVersionError):
        licensed.reopen()
