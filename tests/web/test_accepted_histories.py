"""L2 in the portal: what accepting a history comes to, before two people decide it, and for the customer after."""

from typing import Any

import pytest

from carnet.calm.control_rooms.models import RefusedFile
from carnet.calm.use_cases import proposals
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import HOUR, OMAR, code, ok
from tests.calm.test_restored import Backup, resume
from tests.web.conftest import Portal
from tests.web.test_renewals import text_of

pytestmark = pytest.mark.both_databases


@pytest.fixture
def refused(portal: Portal) -> int:
    """Of 100 pages both know; CALM saw 120, and the site that was restored states 130."""
    portal.license(portal.north, products={"document-pages": 500})
    portal.north.use("document-pages", consume=100, now=portal.now)
    portal.accept(portal.north.request(portal.now))
    backup = portal.north.fork()
    portal.north.use("document-pages", consume=20, now=portal.now)
    portal.accept(portal.north.request(portal.now))
    backup.use("document-pages", consume=30, now=portal.now)
    assert code(portal.upload(backup.request(portal.now, since=portal.north.ledger.size))) == "history_mismatch"
    row = RefusedFile.objects.order_by("-pk").first()
    assert row is not None
    return row.pk


@pytest.mark.rule("L2", "A3")
def test_the_evidence_says_it_in_numbers_and_takes_a_lower_one(portal: Portal, refused: int) -> None:
    operator = portal.as_("operator")
    page = text_of(operator.get(f"/refused/{refused}/"))
    assert "after this the site stands at 150 pages; between 0 and 20 of these may be counted twice" in page
    assert "Units to add: Document Automation" in page
    line = next(iter(portal.north.lines))
    asked = {"reason": "restored on Monday", "no_copy": "on", f"lower-{line}": "-1"}
    assert operator.post(f"/refused/{refused}/accept/", asked).status_code == 422
    assert operator.post(f"/refused/{refused}/accept/", asked | {f"lower-{line}": "5"}).status_code == 302
    waiting = text_of(operator.get("/confirmations/"))
    told = "5 are added instead of 20, as two people decided; after this the site stands at 135 pages"
    assert told in waiting
    proposal = proposals.list_proposals()[0].proposal
    ok(proposals.confirm(portal.calm, proposal=proposal, now=portal.now, by=OMAR))
    customer = portal.as_("administrator")
    own, account = f"/guids/{portal.guid}/", f"/accounts/{portal.northwind.id}/"
    for address in (own, f"{own}timeline/", f"{account}timeline/"):
        assert told in text_of(customer.get(address)), address
    room = text_of(customer.get(f"/guids/{portal.guid}/"))
    assert "Another history" in room
    assert "History continues" not in room


def propose_by_rest(portal: Portal, act: str, **given: Any) -> Any:
    return portal.as_("nobody").post(
        f"/api/v1/control-rooms/{portal.north.id}/{act}",
        {"reason": "restored on Monday"} | given,
        content_type="application/json",
        headers={"Authorization": f"Bearer {portal.token_of('operator')}"},
    )


@pytest.mark.rule("L2", "A3")
def test_a_program_proposes_it_with_a_lower_number_and_is_told_the_same(portal: Portal, refused: int) -> None:
    line = next(iter(portal.north.lines))
    too_low = propose_by_rest(portal, "accepted-history", lower={line: 0})
    assert propose_by_rest(portal, "accepted-history", lower={line: 21}).status_code == 400
    assert propose_by_rest(portal, "accepted-history", lower={"no-such-product": 5}).status_code == 400
    assert proposals.list_proposals()[1:] == (), "what both histories prove is none of the 20"
    assert too_low.status_code == 201
    answer = propose_by_rest(portal, "accepted-history", lower={"document-pages": 5})
    assert answer.status_code == 201
    told = "5 are added instead of 20, as two people decided; after this the site stands at 135 pages"
    assert any(told in line for line in answer.json()["would"])
    done = ok(proposals.confirm(portal.calm, proposal=answer.json()["proposal"], now=portal.now, by=OMAR))
    assert any(told in line for line in done.did)


@pytest.fixture
def forgotten(portal: Portal) -> int:
    """CALM accepted the history of a site that was restored, and forgot that when it was restored itself."""
    portal.license(portal.north, products={"document-pages": 500})
    portal.north.use("document-pages", consume=100, now=portal.now)
    portal.accept(portal.north.request(portal.now))
    backup = portal.north.fork()
    portal.north.use("document-pages", consume=20, now=portal.now)
    portal.accept(portal.north.request(portal.now))
    point = Backup(portal)
    portal.now += HOUR
    size = portal.north.ledger.size
    assert code(portal.upload(backup.request(portal.now, since=size))) == "history_mismatch"
    asked = ok(proposals.propose_accept_history(portal.calm, control_room=backup.id, reason="a backup", **portal.act))
    lfr = ok(proposals.confirm(portal.calm, proposal=asked.proposal, now=portal.now, by=OMAR)).lfr
    raw = ok(portal.issue(lfr or "", products={"document-pages": 500})).raw
    assert raw is not None
    backup.install(raw, portal.now)
    point.put_back()
    resume(portal)
    portal.now += HOUR
    assert code(portal.upload(backup.request(portal.now, since=size, with_license=True))) == "not_remembered"
    row = RefusedFile.objects.order_by("-pk").first()
    assert row is not None
    return row.pk


@pytest.mark.rule("L2", "L6", "A3")
def test_what_is_taken_back_takes_a_lower_number_at_the_pages(portal: Portal, forgotten: int) -> None:
    operator = portal.as_("operator")
    page = text_of(operator.get(f"/refused/{forgotten}/"))
    assert "Units to add: Document Automation" in page
    assert "What accepting it comes to" in page
    (line,) = {each.key for each in operator.get(f"/refused/{forgotten}/").context["found"].can_be_lower}
    asked = {"reason": "restored on Monday", "no_copy": "on", f"lower-{line}": "5"}
    assert operator.post(f"/refused/{forgotten}/accept/", asked).status_code == 302
    waiting = text_of(operator.get("/confirmations/"))
    assert "5 are added instead of" in waiting
    proposal = proposals.list_proposals()[0].proposal
    assert any("5 are added" in line for line in ok(confirm(portal, proposal)).did)


@pytest.mark.rule("L2", "L6", "A3")
def test_what_is_taken_back_takes_a_lower_number_over_rest(portal: Portal, forgotten: int) -> None:
    answer = propose_by_rest(portal, "take-back", lower={"document-pages": 5})
    assert answer.status_code == 201, answer.content
    assert any("5 are added instead of" in line for line in answer.json()["would"])
    assert any("5 are added" in line for line in ok(confirm(portal, answer.json()["proposal"])).did)


def confirm(portal: Portal, proposal: str) -> proposals.Confirmed | Refusal:
    return proposals.confirm(portal.calm, proposal=proposal, now=portal.now, by=OMAR)
