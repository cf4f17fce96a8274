"""A5: what is asked of somebody whose sign-in is a while ago; when a session ends; and what ends with a password."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from carnet.calm.people import api_tokens
from carnet.calm.people.models import ApiToken, Person
from carnet.calm.use_cases import proposals
from carnet.calm.use_cases.models import Proposal
from carnet.errors import UsageError
from carnet.web_kit.common_settings import idle_minutes
from tests.calm.conftest import ok
from tests.web.conftest import PASSWORD, Portal

pytestmark = pytest.mark.security
MINUTE = timedelta(minutes=1)


def again(path: str) -> str:
    """Where the password is asked for, and then what was sent to this path is done."""
    return f"/sign-in/again/?next={quote(path, safe='')}"


def proposal_of(portal: Portal) -> str:
    return ok(proposals.propose_rotation(portal.calm, reason="yearly", **portal.act)).proposal


def acts(portal: Portal) -> list[tuple[str, str, dict[str, str]]]:
    """Who, where to, and what is sent: each act that takes a fresh sign-in."""
    things = portal.furnish()
    approver, viewer = (portal.people[role].pk for role in ("approver", "viewer"))
    reason = {"reason": "because"}
    return [
        ("approver", f"/confirmations/{proposal_of(portal)}/", {"decision": "confirm"}),
        ("operator", "/keys/rotate/", reason),
        ("operator", f"/control-rooms/{things['room']}/write-off/", {**reason, "name": "north"}),
        ("operator", f"/refused/{things['number']}/accept/", {**reason, "no_copy": "on"}),
        ("operator", f"/accounts/{things['account']}/windows/", reason),
        ("operator", "/staff/", {**reason, "email": "e@example.com", "name": "E", "role": "auditor"}),
        ("operator", f"/staff/{approver}/", {**reason, "kind": "give_staff_link"}),
        ("operator", f"/people/{approver}/", {"what": "deactivate"}),
        ("administrator", f"/people/{viewer}/", {"what": "link"}),
        (
            "administrator",
            f"/accounts/{things['account']}/people/",
            {"email": "e@e.example", "name": "E", "role": "viewer"},
        ),
        ("viewer", "/my/api-tokens/", {"label": "a program"}),
    ]


@pytest.mark.rule("A5")
def test_an_old_sign_in_does_none_of_the_acts_that_take_a_fresh_one(portal: Portal) -> None:
    asked = acts(portal)
    count = (Proposal.objects.count(), ApiToken.objects.count(), Person.objects.filter(is_active=True).count())
    for who, path, fields in asked:
        for browser in (portal.as_(who, fresh=False), ten_minutes_later(portal, who)):
            answer = browser.post(path, fields)
            assert (answer.status_code, answer["Location"]) == (302, again(path)), path
    after = (Proposal.objects.count(), ApiToken.objects.count(), Person.objects.filter(is_active=True).count())
    assert after == count
    assert Proposal.objects.filter(state="done").count() == 0


def ten_minutes_later(portal: Portal, who: str) -> Client:
    browser = portal.as_(who)
    portal.now += 10 * MINUTE
    return browser


@pytest.mark.rule("A5")
def test_after_the_password_what_was_sent_is_done(portal: Portal) -> None:
    proposal = proposal_of(portal)
    approver = portal.as_("approver", fresh=False)
    form = approver.post(f"/confirmations/{proposal}/", {"decision": "confirm"})["Location"]
    wrong = approver.post(form, {"password": "not this one, surely"})
    assert wrong.status_code == 200
    assert Proposal.objects.get().state == "open"
    done = approver.post(form, {"password": PASSWORD})
    assert (done.status_code, done["Location"]) == (302, "/confirmations/")
    assert Proposal.objects.get().state == "done"


@pytest.mark.rule("A5", "A1")
def test_what_waited_for_the_password_is_judged_by_the_role_that_one_has_then(portal: Portal) -> None:
    proposal = proposal_of(portal)
    approver = portal.as_("approver", fresh=False)
    form = approver.post(f"/confirmations/{proposal}/", {"decision": "confirm"})["Location"]
    Person.objects.filter(email="approver@example.com").update(role="auditor")
    assert approver.post(form, {"password": PASSWORD}).status_code == 403
    assert Proposal.objects.get().state == "open"


@pytest.mark.rule("A5")
def test_signing_in_is_fresh_for_ten_minutes(portal: Portal) -> None:
    browser = portal.as_("nobody")
    browser.post("/sign-in/", {"login": "operator@example.com", "password": PASSWORD})
    portal.now += 10 * MINUTE - timedelta(seconds=1)
    assert browser.post("/keys/rotate/", {"reason": "yearly"})["Location"] == "/confirmations/"
    portal.now += timedelta(seconds=1)
    assert browser.post("/keys/rotate/", {"reason": "yearly"})["Location"] == again("/keys/rotate/")


@pytest.mark.rule("A5")
def test_another_ones_fresh_sign_in_in_the_same_browser_is_nobodys(portal: Portal) -> None:
    browser = portal.as_("operator")
    session = browser.session
    session["fresh"] = [str(portal.people["approver"].pk), portal.now.isoformat()]
    session.save()
    assert browser.post("/keys/rotate/", {"reason": "yearly"})["Location"] == again("/keys/rotate/")


@pytest.mark.rule("A5")
def test_a_session_that_is_not_used_for_a_time_ends(portal: Portal, settings: Any) -> None:
    settings.IDLE_MINUTES = 30
    browser = portal.as_("operator")
    for idle in (29 * MINUTE, 30 * MINUTE - timedelta(seconds=1)):
        assert browser.get("/inbox/").status_code == 200
        portal.now += idle
    assert browser.get("/inbox/").status_code == 200
    portal.now += 30 * MINUTE
    assert browser.get("/inbox/")["Location"] == "/sign-in/?next=/inbox/"
    assert browser.get("/inbox/").status_code == 302
    assert "_auth_user_id" not in browser.session


@pytest.mark.rule("A5")
def test_a_session_that_is_used_ends_after_twelve_hours(portal: Portal) -> None:
    browser = portal.as_("operator")
    for _ in range(24):
        assert browser.get("/inbox/").status_code == 200
        portal.now += 30 * MINUTE
    assert browser.get("/inbox/").status_code == 302


@pytest.mark.rule("A5")
@pytest.mark.parametrize("text", ["0", "721", "-1", "an hour", "1.5", "٣"])
def test_a_time_without_use_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        idle_minutes(text)
    assert (idle_minutes(None), idle_minutes("15")) == (60, 15)


def choose(portal: Portal, path: str, chosen: str) -> None:
    browser = portal.as_("nobody")
    form = browser.get(path)["Location"]
    assert browser.post(form, {"password1": chosen, "password2": chosen})["Location"] == "/sign-in/chosen/"


@pytest.mark.rule("A5")
@pytest.mark.parametrize("how", ["changed", "forgotten"])
def test_the_tokens_of_a_password_end_with_it(portal: Portal, how: str) -> None:
    token, other = portal.token_of("viewer"), portal.token_of("administrator")
    chosen = "another long password"
    if how == "changed":
        fields = {"oldpassword": PASSWORD, "password1": chosen, "password2": chosen}
        assert portal.as_("viewer").post("/my/password/", fields).status_code == 302
    else:
        viewer = portal.people["viewer"]
        page = portal.as_("operator").post(f"/people/{viewer.pk}/", {"what": "link"}, follow=True).content.decode()
        choose(portal, re.findall(r"http://testserver(/sign-in/choose/[^\s<]+)", page)[0], chosen)
    assert api_tokens.whose(token, portal.now) is None
    assert api_tokens.whose(other, portal.now) == portal.people["administrator"]


@pytest.mark.rule("A5")
def test_a_token_shows_to_the_minute_when_it_was_used_last(portal: Portal) -> None:
    token = portal.token_of("viewer")
    viewer = portal.as_("viewer")
    assert "never" in viewer.get("/my/api-tokens/").content.decode()
    headers = {"Authorization": f"Bearer {token}"}
    assert portal.as_("nobody").get("/api/v1/me", headers=headers).status_code == 200
    first = ApiToken.objects.get().last_used_at
    assert first == portal.now
    portal.now += timedelta(seconds=59)
    portal.as_("nobody").get("/api/v1/me", headers=headers)
    assert ApiToken.objects.get().last_used_at == first
    portal.now += timedelta(seconds=1)
    portal.as_("nobody").get("/api/v1/me", headers=headers)
    assert ApiToken.objects.get().last_used_at == portal.now
    assert f"{portal.now:%H:%M}" in viewer.get("/my/api-tokens/").content.decode()


@pytest.mark.rule("A5")
def test_a_wrong_secret_is_no_use_of_a_token(portal: Portal) -> None:
    token = portal.token_of("viewer")
    assert api_tokens.whose(token[:-1] + ("a" if token[-1] != "a" else "b"), portal.now) is None
    assert ApiToken.objects.get().last_used_at is None
