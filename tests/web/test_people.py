"""Who may sign in, and API tokens (A1, A2)."""

import pytest
from django.urls import reverse

from carnet.calm.people import api_tokens, staff
from carnet.calm.people.access import (
    CUSTOMER_ROLES,
    VENDOR_ROLES,
    Permission,
    Role,
    may,
)
from carnet.calm.people.models import ApiToken, Person
from carnet.calm.queries import log_queries
from carnet.errors import UsageError
from tests.web.conftest import PASSWORD, Portal


@pytest.mark.rule("A1")
def test_a_role_may_only_what_is_written_and_an_unknown_one_nothing() -> None:
    assert not any(may("root", act) for act in Permission)
    assert {act for act in Permission if may(Role.AUDITOR, act)} == {
        Permission.SIGNED_IN,
        Permission.SEE,
        Permission.SEE_VENDOR,
    }
    assert not any(may(role, Permission.SEE_VENDOR) for role in CUSTOMER_ROLES)
    assert not any(may(role, Permission.DECIDE) for role in set(Role) - {Role.APPROVER})
    assert all(may(role, Permission.SEE) for role in VENDOR_ROLES)


@pytest.mark.rule("V1")
def test_adding_somebody_is_in_the_issuing_log_and_gives_no_password(portal: Portal) -> None:
    added = staff.add_person(
        portal.calm, email=" New@Example.com", name="New", role="viewer", account="Northwind", **portal.act
    )
    person = Person.objects.get(email="new@example.com")
    assert (added.email, added.account, person.has_usable_password()) == (person.email, portal.northwind.id, False)
    assert log_queries.show_log(last=1)[0].kind == "person.added"


@pytest.mark.rule("A1")
@pytest.mark.parametrize(
    ("role", "account"), [("viewer", None), ("operator", "Northwind"), ("root", None), ("viewer", "Nowhere")]
)
def test_a_role_on_the_wrong_side_is_refused_and_nobody_is_added(
    portal: Portal, role: str, account: str | None
) -> None:
    before = Person.objects.count()
    with pytest.raises(UsageError):
        staff.add_person(portal.calm, email="x@y.example", name="X", role=role, account=account, **portal.act)
    assert Person.objects.count() == before


@pytest.mark.rule("V1", "A3")
def test_giving_a_link_to_another_ones_password_is_in_the_issuing_log(portal: Portal) -> None:
    viewer = portal.people["viewer"]
    answer = portal.as_("operator").post(f"/people/{viewer.pk}/", {"what": "link"}, follow=True)
    assert "/sign-in/choose/" in answer.content.decode()
    newest = log_queries.show_log(last=1)[0]
    assert (newest.kind, newest.subject, newest.who) == ("person.link_given", viewer.email, "operator@example.com")


@pytest.mark.rule("A2")
def test_a_link_to_a_password_is_in_no_cookie_and_shown_once(portal: Portal) -> None:
    viewer, operator = portal.people["viewer"], portal.as_("operator")
    answer = operator.post(f"/people/{viewer.pk}/", {"what": "link"})
    assert answer.status_code == 302
    assert "messages" not in operator.cookies
    assert all("choose" not in cookie.value for cookie in operator.cookies.values())
    assert "/sign-in/choose/" in operator.get(answer.headers["location"]).content.decode()
    assert "/sign-in/choose/" not in operator.get(answer.headers["location"]).content.decode()


def test_one_address_is_one_person(portal: Portal) -> None:
    asked = {"email": "OPERATOR@example.com", "name": "X", "role": "auditor", "account": None, "on_machine": True}
    with pytest.raises(UsageError, match="already"):
        staff.add_person(portal.calm, **asked, **portal.act)


def test_the_last_operator_stays(portal: Portal) -> None:
    with pytest.raises(UsageError, match="last operator"):
        staff.set_active(portal.calm, email="operator@example.com", active=False, **portal.act)
    with pytest.raises(UsageError, match="last operator"):
        staff.change_role(portal.calm, email="operator@example.com", role="auditor", **portal.act)
    assert Person.objects.get(email="operator@example.com").is_active


@pytest.mark.rule("A1")
def test_who_is_let_go_is_signed_out_and_their_tokens_end(portal: Portal) -> None:
    browser, token = portal.as_("viewer"), portal.token_of("viewer")
    assert browser.get("/", follow=True).status_code == 200
    staff.set_active(portal.calm, email="viewer@example.com", active=False, **portal.act)
    assert browser.get("/")["Location"].startswith("/sign-in/")
    assert api_tokens.whose(token, portal.now) is None


@pytest.mark.rule("A1")
def test_a_customer_reaches_nobody_of_another_account(portal: Portal) -> None:
    other = portal.people["administrator"]
    answer = portal.as_("stranger").post(f"/people/{other.pk}/", {"what": "deactivate"})
    assert answer.status_code == 404
    assert Person.objects.get(pk=other.pk).is_active


@pytest.mark.rule("A1")
def test_a_customer_makes_no_vendor_staff_of_anybody(portal: Portal) -> None:
    viewer = portal.people["viewer"]
    answer = portal.as_("administrator").post(f"/people/{viewer.pk}/", {"what": "operator"})
    assert answer.status_code == 422
    assert Person.objects.get(pk=viewer.pk).role == "viewer"


@pytest.mark.rule("A2")
def test_a_token_is_kept_as_a_digest_and_ends(portal: Portal) -> None:
    token = portal.token_of("viewer")
    row = ApiToken.objects.get()
    assert token.rpartition("_")[2] not in (row.digest, row.id, row.label)
    assert api_tokens.whose(token, portal.now) == portal.people["viewer"]
    assert api_tokens.whose(token, row.expires_at) is None
    for wrong in ("", "calm", token[:-1], token + "a", token.replace("calm_", "cnk_"), "calm_x_y", "\x00_\x00_\x00"):
        assert api_tokens.whose(wrong, portal.now) is None
    api_tokens.revoke_token(portal.calm, person=portal.people["viewer"], token=row.id, **portal.act)
    assert api_tokens.whose(token, portal.now) is None


@pytest.mark.rule("A2")
def test_nobody_ends_another_ones_token(portal: Portal) -> None:
    token = portal.token_of("viewer")
    with pytest.raises(UsageError):
        api_tokens.revoke_token(
            portal.calm, person=portal.people["stranger"], token=ApiToken.objects.get().id, **portal.act
        )
    assert api_tokens.whose(token, portal.now)


def test_five_wrong_passwords_lock_a_name_also_for_the_right_one(portal: Portal) -> None:
    browser = portal.as_("nobody")
    for _ in range(5):
        browser.post("/sign-in/", {"login": "viewer@example.com", "password": "wrong wrong wrong"})
    answer = browser.post("/sign-in/", {"login": "viewer@example.com", "password": PASSWORD})
    assert "_auth_user_id" not in browser.session
    assert answer.status_code in (200, 429)


def test_vendor_staff_get_nowhere_without_a_second_factor_where_it_is_required(portal: Portal, settings) -> None:  # type: ignore[no-untyped-def]
    settings.SECOND_FACTOR = "required"
    assert portal.as_("operator").get("/inbox/")["Location"] == "/my/one-time-password/"
    assert portal.as_("administrator").get("/", follow=True).status_code == 200


@pytest.mark.rule("A1")
def test_a_license_administrator_changes_a_role_on_the_page_and_copies_the_link(portal: Portal) -> None:
    browser, viewer = portal.as_("administrator"), portal.people["viewer"]
    where = reverse("customer-people", args=[portal.northwind.id])
    page = browser.get(where).content.decode()
    assert f'aria-label="Role of {viewer.name}"' in page
    changed = browser.post(reverse("person", args=[viewer.pk]), {"what": "administrator"})
    assert changed.status_code == 302
    viewer.refresh_from_db()
    assert viewer.role == "administrator"
    added = browser.post(where, {"email": "new@northwind.example", "name": "New", "role": "viewer"}).content.decode()
    assert 'data-copy="link"' in added
    assert f'aria-label="Role of {viewer.name}"' not in portal.as_("auditor").get(where).content.decode()
