"""N2 at the doors: the same code over REST and at the pages, 429, and when to try again."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from carnet.calm.control_rooms.models import RefusedFile
from tests.web.conftest import Portal

pytestmark = pytest.mark.security
RUBBISH = b"rubbish"


@pytest.fixture
def full(portal: Portal) -> Portal:
    """Northwind has sent its one file of today."""
    portal.calm.uploads = replace(portal.calm.uploads, files=1)
    assert _over_rest(portal, "lfrs").json()["code"] == "malformed"
    return portal


def _over_rest(portal: Portal, what: str) -> Any:
    headers = {"Authorization": f"Bearer {portal.token_of('administrator')}"}
    url = f"/api/v1/guids/{portal.guid}/{what}"
    return portal.as_("nobody").post(url, RUBBISH, content_type="application/octet-stream", headers=headers)


def _at_the_page(portal: Portal, name: str, field: str = "file", **where: str) -> Any:
    sent: dict[str, Any] = {field: SimpleUploadedFile("a.lfr", RUBBISH)} if field else {"sent": "yes"}
    return portal.as_("administrator").post(reverse(name, kwargs=where), sent)


@pytest.mark.rule("N2", "too_many_uploads", "E13")
def test_each_door_says_the_same_and_when_to_try_again(full: Portal) -> None:
    account = full.northwind.id
    for answer in (
        _over_rest(full, "lfrs"),
        _over_rest(full, "receipts"),
        _at_the_page(full, "request-upload", guid=full.guid),
        _at_the_page(full, "receipt-upload", guid=full.guid),
        _at_the_page(full, "requests-upload", field="files", account=account),
        _at_the_page(full, "token", field="", account=account),
    ):
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 24 * 3600
        assert "too_many_uploads" in answer.content.decode()
    assert RefusedFile.objects.count() == 1


@pytest.mark.rule("N2")
def test_a_refused_file_whose_bytes_were_let_go_is_shown_without_them(portal: Portal) -> None:
    portal.calm.uploads = replace(portal.calm.uploads, unknown_kept=1)
    for _ in range(2):
        _over_rest(portal, "lfrs")
    old, new = RefusedFile.objects.order_by("id")
    operator = portal.as_("operator")
    shown = operator.get(reverse("refused", kwargs={"number": old.pk})).content.decode()
    assert "its bytes were let go" in shown.replace("\n", " ").replace("            ", " ")
    assert operator.get(reverse("refused-file", kwargs={"number": old.pk})).status_code == 404
    assert operator.get(reverse("refused-file", kwargs={"number": new.pk})).content == RUBBISH
