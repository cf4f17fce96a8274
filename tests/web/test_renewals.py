"""Early renewal at the doors: the page, REST, the certificate and the archive of many say the same."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest

from carnet.calm.control_rooms.models import AcceptedLfr
from carnet.calm.use_cases import receipts
from tests.calm.conftest import END, ok
from tests.support.site_simulator import Site
from tests.web.conftest import Portal

NEXT = END + timedelta(days=366)
USERS = "bot-creator"


def licensed(portal: Portal) -> str:
    """Four of ten users until END, and ten more to go on with."""
    receipt = portal.license(portal.north, products={USERS: 4})
    ok(receipts.accept_receipt(portal.calm, raw=receipt, **portal.act))
    portal.later(days=30)
    return portal.buy(USERS, 10, valid_from=END, valid_until=NEXT)


def text_of(answer: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())).split())


@pytest.mark.rule("Q1", "E9")
def test_one_click_renews_a_site_as_it_is(portal: Portal) -> None:
    licensed(portal)
    portal.accept(portal.north.request(portal.now, "renewal"))
    browser, room = portal.as_("administrator"), f"/guids/{portal.guid}/"
    page = browser.get(room)
    opened = text_of(page)
    assert '<button class="button" form="renew-form">' in page.content.decode(), "Enter in a field never renews"
    assert "Renew as now" in opened
    assert "Step 2: Configure entitlements 0 changed Product" in opened
    assert "to correct" not in opened
    answer = browser.post(f"{room}renew/", follow=True)
    assert "renewed as now" in text_of(answer)
    assert sorted(line.valid_until for line in answer.context["page"].file.lines) == [END, NEXT]
    again = browser.post(f"{room}renew/")
    assert (again.status_code, again.context["refusal"].code) == (422, "already_used")


@pytest.mark.rule("E9")
def test_page_rest_and_certificate_say_the_same_of_fewer_next_year(portal: Portal) -> None:
    following = licensed(portal)
    lfr = portal.accept(portal.north.request(portal.now, "renewal")).lfr
    browser, room = portal.as_("administrator"), f"/guids/{portal.guid}/"
    typed = {f"p-{USERS}": "4", f"l-{following}": "1", "until": ""}
    page = browser.post(f"{room}preview/", typed)
    (row,) = [row for row in page.context["configure"].checked.difference.rows if row.change]
    assert (row.now, row.new, row.starts) == (4, 1, END)
    assert "people, from 2027-11-01" in text_of(page)
    headers = {"Authorization": f"Bearer {portal.token_of('administrator')}"}
    body = {"lfr": lfr, "products": {USERS: 4}, "lines": {following: 1}}
    rest = portal.as_("nobody").post(
        f"/api/v1/guids/{portal.guid}/license-files", body, content_type="application/json", headers=headers
    )
    (sentence,) = rest.json()["changes"]
    assert sentence == (
        "Bot Creator: 4 → 1 from 2027-11-01 (−3); until the end of 2028-10-31 (UTC) "
        "instead of until the end of 2027-10-31 (UTC)"
    )
    file = rest.json()["license_file"]
    assert sentence in text_of(browser.get(f"{room}files/{file}/certificate/"))


@pytest.mark.rule("Q1")
def test_a_program_renews_as_now_and_looks_at_it_before(portal: Portal) -> None:
    licensed(portal)
    lfr = portal.accept(portal.north.request(portal.now, "renewal")).lfr
    headers = {"Authorization": f"Bearer {portal.token_of('administrator')}"}
    told = []
    for preview in (True, False):
        answer = portal.as_("nobody").post(
            f"/api/v1/guids/{portal.guid}/renew-as-now",
            {"lfr": lfr, "preview": preview},
            content_type="application/json",
            headers=headers,
        )
        assert answer.status_code == 201
        told.append((answer.json()["license_file"] is None, answer.json()["changes"]))
    words = ["Bot Creator: until the end of 2028-10-31 (UTC) instead of until the end of 2027-10-31 (UTC)"]
    assert told == [(True, words), (False, words)]


@pytest.mark.rule("Q1")
def test_sites_are_renewed_from_one_page_and_one_file_needs_no_archive(portal: Portal) -> None:
    licensed(portal)
    lfr = portal.accept(portal.north.request(portal.now, "renewal")).lfr
    browser, base = portal.as_("administrator"), f"/accounts/{portal.northwind.id}/requests/"
    file = browser.post(f"{base}issue/", {"request": [lfr], "renews": "yes"})
    assert file.headers["content-type"] == "application/octet-stream"
    assert file.headers["content-disposition"].endswith('.olf"')
    page = browser.get(f"/guids/{portal.guid}/")
    assert max(line.valid_until for line in page.context["page"].file.lines) == NEXT


@pytest.mark.rule("Q1")
def test_a_program_renews_many_as_now_and_looks_at_them_before(portal: Portal) -> None:
    """All that wait, where none is named: each is issued, or refused on its own."""
    licensed(portal)
    lfr = portal.accept(portal.north.request(portal.now, "renewal")).lfr
    portal.add_guid("new")
    new = Site(portal.random, id="", name="Plant New")
    new.id = new.new_uuid()
    new.install_token(portal.token())
    other = portal.accept(new.request(portal.now), "new").lfr
    headers = {"Authorization": f"Bearer {portal.token_of('administrator')}"}
    told = []
    for given in ({"preview": True}, {"lfrs": [other]}, {}):
        answer = portal.as_("nobody").post(
            f"/api/v1/accounts/{portal.northwind.id}/renew-as-now",
            given,
            content_type="application/json",
            headers=headers,
        )
        assert answer.status_code == 200, answer.content
        told.append(
            {
                one["lfr"]: one["refused"]["code"] if one["refused"] else one["license_file"]["license_file"]
                for one in answer.json()["renewed"]
            }
        )
    assert told[0] == {lfr: None, other: "cannot_be_installed"}
    assert told[1] == {other: "cannot_be_installed"}
    assert told[2].keys() == {lfr, other}
    assert told[2][lfr]


@pytest.mark.rule("Q1", "A1")
def test_no_program_renews_the_sites_of_another_account(portal: Portal) -> None:
    licensed(portal)
    lfr = portal.accept(portal.north.request(portal.now, "renewal")).lfr
    headers = {"Authorization": f"Bearer {portal.token_of('stranger')}"}
    answer = portal.as_("nobody").post(
        f"/api/v1/accounts/{portal.northwind.id}/renew-as-now",
        {"lfrs": [lfr]},
        content_type="application/json",
        headers=headers,
    )
    assert answer.status_code == 404
    assert not AcceptedLfr.objects.get(pk=lfr).used
