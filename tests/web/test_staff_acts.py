"""A3, A4: who gets into CALM as one of the vendor's staff, and who is the second person of what afterwards. Each attack
here let one operator act for two."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from carnet.calm.people import staff, staff_acts
from carnet.calm.people.models import EntryCode, Person
from carnet.calm.people.staff_acts import StaffAct, StaffProposed
from carnet.calm.queries.attention import AttentionKind, attention
from carnet.calm.queries.log_queries import show_log
from carnet.calm.use_cases import proposals
from carnet.calm.use_cases.models import Proposal
from carnet.errors import UsageError
from carnet.exchange.verdicts import Code, Refusal
from tests.calm.conftest import code, ok
from tests.support.kept_logs import secret
from tests.web.conftest import PASSWORD, Portal

pytestmark = pytest.mark.security
OPERATOR, APPROVER, EVE = "operator@example.com", "approver@example.com", "eve@example.com"
MONTH = timedelta(days=30)


def ask(portal: Portal, kind: str, email: str, by: str = OPERATOR, **more: Any) -> StaffProposed | Refusal:
    asked = StaffAct(kind, email, "she works here", **more)
    answer = staff_acts.propose(portal.calm, asked, by_mail=False, now=portal.now, by=by)
    if isinstance(answer, StaffProposed) and answer.half:
        secret(answer.half, "half an entry code")
    return answer


def confirm(portal: Portal, proposed: Any, by: str) -> proposals.Confirmed | Refusal:
    id_ = proposed.proposed.proposal if isinstance(proposed, StaffProposed) else proposed.proposal
    answer = proposals.confirm(portal.calm, proposal=id_, now=portal.now, by=by)
    if isinstance(answer, proposals.Confirmed) and answer.half:
        secret(answer.half, "half an entry code")
    return answer


def rotate(portal: Portal, by: str) -> proposals.Proposed:
    return ok(proposals.propose_rotation(portal.calm, reason="yearly", now=portal.now, by=by))


def added(portal: Portal, role: str = "operator") -> tuple[str, str]:
    """Eve, asked for by the operator and confirmed by the approver; both halves of her code."""
    asked = ok(ask(portal, staff_acts.ADD, EVE, name="Eve", role=role))
    return asked.half, ok(confirm(portal, asked, APPROVER)).half


def is_refused(answer: object) -> bool:
    return isinstance(answer, Refusal) and answer.code is Code.NEEDS_SECOND_PERSON


@pytest.mark.rule("A3", "needs_second_person")
def test_one_operator_adds_no_second_operator_and_sees_no_link(portal: Portal) -> None:
    before = Person.objects.count()
    operator = portal.as_("operator")
    fields = {"email": EVE, "name": "Eve", "role": "operator", "reason": "she works here"}
    page = operator.post("/staff/", fields, follow=True).content.decode()
    assert "A second person must confirm it." in page
    assert "/sign-in/choose/" not in page
    proposal = Proposal.objects.get(kind=staff_acts.ADD)
    own = operator.post(f"/confirmations/{proposal.id}/", {"decision": "confirm"})
    assert own.status_code == 422
    assert Person.objects.count() == before


@pytest.mark.rule("A3", "needs_second_person")
@pytest.mark.parametrize("what", ["link", "factors", "activate", "operator", "auditor"])
def test_one_operator_changes_nobody_of_the_staff_alone(portal: Portal, what: str) -> None:
    approver = portal.people["approver"]
    answer = portal.as_("operator").post(f"/people/{approver.pk}/", {"what": what})
    assert answer.status_code == 422
    assert "takes two people" in answer.content.decode()
    after = Person.objects.get(pk=approver.pk)
    assert (after.role, after.is_active, after.password) == ("approver", True, approver.password)


@pytest.mark.rule("A3", "needs_second_person")
@pytest.mark.parametrize("role", ["operator", "approver", "auditor"])
def test_no_use_case_lets_one_person_add_staff(portal: Portal, role: str) -> None:
    with pytest.raises(UsageError, match="two people"):
        staff.add_person(portal.calm, email=EVE, name="Eve", role=role, account=None, **portal.act)
    assert not Person.objects.filter(email=EVE).exists()


@pytest.mark.rule("A3", "needs_second_person")
def test_two_people_add_a_third_and_both_halves_are_needed(portal: Portal) -> None:
    first, second = added(portal)
    eve = Person.objects.get(email=EVE)
    assert not eve.has_usable_password()
    browser = portal.as_("nobody")
    for halves in ((first, first), (second, second), (first, ""), ("", second), (second, first)):
        answer = browser.post("/sign-in/code/", {"name": EVE, "first": halves[0], "second": halves[1]})
        assert answer.status_code == 422
    answer = browser.post("/sign-in/code/", {"name": EVE, "first": first.upper().replace("-", " "), "second": second})
    assert answer.status_code == 302
    assert "/sign-in/choose/" in answer["Location"]
    again = browser.post("/sign-in/code/", {"name": EVE, "first": first, "second": second})
    assert again.status_code == 422


@pytest.mark.rule("A3", "needs_second_person")
def test_a_code_is_over_after_a_day_and_a_newer_one_ends_it(portal: Portal) -> None:
    first, second = added(portal, "auditor")
    asked = ok(ask(portal, staff_acts.LINK, EVE))
    newer = ok(confirm(portal, asked, APPROVER)).half
    browser = portal.as_("nobody")
    assert browser.post("/sign-in/code/", {"name": EVE, "first": first, "second": second}).status_code == 422
    portal.later(hours=24)
    assert browser.post("/sign-in/code/", {"name": EVE, "first": asked.half, "second": newer}).status_code == 422


@pytest.mark.rule("A3", "needs_second_person")
def test_neither_half_is_kept_or_logged_and_each_is_shown_once(portal: Portal) -> None:
    operator = portal.as_("operator")
    fields = {"email": EVE, "name": "Eve", "role": "auditor", "reason": "she works here"}
    page = operator.post("/staff/", fields, follow=True).content.decode()
    (first,) = re.findall(r"once this is confirmed: ([a-z2-7-]{19})", page)
    assert first not in operator.get("/confirmations/").content.decode()
    proposal = Proposal.objects.get(kind=staff_acts.ADD)
    approver = portal.as_("approver")
    page = approver.post(f"/confirmations/{proposal.id}/", {"decision": "confirm"}, follow=True).content.decode()
    (second,) = re.findall(r"/sign-in/code/: ([a-z2-7-]{19})", page)
    assert second not in approver.get("/confirmations/").content.decode()
    assert first not in page
    row, kept = EntryCode.objects.get(), repr(show_log(last=20)) + repr(vars(Proposal.objects.get(pk=proposal.pk)))
    for half in (first, second):
        secret(half, "half an entry code")
        assert half not in (row.first, row.second)
        assert half not in kept


@pytest.mark.rule("A3", "needs_second_person")
def test_where_mail_is_set_the_link_goes_to_the_person_and_is_shown_to_nobody(portal: Portal, settings: Any) -> None:
    settings.EMAIL_HOST = "mail.example"
    fields = {"email": EVE, "name": "Eve", "role": "auditor", "reason": "she works here"}
    pages = portal.as_("operator").post("/staff/", fields, follow=True).content.decode()
    proposal = Proposal.objects.get(kind=staff_acts.ADD)
    answer = portal.as_("approver").post(f"/confirmations/{proposal.id}/", {"decision": "confirm"}, follow=True)
    pages += answer.content.decode()
    (sent,) = mail.outbox
    assert sent.to == [EVE]
    (link,) = re.findall(r"http://testserver(/sign-in/choose/\S+)", sent.body)
    secret(link.rstrip("/").rpartition("/")[2], "a link to choose a password")
    assert "/sign-in/choose/" not in pages
    assert "half of the code" not in pages
    assert portal.as_("nobody").get(link).status_code == 302


@pytest.mark.rule("A3", "A4", "needs_second_person")
def test_whoever_was_let_in_is_no_second_person_for_those_who_let_them_in_nor_they_for_her(portal: Portal) -> None:
    added(portal)
    for asks, confirms in ((OPERATOR, EVE), (EVE, OPERATOR), (APPROVER, EVE), (EVE, APPROVER)):
        refused = confirm(portal, rotate(portal, asks), confirms)
        assert is_refused(refused)
        assert "vouched for eve@example.com" in refused.message  # type: ignore[union-attr]
    assert Proposal.objects.filter(state="done").count() == 1
    ok(confirm(portal, rotate(portal, OPERATOR), APPROVER))


@pytest.mark.rule("A3", "A4", "needs_second_person")
def test_thirty_days_later_she_is_one_once_both_have_acted_with_somebody_else(portal: Portal) -> None:
    staff.add_person(
        portal.calm, email="omar@example.com", name="Omar", role="operator", account=None, on_machine=True, **portal.act
    )
    added(portal)
    portal.now += MONTH
    assert is_refused(confirm(portal, rotate(portal, OPERATOR), EVE))
    ok(confirm(portal, rotate(portal, "omar@example.com"), EVE))
    assert is_refused(confirm(portal, rotate(portal, OPERATOR), EVE))
    ok(confirm(portal, rotate(portal, OPERATOR), "omar@example.com"))
    ok(confirm(portal, rotate(portal, OPERATOR), EVE))


@pytest.mark.rule("A3", "A4", "needs_second_person")
@pytest.mark.parametrize("kind", [staff_acts.LINK, staff_acts.ROLE, staff_acts.FACTORS])
def test_a_new_link_another_role_and_removed_factors_vouch_as_adding_does(portal: Portal, kind: str) -> None:
    on_machine(portal, "omar@example.com")
    role = "approver" if kind == staff_acts.ROLE else ""
    ok(confirm(portal, ok(ask(portal, kind, "omar@example.com", role=role)), APPROVER))
    assert is_refused(confirm(portal, rotate(portal, OPERATOR), "omar@example.com"))
    assert is_refused(confirm(portal, rotate(portal, "omar@example.com"), APPROVER))


def on_machine(portal: Portal, email: str, role: str = "operator") -> None:
    staff.add_person(portal.calm, email=email, name=email, role=role, account=None, on_machine=True, **portal.act)


@pytest.mark.rule("A3", "A4", "needs_second_person")
def test_people_added_on_the_machine_are_two_at_once_and_the_inbox_says_for_thirty_days_that_they_were(
    portal: Portal,
) -> None:
    on_machine(portal, "omar@example.com")
    on_machine(portal, "olga@example.com")
    ok(confirm(portal, rotate(portal, "omar@example.com"), "olga@example.com"))
    kinds = {AttentionKind.ON_MACHINE}
    said = [one.sentence for one in attention(portal.now, kinds=kinds).items]
    assert said[0].startswith("olga@example.com was added on CALM's machine")
    page = portal.as_("operator").get("/inbox/").content.decode()
    assert "omar@example.com was added on CALM&#x27;s machine" in page
    assert len(attention(portal.now + MONTH - timedelta(seconds=1), kinds=kinds).items) == 2
    assert len(attention(portal.now + MONTH, kinds=kinds).items) == 0
    (record,) = [one for one in show_log(subject="omar@example.com") if one.kind == "person.added"]
    assert record.detail["on_machine"] is True


@pytest.mark.rule("A3", "A4", "needs_second_person")
def test_the_machine_vouches_and_then_nothing_stands_between(portal: Portal) -> None:
    added(portal)
    staff.vouch(portal.calm, email=EVE, reason="seen in person", **portal.act)
    ok(confirm(portal, rotate(portal, OPERATOR), EVE))
    newest = attention(portal.now, kinds={AttentionKind.ON_MACHINE}).items[0]
    assert "was vouched for on CALM's machine" in newest.sentence


@pytest.mark.rule("A3", "needs_second_person")
def test_nobody_proposes_or_confirms_what_is_about_themselves(portal: Portal) -> None:
    with pytest.raises(UsageError, match="about yourself"):
        ask(portal, staff_acts.FACTORS, OPERATOR)
    on_machine(portal, "omar@example.com", "approver")
    asked = ok(ask(portal, staff_acts.ROLE, "omar@example.com", role="operator"))
    assert is_refused(confirm(portal, asked, "omar@example.com"))
    assert Person.objects.get(email="omar@example.com").role == "approver"


@pytest.mark.rule("A3", "needs_second_person")
def test_where_nobody_else_could_confirm_it_is_said_at_once_and_where_it_can_be_done(portal: Portal) -> None:
    Person.objects.filter(email=APPROVER).update(is_active=False)
    refused = ask(portal, staff_acts.ADD, EVE, name="Eve", role="operator")
    assert is_refused(refused)
    assert refused.run.startswith("calm person add")  # type: ignore[union-attr]
    assert not Proposal.objects.exists()


@pytest.mark.rule("A3", "needs_second_person")
@pytest.mark.parametrize(
    ("kind", "email", "more"),
    [
        (staff_acts.ADD, APPROVER, {"name": "A", "role": "auditor"}),
        (staff_acts.ADD, EVE, {"name": "Eve", "role": "viewer"}),
        (staff_acts.ROLE, APPROVER, {"role": "approver"}),
        (staff_acts.ROLE, APPROVER, {"role": "administrator"}),
        (staff_acts.LINK, "administrator@example.com", {}),
        (staff_acts.LET_IN, APPROVER, {}),
        ("sudo", APPROVER, {}),
    ],
)
def test_what_cannot_be_or_would_change_nothing_is_not_proposed(
    portal: Portal, kind: str, email: str, more: dict[str, str]
) -> None:
    with pytest.raises(UsageError):
        ask(portal, kind, email, **more)
    assert not Proposal.objects.exists()


@pytest.mark.rule("A3", "needs_second_person")
def test_what_was_overtaken_is_judged_again_when_it_is_confirmed(portal: Portal) -> None:
    asked = ok(ask(portal, staff_acts.ADD, EVE, name="Eve", role="auditor"))
    on_machine(portal, EVE, "auditor")
    refused = confirm(portal, asked, APPROVER)
    assert isinstance(refused, Refusal)
    assert refused.code is Code.NOTHING_TO_ACCEPT
    assert Person.objects.filter(email=EVE).count() == 1


@pytest.mark.rule("A3")
@pytest.mark.parametrize("how", ["let go", "another role"])
def test_what_somebody_proposed_who_was_let_go_is_not_confirmed(portal: Portal, how: str) -> None:
    on_machine(portal, "omar@example.com")
    asked = ok(ask(portal, staff_acts.ADD, EVE, name="Eve", role="operator", by="omar@example.com"))
    who = {"email": "omar@example.com", **portal.act}
    if how == "let go":
        staff.set_active(portal.calm, active=False, **who)
    else:
        staff.change_role(portal.calm, role="auditor", on_machine=True, **who)
    assert code(confirm(portal, asked, APPROVER)) == "nothing_to_accept"
    assert not Person.objects.filter(email=EVE).exists()


@pytest.mark.rule("A3", "needs_second_person")
def test_whoever_was_let_go_gets_in_by_two_people_alone_and_to_let_go_takes_one(portal: Portal) -> None:
    on_machine(portal, "omar@example.com")
    omar = Person.objects.get(email="omar@example.com")
    operator = portal.as_("operator")
    assert operator.post(f"/people/{omar.pk}/", {"what": "deactivate"}).status_code == 302
    assert operator.post(f"/people/{omar.pk}/", {"what": "activate"}).status_code == 422
    assert not Person.objects.get(pk=omar.pk).is_active
    fields = {"kind": staff_acts.LET_IN, "reason": "he is back"}
    assert operator.post(f"/staff/{omar.pk}/", fields).status_code == 302
    ok(confirm(portal, proposals.list_proposals()[0], APPROVER))
    assert Person.objects.get(pk=omar.pk).is_active


@pytest.mark.rule("A3", "needs_second_person")
def test_a_program_confirms_nothing(portal: Portal) -> None:
    """An API token of a second operator is not that person."""
    proposed = rotate(portal, OPERATOR)
    headers = {"Authorization": f"Bearer {portal.token_of('approver')}"}
    for path in (f"/api/v1/confirmations/{proposed.proposal}/confirm", f"/confirmations/{proposed.proposal}/"):
        answer = portal.as_("nobody").post(path, {"decision": "confirm"}, headers=headers)
        assert answer.status_code in (302, 404)
    assert Proposal.objects.get().state == "open"


@pytest.mark.rule("A3", "needs_second_person")
def test_a_customers_people_are_let_in_by_one_person_as_before(portal: Portal) -> None:
    answer = portal.as_("administrator").post(
        f"/accounts/{portal.northwind.id}/people/", {"email": EVE, "name": "Eve", "role": "viewer"}
    )
    assert "/sign-in/choose/" in answer.content.decode()
    assert PASSWORD not in answer.content.decode()
