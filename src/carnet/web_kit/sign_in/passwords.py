"""Passwords that somebody who knows the product would try first are none (docs/settings.md names the words)."""

import re

from django.core.exceptions import ValidationError

WORDS = (
    *("carnet", "calm", "control", "room", "license", "licence", "portal", "vendor", "administrator", "admin"),
    *("operator", "password", "welcome", "secret"),
)
_OTHER = re.compile(r"[^a-z]+")
_ONLY_THESE = re.compile("(?:" + "|".join(sorted(WORDS, key=len, reverse=True)) + ")*")


class NotOfThisPlace:
    """A validator of Django's: a password of nothing but such words, digits and signs is refused."""

    def validate(self, password: str, user: object = None) -> None:
        """Raises ValidationError."""
        del user
        letters = _OTHER.sub("", password.casefold())
        if letters and _ONLY_THESE.fullmatch(letters):
            raise ValidationError(
                "This password is made of words of this product alone. Choose others.", code="of_here"
            )

    def get_help_text(self) -> str:
        return "Your password is made of more than words of this product."
