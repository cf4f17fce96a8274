"""A3: two people are two identities of one issuer, or none has one; and what ends an identity."""

import pytest

from carnet.calm.people import staff
from carnet.calm.people.staff_acts import ADD, StaffAct, propose
from carnet.calm.use_cases import identities, two_people
from carnet.calm.use_cases.context import act
from carnet.exchange.verdicts import Code, Refusal
from tests.web.conftest import Portal

pytestmark = [pytest.mark.security, pytest.mark.django_db]
ONE, OTHER = "1" * 24, "2" * 24  # issuers


def bind(portal: Portal, whom: str, identity: str) -> str:
    with act(portal.calm, now=portal.now, by=whom) as doing:
        return identities.bind(doing, whom, identity)


def proposed(portal: Portal) -> str:
    asked = StaffAct(ADD, "eve@example.com", "the audit", "Eve", "auditor")
    done = propose(portal.calm, asked, by_mail=True, now=portal.now, by="operator@example.com")
    assert not isinstance(done, Refusal), done
    return done.proposed.proposal


@pytest.mark.rule("A3", "needs_second_person")
@pytest.mark.parametrize(
    ("operator", "approver", "are_two"),
    [
        ("", f"{ONE}:b", False),
        (f"{ONE}:a", "", False),
        (f"{ONE}:a", f"{OTHER}:b", False),
        (f"{ONE}:a", f"{ONE}:b", True),
        ("", "", True),
    ],
)
def test_two_people_are_two_identities_of_one_issuer_or_none(
    portal: Portal, operator: str, approver: str, are_two: bool
) -> None:
    proposal = proposed(portal)
    for whom, identity in (("operator@example.com", operator), ("approver@example.com", approver)):
        assert not identity or bind(portal, whom, identity) == ""
    answer = two_people.confirm(portal.calm, proposal=proposal, now=portal.now, by="Approver@example.com")
    assert isinstance(answer, Refusal) != are_two
    if isinstance(answer, Refusal):
        assert (answer.code, "identity of the same issuer" in answer.message) == (Code.NEEDS_SECOND_PERSON, True)


@pytest.mark.rule("A3")
def test_one_identity_is_not_two_people(portal: Portal) -> None:
    assert bind(portal, "operator@example.com", f"{ONE}:a") == ""
    assert "somebody else's" in bind(portal, "approver@example.com", f"{ONE}:a")
    assert (identities.of("OPERATOR@example.com"), identities.of("approver@example.com")) == (f"{ONE}:a", None)


@pytest.mark.rule("A3")
def test_removed_factors_and_letting_go_end_an_identity(portal: Portal) -> None:
    who = {"now": portal.now, "by": "the machine", "on_machine": True}
    for end in (
        lambda: staff.remove_second_factors(portal.calm, email="approver@example.com", **who),
        lambda: staff.set_active(portal.calm, email="approver@example.com", active=False, **who),
    ):
        bind(portal, "approver@example.com", f"{ONE}:a")
        end()
        assert identities.of("approver@example.com") is None
