"""L2 in the portal: what accepting a history comes to, before two people decide it, and for the customer after."""

import pytest

from carnet.calm.control_rooms.models import RefusedFile
from carnet.calm.use_cases import proposals
from tests.calm.conftest import OMAR, code, ok
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
