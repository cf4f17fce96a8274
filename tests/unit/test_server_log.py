"""What a server's log keeps of what others say: the reason, and never a secret."""

import io
import json
import logging

import pytest

from carnet.errors import CarnetError
from carnet.server_log import JsonLines, fault_fields

KEY = "cnk_abcdefgh_" + "a2" * 26


def _logged(name: str, message: str, *arguments: object) -> str:
    stream = io.StringIO()
    record = logging.LogRecord(name, logging.WARNING, "", 0, message, arguments, None)
    JsonLines(stream).handle(record)
    said: str = json.loads(stream.getvalue())["says"]
    return said


def test_the_reason_of_what_a_library_says_is_kept() -> None:
    origin = "Origin checking failed - https://a.example does not match any trusted origins."
    said = _logged("django.security.csrf", "Forbidden (%s): %s", origin, "/account/")
    assert said == f"Forbidden ({origin}): /account/"
    said = _logged("gunicorn.error", "Connection in use: %s", ("127.0.0.1", 8651))
    assert said == "Connection in use: ('127.0.0.1', 8651)"
    assert _logged("asyncio", "takes %d arguments", "none") == "takes %d arguments", "what does not fit is left out"


@pytest.mark.security
@pytest.mark.rule("A2", "A6")
@pytest.mark.parametrize(
    ("message", "arguments", "hidden"),
    [
        ("Not Found: %s", ("/choose/Mg-cx1y2z-0123456789abcdef/",), "0123456789"),
        ("Not Found: %s", ("/users/?q=hunter2",), "hunter2"),
        ("bad header %r", (f"Authorization: Bearer {KEY}",), KEY[4:12]),
        ("no route to %s", ("postgresql://calm:hunter2@db.example/calm",), "hunter2"),
        ("refused: %s", ("olga@vendor.example",), "olga"),
        ("session %s is unknown", ("0123456789abcdefghijklmnopqrstuv",), "0123456789"),
        ("first line\nhunter2", (), "hunter2"),
    ],
)
def test_no_secret_and_no_person_is(message: str, arguments: tuple[object, ...], hidden: str) -> None:
    said = _logged("django.request", message, *arguments)
    assert said
    assert hidden not in said


@pytest.mark.security
@pytest.mark.rule("A1", "A2")
@pytest.mark.parametrize("name", ["django_auth_ldap", "allauth.account", "django.db.backends"])
def test_what_somebody_typed_to_sign_in_is_not_kept(name: str) -> None:
    assert _logged(name, "Authentication failed for %s", "hunter2") == "Authentication failed for %s"


@pytest.mark.security
@pytest.mark.rule("A2")
def test_of_a_fault_our_sentence_and_the_systems_are_kept_and_no_others() -> None:
    assert fault_fields(CarnetError("The disk is full."))["reason"] == "The disk is full."
    assert fault_fields(PermissionError(13, "Permission denied", "/secret/hunter2"))["reason"] == "Permission denied"
    assert "reason" not in fault_fields(ValueError("hunter2"))
    assert fault_fields(None) == {}
