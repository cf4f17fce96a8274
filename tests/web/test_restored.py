"""L6 at the pages: what CALM forgot is told as that, and taken back by two people."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from carnet.calm.control_rooms.models import ControlRoom, LicenseFile, RefusedFile
from tests.calm.conftest import HOUR
from tests.calm.test_restored import Backup, resume
from tests.web.conftest import Portal


@pytest.mark.rule("L6", "A3", "not_remembered")
def test_what_calm_forgot_is_taken_back_at_the_pages(portal: Portal) -> None:
    portal.license(portal.north, products={"bot-creator": 3})
    backup = Backup(portal)
    portal.now += HOUR
    portal.license(portal.north, products={"bot-creator": 9})
    backup.put_back()
    resume(portal)
    portal.now += HOUR
    since = ControlRoom.objects.get(id=portal.north.id).seen_size
    portal.upload(portal.north.request(portal.now, since=since, with_license=True))
    operator = portal.as_("operator")
    inbox = text(operator.get(reverse("inbox")))
    assert "CALM was restored" in inbox
    assert "may be forgotten" in inbox
    assert "vendor's name" not in inbox, "nobody is accused"
    assert "the disk of the portal was lost" in text(operator.get(reverse("issuing-log")))
    refused = RefusedFile.objects.order_by("-pk").first()
    assert refused is not None
    page = text(operator.get(reverse("refused", args=[refused.pk])))
    assert "it grants 9 Bot Creator" in page
    assert "keeps working on what is installed there" in page, "and not on the older file that CALM remembers"
    assert "Ask a second person to confirm" in page
    sent = {"reason": "the portal was restored", "no_copy": "on"}
    answer = operator.post(reverse("accept-history", args=[refused.pk]), sent)
    assert answer.status_code == 302, text(answer)
    waiting = text(operator.get(reverse("confirmations")))
    assert "it grants 9 Bot Creator" in waiting
    assert "Withdraw" in waiting, "which is another act than to take back what was forgotten"
    page = text(operator.get(reverse("refused", args=[refused.pk])))
    assert "A second person must confirm" in page
    assert "Ask a second person to confirm" not in page, "nothing is asked twice"
    assert not LicenseFile.objects.filter(taken_back=True).exists()


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())
