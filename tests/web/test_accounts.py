"""Accounts over the years in the portal (H7, E11): renamed, archived, merged by two people; and who sees what then."""

import re

import pytest

from carnet.calm.customers.models import Account
from carnet.calm.purchases.models import Guid
from carnet.calm.use_cases import proposals
from tests.web.conftest import Portal
from tests.web.test_renewals import text_of

pytestmark = pytest.mark.both_databases
PAGES = "document-pages"


@pytest.mark.rule("H7")
def test_an_account_is_renamed_archived_shown_and_brought_back(portal: Portal) -> None:
    operator, contoso = portal.as_("operator"), f"/accounts/{portal.contoso.id}/"
    taken = operator.post(f"{contoso}rename/", {"name": "ＮORTHWIND "})
    assert taken.status_code == 422
    assert "There is an account “Northwind” already" in text_of(taken)
    assert operator.post(f"{contoso}rename/", {"name": "Contoso Energy"}).status_code == 302
    assert "in no list" in text_of(operator.get(f"{contoso}archive/"))
    assert operator.post(f"{contoso}archive/", {}).status_code == 302
    operator.get("/accounts/")  # and the message is gone
    assert "Contoso Energy" not in text_of(operator.get("/accounts/"))
    assert "Contoso Energy" in text_of(operator.get("/accounts/?state=archived"))
    assert "Archived" in text_of(operator.get(contoso))
    assert "Bring back" in text_of(operator.get(contoso))
    assert operator.post(f"{contoso}archive/", {}).status_code == 302
    assert "Contoso Energy" in text_of(operator.get("/accounts/"))


@pytest.mark.rule("H7")
def test_what_holds_something_is_not_archived_and_says_why(portal: Portal) -> None:
    portal.license(portal.north, products={PAGES: 10})
    refused = portal.as_("operator").post(f"/guids/{portal.guid}/archive/", {})
    assert refused.status_code == 422
    assert "Plant North is bound there." in text_of(refused)


@pytest.mark.rule("H7")
def test_an_archived_guid_is_hidden_and_can_be_found(portal: Portal) -> None:
    operator, spare = portal.as_("operator"), portal.add_guid("spare")
    assert operator.post(f"/guids/{spare}/rename/", {"label": "annex"}).status_code == 302
    assert operator.post(f"/guids/{spare}/archive/", {}).status_code == 302
    page = text_of(operator.get(f"/accounts/{portal.northwind.id}/control-rooms/"))
    assert "1 archived" in page
    assert "Bring back" in text_of(operator.get(f"/guids/{spare}/"))


@pytest.mark.rule("A1", "A3", "H7")
def test_two_people_merge_accounts_and_then_both_people_see_all(portal: Portal) -> None:
    portal.license(portal.north, products={PAGES: 10})
    assert portal.as_("stranger").get(f"/guids/{portal.guid}/").status_code == 404
    asked = {"into": portal.contoso.id, "reason": "Contoso bought Northwind", "name": "Northwnd"}
    operator, merge = portal.as_("operator"), f"/accounts/{portal.northwind.id}/merge/"
    assert operator.post(merge, asked).status_code == 422
    assert operator.post(merge, asked | {"name": "Northwind"}).status_code == 302
    waiting = text_of(operator.get("/confirmations/"))
    assert "of Northwind goes to Contoso, with its history" in waiting
    assert "merge" in text_of(operator.get("/inbox/"))
    (proposal,) = proposals.list_proposals()
    done = portal.as_("approver").post(f"/confirmations/{proposal.proposal}/", {"decision": "confirm"})
    assert done.status_code == 302
    assert "Plant North" in text_of(portal.as_("stranger").get(f"/guids/{portal.guid}/"))
    portal.people["administrator"].refresh_from_db()
    assert portal.people["administrator"].account_id == portal.contoso.id
    assert Account.objects.get(name="Northwind").merged_into_id == portal.contoso.id


@pytest.mark.security
@pytest.mark.rule("A1", "E11")
def test_after_a_change_of_account_nobody_sees_the_other_ones_time(portal: Portal) -> None:
    portal.license(portal.north, products={PAGES: 77})
    portal.north.use(PAGES, consume=33, now=portal.now)
    portal.accept(portal.north.request(portal.now, "release"))
    portal.buy(PAGES, 500, account="Contoso")
    portal.add_guid("bought", "Contoso")
    portal.north.install_token(portal.token("Contoso"))
    portal.accept(portal.north.request(portal.now), "bought")
    portal.license(portal.north, "bought", products={PAGES: 55})
    bought = Guid.objects.get(label="bought").id
    old, new = portal.as_("administrator"), portal.as_("stranger")
    assert old.get(f"/guids/{bought}/").status_code == 404
    assert new.get(f"/guids/{portal.guid}/").status_code == 404
    left = text_of(old.get(f"/guids/{portal.guid}/timeline/"))
    assert "enrolled under another account" in left
    assert "Contoso" not in left
    for part in ("", "timeline/", "usage/"):
        came = text_of(new.get(f"/guids/{bought}/{part}"))
        assert "Northwind" not in came, part
        assert not re.search(r"\b77\b", came), part
    assert "came from another account" in text_of(new.get(f"/guids/{bought}/timeline/"))
    for address, words in ((f"/accounts/{portal.contoso.id}/", "came from another account"),):
        assert words in text_of(new.get(f"{address}timeline/"))
        assert "Northwind" not in text_of(new.get(f"{address}files/"))
