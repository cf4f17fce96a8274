"""What the sign-in package asks of us: nobody signs up by themselves, secrets at rest are wrapped (A2), and links are
made by what it makes them with itself."""

import base64

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest
from django.urls import reverse

from carnet.calm.people.models import Person
from carnet.calm.web.portal import portal

_TOTP = "second-factor"


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class MfaAdapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        calm = portal().calm()
        return base64.b64encode(calm.keys.wrap(_TOTP, text.encode(), calm.random)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return portal().calm().keys.unwrap(_TOTP, base64.b64decode(encrypted_text)).decode()

    def get_totp_issuer(self) -> str:
        return f"CALM {portal().name}"


def password_link(person: Person) -> str:
    """The path at which this person chooses a password: good once, for a day (PASSWORD_RESET_TIMEOUT)."""
    key = app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(person)
    return reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(person), "key": key})
