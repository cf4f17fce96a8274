"""The audit log: the issuing log, searched and exported; the search cannot be made to lie without being found out."""

import csv
from io import StringIO

import pytest

from carnet.calm.issuing_log.models import LogEntry
from carnet.calm.queries.log_queries import AuditQuery, export_csv, log_size, read_audit, verify_log
from carnet.calm.use_cases import accounts
from carnet.calm.use_cases.accounts import find_account
from tests.calm.conftest import DAY, OLGA, OMAR, World, code
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases


@pytest.fixture
def site(world: World) -> Site:
    world.buy("bot-creator", 10)
    return world.site()


def kinds(wanted: AuditQuery) -> list[str]:
    return [one.kind for one in read_audit(wanted).records]


@pytest.mark.rule("V1", "A3")
def test_it_is_searched_by_who_what_about_what_and_when(world: World, site: Site) -> None:
    world.now += DAY
    accounts.add_account(world.calm, name="Contoso", now=world.now, by=OMAR)
    accepted = world.accept(site.request(world.now))
    world.now += DAY
    world.issue(accepted.lfr, products={"bot-creator": 1})
    assert kinds(AuditQuery(who=OMAR)) == ["account.added"]
    assert kinds(AuditQuery(kind="request.")) == ["request.accepted"]
    assert kinds(AuditQuery(subject=accepted.lfr)) == ["request.accepted"]
    assert kinds(AuditQuery(subject=site.id)) == ["license_file.issued", "request.accepted"]
    assert kinds(AuditQuery(subject=find_account("Contoso").id)) == ["account.added"]
    assert kinds(AuditQuery(since=world.now)) == ["license_file.issued"]
    assert kinds(AuditQuery(who=OLGA, since=world.now - DAY, until=world.now)) == ["request.accepted"]


def test_it_is_read_a_page_at_a_time(world: World, site: Site) -> None:
    read, before = [], None
    while True:
        page = read_audit(AuditQuery(), before=before, size=3)
        read += [one.index for one in page.records]
        before = page.older
        if before is None:
            break
    assert read == list(range(log_size()))[::-1]


@pytest.mark.rule("V1")
def test_an_export_has_all_of_it_and_no_formula(world: World, site: Site) -> None:
    accounts.withdraw_approval(world.calm, approval="Northwind", reason='=HYPERLINK("x")', **world.act)
    rows = list(csv.reader(StringIO("".join(export_csv(AuditQuery())))))
    assert len(rows) == log_size() + 1
    assert [row[0] for row in rows[1:]] == [str(index) for index in range(log_size())]
    assert rows[-1][5] == '\'=HYPERLINK("x")'


@pytest.mark.rule("L4", "V1")
def test_a_record_that_hides_from_the_search_is_found_out(world: World, site: Site) -> None:
    assert code(world.upload(b"no LFR")) == "malformed"
    assert verify_log(world.calm).holds
    LogEntry.objects.filter(kind="refused").update(who="nobody")
    found = verify_log(world.calm)
    assert found.problems == (f"record {log_size() - 1}: a search would not find it as what it is",)
