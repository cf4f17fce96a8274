"""Several sites in one trip: files in, one archive out."""

import zipfile
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.web.conftest import Portal


@pytest.mark.rule("E3", "H1")
def test_many_requests_one_archive_and_a_list_of_what_was_refused(portal: Portal) -> None:
    south = portal.site("south")
    portal.license(portal.north, products={"bot-creator": 3})
    portal.license(south, "south", products={"bot-creator": 2})
    files = [
        SimpleUploadedFile("north.lfr", portal.north.request(portal.now)),
        SimpleUploadedFile("south.lfr", south.request(portal.now)),
        SimpleUploadedFile("holiday.lfr", b"<html>"),
    ]
    browser, base = portal.as_("administrator"), f"/accounts/{portal.northwind.id}/requests/"
    page = browser.post(base, {"files": files})
    assert page.status_code == 200
    assert [one.file for one in page.context["refused"]] == ["holiday.lfr"]
    chosen = [one.answer.lfr for one in page.context["accepted"]]
    assert len(chosen) == 2
    archive = zipfile.ZipFile(BytesIO(browser.post(f"{base}issue/", {"request": chosen}).content))
    assert sorted(archive.namelist()) == ["plant-north-0002.olf", "plant-south-0002.olf", "read-me-first.txt"]
    portal.north.install(archive.read("plant-north-0002.olf"), portal.now)
    assert portal.held("south") == {"bot-creator": 2}


@pytest.mark.rule("A1")
def test_a_stranger_issues_nothing_for_anothers_request(portal: Portal) -> None:
    accepted = portal.accept(portal.north.request(portal.now))
    base = f"/accounts/{portal.contoso.id}/requests/"
    answer = portal.as_("stranger").post(f"{base}issue/", {"request": accepted.lfr})
    assert answer.status_code == 400
    assert portal.held() == {}
