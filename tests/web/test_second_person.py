"""Two tabs, or two people, at one request: whoever comes second is told what was done, by whom, and what of theirs was
not (E6)."""

import html
import re
from typing import Any

import pytest
from django.urls import reverse

from carnet.calm.control_rooms.models import LicenseFile
from carnet.calm.use_cases import accounts, proposals
from carnet.calm.use_cases.selection import Selection
from carnet.errors import UsageError
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import ok
from tests.web.conftest import Portal


def text_of(answer: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())).split())


@pytest.mark.rule("E6", "already_used")
def test_the_second_of_two_who_issue_is_told_what_was_issued_and_what_of_theirs_was_not(portal: Portal) -> None:
    lfr = portal.accept(portal.north.request(portal.now)).lfr
    url = reverse("issue", args=[portal.guid])
    typed = {"lfr": lfr, "p-bot-creator": "4", "until": ""}
    assert portal.as_("operator").post(url, typed).status_code == 302
    second = portal.as_("administrator").post(url, typed | {"p-bot-creator": "7", "p-document-pages": "100"})
    said = text_of(second)
    assert (second.status_code, second.context["refusal"].code) == (422, "already_used")
    assert "was answered with license file #1 at Tue 2026-11-24 08:00:00 UTC by operator@example.com" in said
    assert "Bot Creator: 7 instead of 4" in said
    assert "100 instead of 0" in said
    assert LicenseFile.objects.count() == 1
    same = text_of(portal.as_("administrator").post(url, typed))
    assert "It grants what you asked for; nothing of yours is missing." in same


@pytest.mark.rule("E6", "superseded")
def test_a_page_of_an_older_request_answers_no_newer_one(portal: Portal) -> None:
    """Somebody uploaded a newer request meanwhile: what was typed beside the older one is not issued for it."""
    older = portal.accept(portal.north.request(portal.now)).lfr
    portal.later(minutes=1)
    portal.accept(portal.north.request(portal.now))
    url = reverse("issue", args=[portal.guid])
    answer = portal.as_("operator").post(url, {"lfr": older, "p-bot-creator": "4", "until": ""})
    assert (answer.status_code, answer.context["refusal"].code) == (422, "superseded")
    assert "LFR 2 was uploaded at Tue 2026-11-24 08:01:00 UTC by" in text_of(answer)
    assert not LicenseFile.objects.exists()
    renewed = portal.as_("operator").post(reverse("renew", args=[portal.guid]), {"lfr": older})
    assert renewed.context["refusal"].code == "superseded"


@pytest.mark.rule("E6", "already_used")
def test_over_rest_and_at_the_command_line_the_words_are_the_same(portal: Portal) -> None:
    lfr = portal.accept(portal.north.request(portal.now)).lfr
    ok(portal.issue(lfr, products={"bot-creator": 4}))
    refused = portal.issue(lfr, products={"bot-creator": 7})
    assert isinstance(refused, Refusal)
    headers = {"Authorization": f"Bearer {portal.token_of('administrator')}"}
    body = {"lfr": lfr, "products": {"bot-creator": 7}}
    rest = portal.as_("nobody").post(
        f"/api/v1/guids/{portal.guid}/license-files", body, content_type="application/json", headers=headers
    )
    assert rest.json()["detail"].startswith(refused.message)
    assert Selection({"bot-creator": 7}).products == body["products"]


@pytest.mark.rule("E1")
def test_the_second_of_two_who_decide_is_told_who_decided(portal: Portal) -> None:
    account = portal.contoso.id
    asked = ok(
        accounts.request_approval(
            portal.calm, account=account, industry="energy", reason="closed", version="40", **portal.act
        )
    )
    first = portal.act | {"by": "paul@example.com"}
    accounts.refuse_approval(portal.calm, approval=asked.approval, reason="no air gap", **first)
    with pytest.raises(UsageError, match=r"It is refused by paul@example\.com at .*: no air gap"):
        accounts.grant_approval(portal.calm, approval=asked.approval, reason="seen", **portal.act)


@pytest.mark.rule("A3")
def test_who_takes_back_a_proposal_that_was_decided_is_told_by_whom(portal: Portal) -> None:
    asked = ok(proposals.propose_rotation(portal.calm, reason="yearly", **portal.act))
    where = reverse("confirmation", args=[asked.proposal])
    assert portal.as_("approver").post(where).status_code == 302
    late = portal.as_("operator").post(where, {"decision": "withdraw"})
    assert late.status_code == 422
    assert f"The proposal was confirmed by {portal.people['approver'].email}" in text_of(late)
    assert "Nothing was changed by you" in text_of(late)
