"""A6: whoever is not signed in learns of nobody whether they are here: by no status, no word, and no work that the
server does before it answers."""

import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import send_mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from carnet.calm.people import api_tokens
from carnet.calm.people.models import Person
from carnet.web_kit.sign_in.adapters import password_link
from tests.support.kept_logs import secret
from tests.web.conftest import PASSWORD, Portal

pytestmark = pytest.mark.security
HERE, GONE, NOWHERE = "operator@example.com", "gone@example.com", "nobody-here@example.com"
Asked = Callable[[str], Any]


def seen(asked: Asked, who: str) -> tuple[int, str, str, int]:
    """The status, where it leads, the words without what was typed, and how much the database was asked."""
    with CaptureQueriesContext(connection) as queries:
        answer = asked(who)
    words = re.sub(r'(name="csrfmiddlewaretoken" value="|X-CSRFToken": ")[^"]*', "", answer.content.decode())
    return answer.status_code, answer.headers.get("location", ""), words.replace(who, "WHO"), len(queries)


@pytest.fixture
def gone(portal: Portal) -> Portal:
    """A portal with somebody who was let go."""
    portal.people["gone"] = portal.add_person("auditor", None, "gone")
    Person.objects.filter(email=GONE).update(is_active=False)
    return portal


@pytest.mark.rule("A6")
@pytest.mark.parametrize("mail_server", ["", "mail.example"])
def test_a_forgotten_password_is_answered_alike_with_and_without_mail(
    gone: Portal, settings: Any, mail_server: str
) -> None:
    settings.EMAIL_HOST = mail_server
    ask = lambda who: gone.as_("nobody").post("/sign-in/forgotten/", {"email": who})  # noqa: E731
    first = seen(ask, HERE)
    assert first[:2] == (302, "/sign-in/forgotten/sent/")
    assert seen(ask, NOWHERE) == first
    assert seen(ask, GONE) == first


@pytest.mark.rule("A6")
def test_what_is_done_after_the_answer_mails_those_alone_who_are_here(gone: Portal, settings: Any) -> None:
    settings.EMAIL_HOST = "mail.example"
    for who in (HERE.upper(), NOWHERE, GONE):
        gone.as_("nobody").post("/sign-in/forgotten/", {"email": who})
    assert mail.outbox == []
    for work in gone.left_behind:
        work()
    (sent,) = mail.outbox
    assert sent.to == [HERE]
    (link,) = re.findall(r"http://testserver(/sign-in/choose/\S+)", sent.body)
    secret(link.rstrip("/").rpartition("/")[2], "a link to choose a password")
    assert gone.as_("nobody").get(link).status_code == 302


@pytest.mark.rule("A6")
def test_without_a_mail_server_the_log_says_so_and_holds_neither_link_nor_address(
    portal: Portal, settings: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    settings.EMAIL_HOST, settings.EMAIL_BACKEND = "", "carnet.web_kit.mail.NoServer"
    for who in (HERE, NOWHERE):
        with caplog.at_level(logging.ERROR, "calm"):
            portal.as_("nobody").post("/sign-in/forgotten/", {"email": who})
            portal.left_behind.pop()()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0] == said[1]
    assert "no mail server is set" in said[0]
    printed = "".join(capfd.readouterr())
    for text in ("/choose/", HERE, NOWHERE):
        assert text not in caplog.text + printed
    with pytest.raises(OSError, match="no mail server"):
        send_mail("s", "a link", None, [HERE])
    assert "a link" not in "".join(capfd.readouterr())


@pytest.mark.rule("A6")
def test_a_mail_that_fails_is_said_in_the_log_without_whose_it_was(
    portal: Portal, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_HOST, settings.EMAIL_BACKEND = "mail.example", "carnet.web_kit.mail.NoServer"
    portal.as_("nobody").post("/sign-in/forgotten/", {"email": HERE})
    portal.left_behind.pop()()
    assert "could not be sent: OSError" in caplog.text
    assert HERE not in caplog.text


@pytest.mark.rule("A6")
def test_check_tells_the_operator_that_no_mail_server_is_set(settings: Any, db: None) -> None:
    settings.EMAIL_HOST = ""
    with pytest.raises(CommandError, match=r"calm\.E001"):
        call_command("check", deploy=True, fail_level="ERROR", tags=["security"])
    settings.EMAIL_HOST = "mail.example"
    call_command("check", deploy=True, fail_level="ERROR", tags=["security"])


@pytest.mark.rule("A6")
@pytest.mark.parametrize("password", ["a wrong password indeed", PASSWORD])
def test_a_sign_in_that_fails_is_answered_alike(gone: Portal, password: str) -> None:
    """Also the right password of somebody who was let go."""
    sign_in = lambda who: gone.as_("nobody").post("/sign-in/", {"login": who, "password": password})  # noqa: E731
    nobody = seen(sign_in, NOWHERE)
    assert nobody[0] == 200
    assert seen(sign_in, GONE) == nobody
    if password != PASSWORD:
        assert seen(sign_in, HERE) == nobody


@pytest.mark.rule("A6")
def test_a_password_is_hashed_once_whoever_signs_in(gone: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash is what takes time; it is counted, not timed."""
    from django.contrib.auth.hashers import ScryptPasswordHasher

    done: list[str] = []
    was = ScryptPasswordHasher.encode

    def counted(self: Any, *words: Any, **named: Any) -> str:
        done.append("hash")
        return str(was(self, *words, **named))

    monkeypatch.setattr(ScryptPasswordHasher, "encode", counted)
    invited = Person.objects.get(email="auditor@example.com")
    invited.set_unusable_password()
    invited.save()
    for who in (HERE, GONE, NOWHERE, invited.email):
        done.clear()
        gone.as_("nobody").post("/sign-in/", {"login": who, "password": "a wrong password indeed"})
        assert (who, len(done)) == (who, 1)


@pytest.mark.rule("A6")
def test_a_link_that_does_not_hold_is_answered_alike(gone: Portal) -> None:
    there = password_link(gone.people["operator"])
    key = there.rstrip("/").rpartition("-")[2]
    altered = key[:-1] + ("a" if key[-1] != "a" else "b")
    open_link = lambda path: gone.as_("nobody").get(path)  # noqa: E731
    wrong = there.replace(key, altered)
    number = re.findall(r"/choose/(\w+)-", there)[0]
    nobody = wrong.replace(f"/choose/{number}-", "/choose/zzzz-")
    found, missing = seen(open_link, wrong), seen(open_link, nobody)
    assert found == missing
    assert "used up" in found[2]


@pytest.mark.rule("A6")
def test_an_entry_code_that_does_not_fit_is_answered_alike(gone: Portal) -> None:
    half = "abcd-efgh-ijkl-mnop"
    type_in = lambda who: gone.as_("nobody").post("/sign-in/code/", {"name": who, "first": half, "second": half})  # noqa: E731
    here = seen(type_in, HERE)
    assert here[0] == 422
    assert seen(type_in, NOWHERE) == here
    assert seen(type_in, GONE) == here


@pytest.mark.rule("A6")
def test_an_api_token_that_does_not_hold_is_answered_alike(gone: Portal) -> None:
    of_here, of_gone = gone.token_of("operator"), gone.token_of("gone")
    id_ = of_here.split("_")[1]
    ended = gone.token_of("viewer")
    gone.now += api_tokens.LIFE - timedelta(seconds=1)
    api_tokens.revoke_token(gone.calm, person=gone.people["viewer"], token=ended.split("_")[1], **gone.act)
    ask = lambda token: gone.as_("nobody").get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})  # noqa: E731
    answers = [seen(ask, token) for token in (f"calm_{id_}_wrong", "calm_nosuchid_wrong", of_gone, ended, "?")]
    assert answers[0][0] == 401
    assert answers == answers[:1] * len(answers)
    gone.now += timedelta(seconds=1)
    assert seen(ask, of_here) == answers[0]
