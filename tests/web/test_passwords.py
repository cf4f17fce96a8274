"""Which passwords are taken (A2): long, not the common ones, and not those of this place."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.urls import reverse

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
