"""What the sign-in package asks of a side: no sign-up, secrets at rest are wrapped (A2), and links
are made by what it makes them with itself."""

import base64
from abc import abstractmethod

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.urls import reverse


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        del request
        return False


class WrappingMfaAdapter(DefaultMFAAdapter):
    """Second factors are stored only as `wrap` makes them."""

    @abstractmethod
    def wrap(self, secret: bytes) -> bytes: ...

    @abstractmethod
    def unwrap(self, box: bytes) -> bytes: ...

    def encrypt(self, text: str) -> str:
        return base64.b64encode(self.wrap(text.encode())).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return self.unwrap(base64.b64decode(encrypted_text)).decode()


def password_link(person: AbstractBaseUser) -> str:
    """The path at which this person chooses a password: good once, for a day (PASSWORD_RESET_TIMEOUT)."""
    key = app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(person)
    return reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(person), "key": key})
