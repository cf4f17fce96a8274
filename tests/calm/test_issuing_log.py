"""V1, V2, L5: every act is a record, each file proves its own, and nobody rewrites either."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from django.db import connection

from carnet.calm.control_rooms.models import LicenseFile
from carnet.calm.issuing_log.head import FileHead
from carnet.calm.issuing_log.models import LogEntry
from carnet.calm.queries.log_queries import log_size, show_log, verify_log
from carnet.calm.use_cases import accounts
from carnet.errors import TamperedError
from carnet.exchange.history import CheckpointFields
from carnet.exchange.issuing_log import check_log
from carnet.exchange.offline_license_file import OfflineLicenseFile
from tests.calm.conftest import OLGA, World, code
from tests.support.site_simulator import Site

ONE = {"bot-creator": 1}


@pytest.fixture
def site(world: World) -> Site:
    world.buy("bot-creator", 10)
    return world.site()


@pytest.mark.rule("V1")
def test_every_act_and_every_refusal_is_a_record_of_who_when_what_and_why(world: World, site: Site) -> None:
    before = log_size()
    accounts.withdraw_approval(world.calm, approval="Northwind", reason="no case any more", **world.act)
    assert code(world.upload(site.request(world.now))) == "no_approval"
    withdrawn, refused = show_log()[before:]
    assert (withdrawn.kind, withdrawn.who, withdrawn.why) == ("approval.withdrawn", OLGA, "no case any more")
    assert withdrawn.at == world.now
    assert (refused.kind, refused.detail["code"]) == ("refused", "no_approval")


@pytest.mark.rule("V1")
def test_an_act_whose_record_cannot_be_written_did_not_happen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(LogEntry, "save", broken)
    with pytest.raises(OSError, match="disk full"):
        accounts.add_account(world.calm, name="Contoso", **world.act)
    assert [account.name for account in accounts.list_accounts()] == ["Northwind"]


@pytest.mark.rule("V2")
def test_each_file_proves_its_record_and_that_the_log_grew(world: World, site: Site) -> None:
    for _ in range(5):
        seen = site.issuing_log
        olf, _ = site.open(world.answer(site, products=ONE))
        proof = olf.issuing_log
        assert proof is not None
        checkpoint = seen.checkpoint if seen else None
        assert check_log(proof, olf.content_digest(), olf.olf_id, checkpoint) is None
        site.issuing_log = proof.checkpoint
        world.add_account(world.random(4).hex())


@pytest.mark.rule("V2")
def test_a_proof_is_of_no_other_file(world: World, site: Site) -> None:
    first: OfflineLicenseFile = site.open(world.answer(site, products=ONE))[0]
    second: OfflineLicenseFile = site.open(world.answer(site, products=ONE))[0]
    assert second.issuing_log is not None
    assert check_log(second.issuing_log, first.content_digest(), first.olf_id, None) is not None


@pytest.mark.rule("V2", "log_mismatch")
def test_a_site_that_saw_another_log_gets_no_file(world: World, site: Site) -> None:
    olf, _ = site.open(world.answer(site, products=ONE))
    assert olf.issuing_log is not None
    wrong = {"root": "A" * 43, "size": olf.issuing_log.checkpoint.size}
    site.issuing_log = type(olf.issuing_log.checkpoint)(origin="carnet/issuing-log", **wrong)
    request = world.accept(site.request(world.now)).lfr
    assert code(world.issue(request, products=ONE)) == "log_mismatch"


@pytest.mark.rule("V1", "L4")
def test_a_log_that_nobody_touched_verifies(world: World, site: Site) -> None:
    world.license(site, products=ONE)
    answer = verify_log(world.calm)
    assert answer.holds, answer.problems
    assert answer.size == log_size()


def tamper(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE issuing_log_logentry SET {sql}" if sql[0] != "D" else sql)
        assert cursor.rowcount == 1


THIRD = 'WHERE "index" = 3'
LAST = 'WHERE "index" = (SELECT max("index") FROM issuing_log_logentry)'


@pytest.mark.rule("V1", "L4")
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (f"detail = CAST(replace(CAST(detail AS TEXT), 'olga', 'omar') AS BLOB) {THIRD}", "private half"),
        (f"leaf = CAST(replace(CAST(leaf AS TEXT), 'approval', 'apprOval') AS BLOB) {THIRD}", "tree nodes"),
        (f"nodes = zeroblob(32) {THIRD}", "tree nodes"),
        (f"DELETE FROM issuing_log_logentry {THIRD}", "should be 3"),
        (f"DELETE FROM issuing_log_logentry {LAST}", "kept apart"),
    ],
)
def test_what_was_altered_afterwards_is_found(world: World, site: Site, change: str, problem: str) -> None:
    world.license(site, products=ONE)
    tamper(change)
    problems = verify_log(world.calm).problems
    assert any(problem in found for found in problems), problems


@pytest.mark.rule("V1", "V2")
def test_a_file_exchanged_for_another_is_found(world: World, site: Site) -> None:
    first, second = world.license(site, products=ONE), world.license(site, products=ONE)
    assert first != second
    one, two = LicenseFile.objects.order_by("sequence")
    LicenseFile.objects.filter(pk=one.pk).update(raw=two.raw)
    assert any("is not the one that was issued" in found for found in verify_log(world.calm).problems)


@pytest.mark.rule("V1")
def test_a_private_half_is_salted(world: World) -> None:
    world.add_account("Contoso", approved=False)
    rows = LogEntry.objects.values_list("detail", flat=True)
    assert all(b'"salt":"' in bytes(row) for row in rows)


@pytest.mark.rule("L5")
def test_an_act_on_a_database_older_than_the_logs_head_is_refused_as_a_fault(world: World) -> None:
    world.add_account("Contoso")
    world.calm._head_checked = False
    LogEntry.objects.order_by("-index").first().delete()  # type: ignore[union-attr]
    with pytest.raises(TamperedError, match="not the one that CALM acted on last"):
        world.add_account("Fabrikam")


@pytest.mark.rule("L5")
def test_the_head_is_written_after_each_act(world: World) -> None:
    world.add_account("Contoso")
    head = world.calm.head.read()
    assert head is not None
    assert head.size == log_size()


@pytest.mark.rule("D4", "L5")
def test_an_act_whose_head_cannot_be_written_is_done_and_is_answered_as_done(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The disk fails between the commit and the head: to say that nothing was done would be wrong."""
    head = tmp_path / "issuing-log.head"
    head.mkdir()  # what is no file can be neither opened nor written
    world.calm.head, before = FileHead(head), log_size()
    world.calm._head_checked = True
    account = world.add_account("Contoso")
    assert account
    assert log_size() > before
    assert "The act is done" in caplog.text
    head.rmdir()
    world.add_account("Fabrikam")
    read = world.calm.head.read()
    assert read is not None
    assert read.size == log_size(), "the next act writes it"


@pytest.mark.rule("L5")
def test_threads_that_share_the_head_never_move_it_back(tmp_path: Path) -> None:
    head, sizes = FileHead(tmp_path / "head"), range(1, 400)
    threads, barrier = 8, Barrier(8)

    def write(first: int) -> bool:
        barrier.wait(30)
        known, rising = 0, True
        for size in sizes[first::threads]:
            head.write(CheckpointFields(origin="carnet/issuing-log", size=size, root="A" * 43))
            read = head.read()
            assert read is not None
            rising, known = rising and read.size >= max(known, size), read.size
        return rising

    with ThreadPoolExecutor(threads) as pool:
        assert all(pool.map(write, range(threads)))
    newest = FileHead(tmp_path / "head").read()
    assert newest is not None
    assert newest.size == max(sizes)
