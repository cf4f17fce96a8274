"""Mail to whoever is waited for: each once, from every door, by the product's and the vendor's name."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.forms.models import model_to_dict
from django.urls import reverse, set_script_prefix

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.customers.models import Approval
from carnet.calm.notices.models import SentWord
from carnet.calm.notices.waiting import by_mail, tell_waiting
from carnet.calm.people.recipients import Recipients
from carnet.calm.queries.log_queries import show_log
from carnet.calm.use_cases import accounts, proposals
from carnet.calm.use_cases.models import Proposal
from tests.calm.conftest import DAY, HOUR, ok
from tests.support.kept_logs import secret
from tests.web.conftest import Portal

REASON = {"industry": "Energy", "version": "40.0.0", "reason": "the plant has no connection"}


@pytest.fixture(autouse=True)
def post(settings: Any, portal: Portal) -> None:
    """A mail server, and nothing that is due yet."""
    settings.EMAIL_HOST = "mail.example"
    Approval.objects.update(decided_at=portal.now - 30 * DAY)


def answered(portal: Portal) -> list[Any]:
    """The mails that went out once the answers were given."""
    before = len(mail.outbox)
    while portal.left_behind:
        portal.left_behind.pop(0)()
    return mail.outbox[before:]


def ask(portal: Portal) -> Any:
    account = portal.contoso.id
    return portal.as_("stranger").post(reverse("customer-approval", args=[account]), REASON)


@pytest.mark.rule("E1")
def test_approvers_hear_of_a_request_and_the_customer_of_the_decision(portal: Portal) -> None:
    assert ask(portal).status_code == 302
    (asked,) = answered(portal)
    assert asked.to == [portal.people["approver"].email]
    assert "asks to license offline" in asked.subject
    assert REASON["reason"] in asked.body
    row = Approval.objects.get(account=portal.contoso, state="requested")
    assert f"http://testserver/inbox/approvals/{row.id}/" in asked.body
    page = reverse("approval", args=[row.id])
    decided = portal.as_("approver").post(page, {"decision": "grant", "reason": "visited"})
    assert decided.status_code == 302
    (told,) = answered(portal)
    assert told.to == [portal.people["stranger"].email]
    assert "is granted" in told.subject
    assert "Reason: visited" in told.body
    assert [row.kind for row in show_log(last=4)].count("notice.sent") == 2


@pytest.mark.rule("A3")
def test_the_second_person_hears_of_a_proposal_and_the_first_of_what_came_of_it(portal: Portal) -> None:
    first, second = portal.people["operator"].email, portal.people["approver"].email
    asked = ok(proposals.propose_rotation(portal.calm, reason="yearly", now=portal.now, by=first))
    portal.as_("operator").post(reverse("inbox"))
    (waits,) = answered(portal)
    assert waits.to == [second]
    assert "a second person is needed" in waits.subject
    assert "Reason: yearly" in waits.body
    assert portal.as_("approver").post(reverse("confirmation", args=[asked.proposal])).status_code == 302
    (done,) = answered(portal)
    assert done.to == [first]
    assert "confirmed and done" in done.subject


@pytest.mark.rule("A3")
def test_the_oldest_of_many_proposals_is_told_too(portal: Portal) -> None:
    """A vendor who cleans up proposes a hundred at once; no page of a list ends there."""
    by = portal.people["operator"].email
    asked = ok(proposals.propose_rotation(portal.calm, reason="yearly", now=portal.now, by=by))
    first = Proposal.objects.get(id=asked.proposal)
    many = [Proposal(**(model_to_dict(first) | {"id": f"{first.id[:-3]}{number:03}"})) for number in range(120)]
    Proposal.objects.bulk_create(many)
    portal.as_("operator").post(reverse("inbox"))
    assert len([each for each in answered(portal) if "a second person is needed" in each.subject]) == 121


@pytest.mark.rule("E12")
def test_operators_hear_of_a_site_that_is_reported_lost(portal: Portal) -> None:
    portal.license(portal.north, products={"bot-creator": 3})
    form = {"reason": "the ship sank", "name": ControlRoom.objects.get().name}
    assert portal.as_("administrator").post(reverse("report-lost", args=[portal.guid]), form).status_code == 302
    (told,) = answered(portal)
    assert told.to == [portal.people["operator"].email]
    assert "the ship sank" in told.body


def test_each_goes_out_once_and_one_that_failed_is_tried_again(portal: Portal) -> None:
    ask(portal)
    who: dict[str, Any] = {"now": portal.now, "by": "calm notify", "vendor": "Automation Vendor"}

    def broken(*_: object) -> None:
        raise OSError("the mail server does not answer")

    (failed,) = tell_waiting(portal.calm, Recipients(), mail=broken, **who)
    assert failed.why == "the mail server does not answer"
    assert not SentWord.objects.exists()
    (sent,) = tell_waiting(portal.calm, Recipients(), mail=by_mail, **who)
    assert not sent.why
    assert tell_waiting(portal.calm, Recipients(), mail=by_mail, **who) == ()
    assert len(answered(portal)) == 0
    assert len(mail.outbox) == 1


def test_one_that_another_timer_is_sending_is_left_to_it_unless_that_one_ended(portal: Portal) -> None:
    ask(portal)
    row = Approval.objects.get(account=portal.contoso, state="requested")
    SentWord.objects.create(key=f"approval:{row.id}:requested", claimed_at=portal.now)
    who: dict[str, Any] = {"by": "calm notify", "vendor": "Automation Vendor", "mail": by_mail}
    assert tell_waiting(portal.calm, Recipients(), now=portal.now, **who) == ()
    assert len(tell_waiting(portal.calm, Recipients(), now=portal.now + HOUR, **who)) == 1


def test_what_was_decided_long_ago_is_not_told(portal: Portal) -> None:
    ask(portal)
    row = Approval.objects.get(account=portal.contoso, state="requested")
    ok(accounts.refuse_approval(portal.calm, approval=row.id, reason="no visit", now=portal.now, by="otto@x.example"))
    who: dict[str, Any] = {"by": "calm notify", "vendor": "Automation Vendor", "mail": by_mail}
    assert tell_waiting(portal.calm, Recipients(), now=portal.now + 8 * DAY, **who) == ()


@pytest.mark.security
def test_a_name_of_a_customer_makes_no_header_and_no_line(portal: Portal) -> None:
    portal.contoso.name = "Evil\u2028Bcc: x@example.com"
    portal.contoso.save()
    ask(portal)
    (told,) = answered(portal)
    assert "\n" not in told.subject


def test_every_mail_names_the_product_and_the_vendor_and_no_host_and_port(portal: Portal) -> None:
    ask(portal)
    portal.as_("operator").post(reverse("staff-person", args=[portal.people["approver"].pk]), {"what": "link"})
    for each in answered(portal):
        assert each.subject.startswith("CALM: ")
        assert "the license portal of Automation Vendor" in each.body
        without_links = re.sub(r"https?://\S+", "", f"{each.subject}\n{each.body}\n{each.from_email}")
        assert not re.search(r"testserver|127\.0\.0\.1|localhost:\d|:\d{4,5}\b", without_links)


def test_what_only_asks_looks_for_nobody_who_is_waited_for(portal: Portal) -> None:
    """Pre-flight is sent as one types: it must not read all that waits each time."""
    browser = portal.as_("operator")
    browser.post(reverse("configure", args=[portal.guid]), {"until": ""}, headers={"HX-Request": "true"})
    browser.get(reverse("inbox"))
    assert portal.left_behind == []


@pytest.mark.parametrize("prefix", ["", "/licensing"])
def test_links_in_mails_lead_below_the_prefix_once(portal: Portal, settings: Any, prefix: str) -> None:
    """Of what waits, and to a password; sent in another thread than the request's."""
    settings.FORCE_SCRIPT_NAME = prefix or None
    try:
        assert ask(portal).status_code == 302
        viewer = portal.people["viewer"]
        assert portal.as_("operator").post(f"/people/{viewer.pk}/", {"what": "link"}).status_code in (200, 302)
        portal.as_("nobody").post("/sign-in/forgotten/", {"email": viewer.email})
        set_script_prefix("/")  # as another thread has it
        waiting = answered(portal)
    finally:
        set_script_prefix("/")
    sent = [str(each.body) for each in mail.outbox]
    links = [link for body in sent for link in re.findall(r"http://\S+", body)]
    assert len(waiting) >= 2
    assert any("/inbox/approvals/" in link for link in links)
    choose = [link for link in links if "/sign-in/choose/" in link]
    assert len(choose) == 2
    for link in choose:
        secret(link.rstrip("/").rpartition("/")[2], "a link to choose a password")
    assert all(re.match(rf"http://testserver{prefix}/(inbox|sign-in)/", link) for link in links), links
