"""Which passwords are taken (A2): long, not the common ones, and not those of this place."""

import hashlib
import re
from pathlib import Path

import pytest
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import override_settings
from django.urls import reverse

from carnet.web_kit.sign_in.hashers import in_order
from carnet.web_kit.sign_in.passwords import WORDS
from tests.web.conftest import Portal

pytestmark = pytest.mark.rule("A2")


@pytest.mark.parametrize(
    "password",
    [
        "Carnet-Calm-2026",
        "controlroom12",
        "Administrator!!1",
        "license.portal.1",
        "VENDOR operator",
        "too short",
        "password1234",
    ],
)
def test_what_somebody_who_knows_the_product_would_try_first_is_none(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password)


@pytest.mark.parametrize(
    "password", ["correct horse battery", "a calm sea at dusk", "1234 5678 9012 3456 78", "ä" * 64]
)
def test_any_other_of_twelve_signs_is_taken_whatever_they_are(password: str) -> None:
    validate_password(password)


def test_signing_out_clears_what_the_browser_kept(portal: Portal) -> None:
    answer = portal.as_("operator").post(reverse("account_logout"))
    assert answer.status_code == 302
    assert answer.headers["clear-site-data"] == '"cache", "storage"'


def test_the_words_are_those_that_the_settings_page_names() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text().partition("\n## Passwords\n")[2]
    assert tuple(re.findall(r"`(\w+)`", page)) == WORDS


@pytest.mark.rule("A2", "A6")
@pytest.mark.security
def test_a_password_that_the_machine_cannot_check_is_a_wrong_one_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """FIPS mode came after the password was chosen."""
    chosen = make_password("a-long-password-9")
    assert chosen.startswith("scrypt$")

    def refused(*_: object, **__: object) -> bytes:
        raise ValueError("[digital envelope routines] unsupported")

    monkeypatch.setattr(hashlib, "scrypt", refused)
    with override_settings(PASSWORD_HASHERS=in_order(approved_only=True)):
        assert not check_password("a-long-password-9", chosen)
        assert check_password("a-long-password-9", make_password("a-long-password-9"))
    assert "Give the person a new link" in caplog.text
    assert "a-long-password-9" not in caplog.text


@pytest.mark.rule("A2")
def test_a_password_of_before_is_read_and_then_hashed_as_the_machine_has_it_today() -> None:
    for first, then in ((False, True), (True, False)):
        with override_settings(PASSWORD_HASHERS=in_order(first)):
            chosen = make_password("a-long-password-9")
        kept: list[str] = []
        with override_settings(PASSWORD_HASHERS=in_order(then)):
            assert check_password("a-long-password-9", chosen, lambda raw, into=kept: into.append(make_password(raw)))
        assert [each.partition("$")[0] for each in kept] == ["pbkdf2_sha256" if then else "scrypt"]
