"""The page of a License GUID tells only what is true of it: of a refused newer request, a release, and a deadline."""

import re
from typing import Any

import pytest

from carnet.calm.control_rooms.models import LicenseFile
from carnet.calm.use_cases import accounts, batches, proposals, receipts
from tests.calm.conftest import OMAR, code, ok
from tests.web.conftest import Portal
from tests.web.test_renewals import licensed, text_of

USERS, PAGES = "bot-creator", "document-pages"


def opened(portal: Portal, role: str = "administrator", guid: str = "") -> Any:
    return portal.as_(role).get(f"/guids/{guid or portal.guid}/")


@pytest.mark.rule("E6", "E7", "superseded")
def test_while_a_newer_request_is_refused_issuing_for_the_older_says_what_it_means(portal: Portal) -> None:
    licensed(portal)
    backup = portal.north.fork()
    portal.north.use(USERS, in_use=1)
    first = portal.accept(portal.north.request(portal.now)).lfr
    portal.later(hours=1)
    backup.request(portal.now)
    assert code(portal.upload(backup.request(portal.now))) == "history_not_shown"
    page = opened(portal)
    assert "A newer request was refused" in text_of(page)
    typed = {f"p-{USERS}": "4", "until": ""}
    answer = portal.as_("administrator").post(f"/guids/{portal.guid}/issue/", typed)
    assert "is issued all the same" in text_of(answer)
    assert LicenseFile.objects.filter(lfr=first).count() == 0
    (many,) = batches.issue_same(portal.calm, account="Northwind", lfrs=[first], **portal.act)
    assert code(many.answer) == "superseded"
    answer = portal.as_("administrator").post(f"/guids/{portal.guid}/issue/", typed | {"frees_first": "1"})
    assert answer.status_code == 302
    assert LicenseFile.objects.filter(lfr=first).count() == 1


@pytest.mark.rule("E11", "H4")
def test_after_a_release_the_guid_keeps_its_history_and_nothing_old_waits(portal: Portal) -> None:
    portal.license(portal.north, products={USERS: 4, PAGES: 100})
    portal.north.use(PAGES, consume=30, now=portal.now)
    portal.later(hours=1)
    portal.upload(b"no request", portal.guid)
    portal.later(hours=1)
    portal.accept(portal.north.request(portal.now, "release"))
    portal.later(hours=1)
    page = opened(portal)
    assert page.context["page"].room is None
    assert [event.what for event in page.context["page"].events if event.kind == "request_accepted"] == [
        "release",
        "change",
    ]
    assert page.context["page"].cycles == 1
    assert "The last file was refused" not in text_of(page)
    history = portal.as_("administrator").get(f"/guids/{portal.guid}/timeline/")
    assert len(history.context["found"].items) > 4
    overview = portal.as_("administrator").get(f"/accounts/{portal.northwind.id}/")
    assert overview.context["view"].waiting == ()
    assert not any(site.refused for site in overview.context["view"].sites)
    (row,) = [one for group in overview.context["view"].groups for one in group.products if one.sku == PAGES]
    assert (row.spent, row.left) == (30, row.bought - 30)
    assert "Spent" in text_of(overview)


@pytest.mark.rule("E4")
def test_a_first_request_does_not_greet_with_a_refusal(portal: Portal) -> None:
    portal.accept(portal.north.request(portal.now, "initial"))
    page = opened(portal)
    assert "Refused" not in text_of(page)
    assert "Issue the license file" not in text_of(page)
    answer = portal.as_("administrator").post(f"/guids/{portal.guid}/preview/", {"until": ""})
    assert "No lines are asked for" in text_of(answer)  # once somebody asked for nothing, that is said


@pytest.mark.rule("E8", "E18")
def test_only_a_site_that_would_lock_is_said_to_lock(portal: Portal) -> None:
    locks, lapses = "If it passes, the Control Room locks.", "If it passes, the cycle lapses and nothing locks."
    portal.accept(portal.north.request(portal.now, "initial"))
    first = text_of(opened(portal))
    assert (locks in first, lapses in first) == (False, True)
    ok(portal.issue(portal.accept(portal.north.request(portal.now)).lfr, products={USERS: 4}))
    file = LicenseFile.objects.latest("sequence")
    portal.north.install(bytes(file.raw), portal.now)
    portal.accept(portal.north.request(portal.now))
    later = text_of(opened(portal))
    assert (locks in later, lapses in later) == (True, False)
    assert accounts.is_approved(portal.northwind.id)


@pytest.mark.rule("A1", "E12", "N2")
def test_whatever_a_customer_is_shown_as_refused_opens_and_strangers_see_none_of_it(portal: Portal) -> None:
    receipt = portal.license(portal.north, products={USERS: 4})
    assert code(portal.upload(b"no request", portal.guid))
    asked = {"control_room": portal.north.id, "reason": "it burned down", "return_unconsumed": True}
    proposed = ok(proposals.propose_write_off(portal.calm, **asked, **portal.act))
    ok(proposals.confirm(portal.calm, proposal=proposed.proposal, now=portal.now, by=OMAR))
    assert code(receipts.accept_receipt(portal.calm, raw=receipt, **portal.act))
    page = portal.as_("viewer").get(f"/accounts/{portal.northwind.id}/files/").content.decode()
    links = set(re.findall(r'href="(/refused/\d+/)"', page))
    assert len(links) == 2
    for link in links:
        assert portal.as_("viewer").get(link).status_code == 200
        assert portal.as_("stranger").get(link).status_code == 404
