"""L2, L3, Q3: clones, backups and liars are found out, with evidence, and two people resolve it."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from carnet.calm.queries.control_rooms import show_room
from carnet.calm.use_cases import proposals, receipts
from carnet.entitlements import Metric, PeriodUnit
from carnet.exchange.license_file_request import write_lfr
from carnet.exchange.offline_license_file import AddedUnits
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import DAY, NOW, OLGA, OMAR, START, World, code, ok
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases

Unmoved = Callable[[], None]
PAGES = {"document-pages": 600}


@pytest.fixture
def plant(world: World) -> Site:
    """A licensed site that consumed 100 pages, which CALM knows."""
    world.buy("document-pages", 1000)
    site = world.site()
    world.license(site, products=PAGES)
    consume(world, site, 100)
    world.accept(site.request(world.now))
    return site


def consume(world: World, site: Site, pages: int) -> None:
    site.use("document-pages", consume=pages, now=world.now)


def propose(world: World, site: Site, **options: Any) -> proposals.Proposed | Refusal:
    return proposals.propose_accept_history(
        world.calm, control_room=site.id, reason="restored from a backup", **options, **world.act
    )


def accept_history(world: World, site: Site, **options: Any) -> proposals.Confirmed:
    proposed = ok(propose(world, site, **options))
    return ok(proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OMAR))


@pytest.mark.rule("L2", "history_mismatch")
def test_the_second_of_two_clones_is_found_out(world: World, plant: Site, unmoved: Unmoved) -> None:
    clone = plant.fork()
    world.accept(plant.request(world.now))
    clone.note(40)
    unmoved()
    refused = world.upload(clone.request(world.now, since=plant.ledger.size))
    assert code(refused) == "history_mismatch"


@pytest.mark.rule("L2", "history_mismatch")
def test_a_clone_that_grew_just_as_much_is_found_out_by_its_root(world: World, plant: Site, unmoved: Unmoved) -> None:
    clone = plant.fork()
    world.accept(plant.request(world.now))
    unmoved()
    assert code(world.upload(clone.request(world.now))) == "history_mismatch"


@pytest.mark.rule("L2", "history_not_shown")
def test_a_restored_site_never_hears_a_mere_superseded(world: World, plant: Site, unmoved: Unmoved) -> None:
    backup = plant.fork()
    plant.note(10)
    world.accept(plant.request(world.now))
    unmoved()
    refused = world.upload(backup.request(world.now))
    assert code(refused) == "history_not_shown"
    assert f"--since {plant.ledger.size}" in refused.run  # type: ignore[union-attr]


@pytest.mark.rule("L2", "history_mismatch")
def test_a_smaller_ledger_says_so_and_is_a_mismatch_with_evidence(world: World, plant: Site, unmoved: Unmoved) -> None:
    backup, agreed = plant.fork(), plant.ledger.size
    plant.note(10)
    consume(world, plant, 50)
    world.accept(plant.request(world.now))
    unmoved()
    refused = world.upload(backup.request(world.now, since=plant.ledger.size))
    assert code(refused) == "history_mismatch"
    evidence = "\n".join(refused.evidence)  # type: ignore[union-attr]
    assert f"CALM saw last: {plant.ledger.size} records" in evidence
    assert f"the site claims: {backup.ledger.size} records" in evidence
    assert f"they agree up to record {agreed} at least, and part before record {plant.ledger.size}" in evidence
    assert "accepting it: Document Automation: 50 are added; after this the site stands at 150 pages" in evidence


@pytest.mark.rule("L2", "history_not_shown")
def test_more_than_32_unseen_requests_are_shown_with_since(world: World, plant: Site) -> None:
    seen = plant.ledger.size
    for _ in range(33):
        plant.request(world.now)
    plant.shown = plant.shown[-32:]
    assert code(world.upload(plant.request(world.now))) == "history_not_shown"
    assert world.accept(plant.request(world.now, since=seen)).verdict == "accepted"


@pytest.mark.rule("L2", "A3", "Q3", "H4")
def test_two_people_accept_a_backup_and_nothing_consumed_is_forgotten(world: World, plant: Site) -> None:
    backup = plant.fork()
    consume(world, plant, 70)
    world.accept(plant.request(world.now))  # 170
    consume(world, backup, 30)  # 130 of its own, 100 shared
    assert code(world.upload(backup.request(world.now, since=plant.ledger.size))) == "history_mismatch"
    confirmed = accept_history(world, backup)
    issued = ok(world.issue(str(confirmed.lfr), products=PAGES))
    backup.install(issued.raw, world.now)  # type: ignore[arg-type]
    assert sum(backup.consumed.values()) == 200
    assert world.accept(backup.request(world.now, "release")).verdict == "released"
    assert world.spent() == {"document-pages": 200}


@pytest.mark.rule("L2")
def test_every_file_carries_the_acceptance_until_a_request_states_its_number(world: World, plant: Site) -> None:
    backup = plant.fork()
    consume(world, plant, 70)
    world.accept(plant.request(world.now))
    world.upload(backup.request(world.now, since=plant.ledger.size))
    request = str(accept_history(world, backup).lfr)
    lost, _ = backup.open(ok(world.issue(request, products=PAGES)).raw)  # type: ignore[arg-type]
    second = world.answer(backup, products=PAGES)
    again, _ = backup.open(second)
    assert lost.accepts_history == again.accepts_history
    assert again.accepts_history is not None
    line = next(iter(backup.lines))
    assert again.accepts_history.add == [AddedUnits(line_id=line, sku="document-pages", period_start=None, units=70)]
    backup.install(second, world.now)
    last, _ = backup.open(world.answer(backup, products=PAGES))
    assert last.accepts_history is None


@pytest.mark.rule("L2", "history_mismatch")
def test_after_an_acceptance_the_history_given_up_is_the_stranger(world: World, plant: Site, unmoved: Unmoved) -> None:
    backup = plant.fork()
    plant.note(3)
    world.accept(plant.request(world.now))
    world.upload(backup.request(world.now, since=plant.ledger.size))
    accept_history(world, backup)
    unmoved()
    plant.note(50)
    assert code(world.upload(plant.request(world.now, since=backup.ledger.size))) == "history_mismatch"


@pytest.mark.rule("L2", "E6")
def test_a_history_that_was_given_up_can_be_accepted_again_with_the_answer_that_it_had(
    world: World, plant: Site
) -> None:
    backup = plant.fork()
    raw = plant.request(world.now)
    answer = ok(world.issue(world.accept(raw).lfr, products={"document-pages": 900})).raw
    backup.note()
    world.upload(backup.request(world.now, since=plant.ledger.size))
    accept_history(world, backup)
    assert world.held() == PAGES
    assert code(world.upload(raw)) == "history_not_shown"
    confirmed = accept_history(world, plant, site_confirms=True)
    assert world.held() == {"document-pages": 900}  # its answer may be on the way there
    assert code(world.issue(str(confirmed.lfr), products=PAGES)) == "already_used"
    assert answer is not None
    plant.install(answer, world.now)
    assert world.accept(plant.request(world.now)).installed == 2


@pytest.mark.rule("L2", "history_mismatch", "nothing_to_accept")
def test_a_request_id_that_another_file_had_is_refused_kept_and_never_accepted(
    world: World, plant: Site, unmoved: Unmoved
) -> None:
    known = show_room(plant.id, now=world.now).lfrs[-1].lfr
    newcomer = world.site("south")
    unmoved()
    assert code(world.upload(plant.request(world.now, changed={"request_id": known}))) == "history_mismatch"
    assert code(world.upload(newcomer.request(world.now, changed={"request_id": known}), "south")) == "history_mismatch"
    assert [one.code for one in show_room(plant.id, now=world.now).refused] == ["history_mismatch"]
    assert code(propose(world, plant)) == "nothing_to_accept"


@pytest.mark.rule("L2", "Q3")
def test_two_clones_taken_in_turns_never_lower_a_total(world: World, plant: Site) -> None:
    clone, counted = plant.fork(), 100
    for site in (clone, plant) * 3:
        consume(world, site, 10)
        counted += 10
        refused = world.upload(site.request(world.now, since=10**6))
        if isinstance(refused, Refusal):
            accept_history(world, site)
        total = sum(row.consumed for row in show_room(site.id, now=world.now).counted)
        assert total >= counted


@pytest.mark.rule("A3", "needs_second_person")
def test_nobody_confirms_their_own_proposal(world: World, plant: Site, unmoved: Unmoved) -> None:
    backup = plant.fork()
    world.accept(plant.request(world.now))
    world.upload(backup.request(world.now))
    proposed = ok(propose(world, backup))
    unmoved()
    assert code(proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OLGA)) == (
        "needs_second_person"
    )


@pytest.mark.rule("nothing_to_accept")
def test_there_is_nothing_to_accept_where_nothing_was_refused(world: World, plant: Site, unmoved: Unmoved) -> None:
    unmoved()
    assert code(propose(world, plant)) == "nothing_to_accept"


@pytest.mark.rule("L2", "nothing_to_accept")
def test_what_was_not_shown_is_accepted_only_where_the_site_confirms_it(world: World, plant: Site) -> None:
    backup = plant.fork()
    plant.note(10)
    world.accept(plant.request(world.now))
    assert code(world.upload(backup.request(world.now))) == "history_not_shown"
    assert code(propose(world, backup)) == "nothing_to_accept"
    assert accept_history(world, backup, site_confirms=True).lfr


@pytest.mark.rule("nothing_to_accept", "A3")
def test_a_proposal_is_judged_again_when_it_is_confirmed(world: World, plant: Site, unmoved: Unmoved) -> None:
    backup = plant.fork()
    world.accept(plant.request(world.now))
    world.upload(backup.request(world.now))
    proposed = ok(propose(world, backup))
    world.accept(plant.request(world.now))  # meanwhile the site itself came back
    unmoved()
    answer = proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OMAR)
    assert code(answer) == "nothing_to_accept"


@pytest.mark.rule("L3", "history_mismatch", "nothing_to_accept")
def test_totals_that_are_not_the_ledgers_are_believed_by_nobody(world: World, plant: Site, unmoved: Unmoved) -> None:
    honest, signers = plant.request_fields(world.now)
    record = honest.totals.record
    record = msgspec.structs.replace(record, body=msgspec.structs.replace(record.body, lines=[]))
    forged = msgspec.structs.replace(honest, totals=msgspec.structs.replace(honest.totals, record=record))
    unmoved()
    assert code(world.upload(write_lfr(forged, signers))) == "history_mismatch"
    assert code(propose(world, plant)) == "nothing_to_accept"


@pytest.mark.rule("Q3", "totals_fell")
@pytest.mark.parametrize("lie", ["less", "left_out"])
def test_a_total_that_falls_is_refused(world: World, plant: Site, unmoved: Unmoved, lie: str) -> None:
    totals = plant.totals(world.now)
    changed = [] if lie == "left_out" else [msgspec.structs.replace(totals[0], consumed=99)]
    unmoved()
    refused = world.upload(plant.request(world.now, changed_totals=changed))
    assert code(refused) == "totals_fell"
    assert "CALM counted 100" in refused.evidence[0]  # type: ignore[union-attr]


@pytest.mark.rule("Q3", "totals_fell")
def test_a_site_cannot_forget_what_an_acceptance_added(world: World, plant: Site, unmoved: Unmoved) -> None:
    backup = plant.fork()
    consume(world, plant, 70)
    world.accept(plant.request(world.now))
    world.upload(backup.request(world.now, since=plant.ledger.size))
    accept_history(world, backup)
    unmoved()
    backup.history_accepted = 1  # it claims to include what it never installed
    assert code(world.upload(backup.request(world.now))) == "totals_fell"


@pytest.mark.rule("L2", "Q3", "totals_fell", "nothing_to_accept")
def test_an_acceptance_that_was_never_carried_to_a_site_is_in_no_total_of_it(
    world: World, plant: Site, unmoved: Unmoved
) -> None:
    backup, newcomer = plant.fork(), world.site("south")
    world.accept(plant.request(world.now))
    backup.note()
    backup.history_accepted = 999
    assert code(world.upload(backup.request(world.now, since=plant.ledger.size))) == "history_mismatch"
    unmoved()
    refused = propose(world, backup)
    assert code(refused) == "nothing_to_accept"
    assert "accepted history 999" in refused.message  # type: ignore[union-attr]
    refused = world.upload(plant.request(world.now, changed={"history_accepted": 1}))
    assert code(refused) == "totals_fell"
    assert "accepted history 1" in refused.message
    assert "newest that was carried to it is 0" in refused.message
    assert code(world.upload(newcomer.request(world.now, changed={"history_accepted": 1}), "south")) == "totals_fell"


@pytest.mark.rule("Q2", "Q3", "totals_fell", "nothing_to_accept")
@pytest.mark.parametrize(
    ("lie", "says"),
    [
        ({"metric": Metric.NAMED_USER}, "named_user of document-pages"),
        ({"sku": "bot-runs"}, "consumable of bot-runs"),
        ({"period_start": NOW}, "a period from Tue 2026-11-24 08:00"),
    ],
)
@pytest.mark.parametrize("kind", ["change", "release"])
def test_a_total_that_is_not_of_the_line_issued_is_refused(
    world: World, plant: Site, unmoved: Unmoved, lie: dict[str, object], says: str, kind: str
) -> None:
    backup = plant.fork()
    totals = [msgspec.structs.replace(total, **lie) for total in plant.totals(world.now)]
    unmoved()
    refused = world.upload(plant.request(world.now, kind, changed_totals=totals))
    assert code(refused) == "totals_fell"
    assert says in refused.evidence[0]  # type: ignore[union-attr]
    other = backup.request(world.now, kind, since=10**6, changed_totals=totals)
    assert code(world.upload(other)) in ("history_mismatch", "totals_fell")
    assert code(propose(world, plant)) == "nothing_to_accept"


@pytest.mark.rule("E12", "totals_fell")
@pytest.mark.parametrize("way", ["released", "written_off"])
def test_a_second_last_word_that_lies_about_its_lines_is_refused(
    world: World, plant: Site, unmoved: Unmoved, way: str
) -> None:
    if way == "released":
        world.accept(plant.request(world.now, "release"))
    else:
        proposed = ok(proposals.propose_write_off(world.calm, control_room=plant.id, reason="lost", **world.act))
        ok(proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OMAR))
    totals = [msgspec.structs.replace(total, metric=Metric.NAMED_USER) for total in plant.totals(world.now)]
    unmoved()
    assert code(world.upload(plant.request(world.now, "release", changed_totals=totals))) == "totals_fell"


@pytest.mark.rule("Q2", "Q3", "totals_fell")
@pytest.mark.parametrize("kind", ["change", "release"])
def test_an_older_period_does_not_stand_for_this_one(world: World, unmoved: Unmoved, kind: str) -> None:
    site = monthly(world)
    totals = [msgspec.structs.replace(total, consumed=0, period_start=START) for total in site.totals(world.now)]
    unmoved()
    refused = world.upload(site.request(world.now, kind, changed_totals=totals))
    assert code(refused) == "totals_fell"
    assert "CALM counted 400" in refused.evidence[0]  # type: ignore[union-attr]


@pytest.mark.rule("T3", "Q3", "H2")
def test_a_period_that_only_a_wrong_clock_reached_is_left_again_and_nothing_returns(world: World) -> None:
    site = monthly(world)
    ahead = world.now + 30 * DAY
    site.use("document-pages", consume=70, now=ahead)
    world.accept(site.request(ahead))
    site.withdraw()
    world.accept(site.request(world.now))  # its clock was lowered
    assert world.held() == {"document-pages": 600}
    world.license(site, products={"document-pages": 450})
    world.accept(site.request(world.now))
    assert world.held() == {"document-pages": 450}
    world.accept(site.request(world.now, "release"))
    assert world.spent() == {"document-pages": 400}


def monthly(world: World) -> Site:
    """A site that consumed 400 pages in December, which CALM knows."""
    world.buy("document-pages", 1000, period=PeriodUnit.MONTH)
    site = world.site()
    world.now += 20 * DAY
    world.license(site, products=PAGES)
    consume(world, site, 400)
    world.accept(site.request(world.now))
    return site


@pytest.mark.rule("E3", "history_mismatch")
def test_a_sequence_that_does_not_rise_is_a_mismatch(world: World, plant: Site, unmoved: Unmoved) -> None:
    plant.sequence -= 1
    unmoved()
    assert code(world.upload(plant.request(world.now))) == "history_mismatch"


@pytest.mark.rule("H2", "history_mismatch")
def test_a_disproved_file_cannot_turn_up_as_installed(world: World, plant: Site, unmoved: Unmoved) -> None:
    lost = world.answer(plant, products=PAGES)
    world.accept(plant.request(world.now))  # names the one before: `lost` is disproved
    olf, _ = plant.open(lost)
    plant.installed = olf
    unmoved()
    assert code(world.upload(plant.request(world.now))) == "history_mismatch"


@pytest.mark.rule("H2", "history_mismatch")
def test_an_installed_file_cannot_go_back(world: World, plant: Site, unmoved: Unmoved) -> None:
    first = plant.installed
    world.license(plant, products=PAGES)
    world.accept(plant.request(world.now))
    unmoved()
    plant.installed = first
    assert code(world.upload(plant.request(world.now))) == "history_mismatch"
    plant.installed = None
    assert code(world.upload(plant.request(world.now))) == "history_mismatch"


@pytest.mark.rule("E16", "unknown_license_file")
def test_a_license_file_that_calm_never_issued_is_reported(world: World, plant: Site, unmoved: Unmoved) -> None:
    assert plant.installed is not None
    plant.installed = msgspec.structs.replace(plant.installed, olf_id=plant.new_uuid(), sequence=9)
    unmoved()
    refused = world.upload(plant.request(world.now))
    assert code(refused) == "unknown_license_file"
    kept = show_room(plant.id, now=world.now).refused
    assert [one.code for one in kept] == ["unknown_license_file"]


@pytest.mark.rule("E16", "unknown_license_file")
def test_a_newcomer_has_nothing_of_ours_installed(world: World, plant: Site, unmoved: Unmoved) -> None:
    newcomer = world.site("south")
    newcomer.installed = plant.installed
    unmoved()
    assert code(world.upload(newcomer.request(world.now), "south")) == "unknown_license_file"


@pytest.mark.rule("H2", "L2", "history_mismatch")
def test_a_receipt_is_never_accepted_against_the_history(world: World, plant: Site, unmoved: Unmoved) -> None:
    raw = world.answer(plant, products=PAGES)
    clone = plant.fork()
    clone.note()
    receipt = clone.install(raw, world.now)
    plant.install(raw, world.now)
    world.accept(plant.request(world.now))
    unmoved()
    answer = receipts.accept_receipt(world.calm, raw=receipt, **world.act)
    assert code(answer) in ("history_mismatch", "history_not_shown")
    assert code(propose(world, plant)) == "nothing_to_accept"


@pytest.mark.rule("H2", "history_mismatch")
def test_a_receipt_for_a_disproved_file_is_a_mismatch(world: World, plant: Site, unmoved: Unmoved) -> None:
    lost = world.answer(plant, products=PAGES)
    world.accept(plant.request(world.now))
    shown = plant.shown
    plant.install(lost, world.now)
    plant.shown = shown
    unmoved()
    receipt = plant.receipt(world.now)
    assert code(receipts.accept_receipt(world.calm, raw=receipt, **world.act)) == "history_mismatch"


@pytest.mark.rule("H2")
def test_a_receipt_older_than_what_is_confirmed_changes_nothing(world: World, plant: Site) -> None:
    old = world.license(plant, products=PAGES)
    world.license(plant, products={"document-pages": 500})
    held = world.held()
    answer = receipts.accept_receipt(world.calm, raw=old, **world.act)
    assert ok(answer).verdict == "nothing_changed"
    assert world.held() == held


@pytest.mark.rule("unknown_signer")
def test_a_receipt_of_nobody_is_refused(world: World, plant: Site, unmoved: Unmoved) -> None:
    plant.id = plant.new_uuid()
    unmoved()
    assert code(receipts.accept_receipt(world.calm, raw=plant.receipt(world.now), **world.act)) == "unknown_signer"
