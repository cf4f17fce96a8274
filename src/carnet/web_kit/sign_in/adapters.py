"""What the sign-in package asks of a side: no sign-up, the same answer whoever is asked about (A6), secrets at rest are
wrapped (A2), and links are made by what it makes them with itself."""

import base64
from abc import abstractmethod
from datetime import datetime
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.utils import user_pk_to_url_str
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from carnet import times
from carnet.web_kit.sign_in import locks


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {  # what people meet here, in plain words
        "email_password_mismatch": "The address or the password is wrong.",
        "username_password_mismatch": "The name or the password is wrong.",
        "enter_current_password": "Type your current password.",
        "incorrect_password": "The password is wrong.",
        "too_many_login_attempts": "Too many wrong passwords or codes. Wait, or ask an administrator to unlock you.",
        "rate_limited": "Too many tries from here. Wait a minute, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        del request
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """A5: whoever types wrong passwords locks themselves out, not the person whose name they type."""
        login = str(credentials.get("email") or credentials.get("username") or "")
        self._login_failed_rl_usage = locks.consume(request, login)
        if not self._login_failed_rl_usage:
            raise self.validation_error("too_many_login_attempts")

    def get_reauthentication_methods(self, user: AbstractBaseUser | AnonymousUser) -> list[dict[str, Any]]:
        """Whoever has none (a directory keeps the password, and no second factor is set up) sets up a factor first."""
        found: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        factor = {"id": "none", "description": "Set up an authenticator app", "url": reverse("mfa_activate_totp")}
        return found or [factor]

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        """A passkey of somebody who was let go: they are sent to sign in, like anybody else."""
        del request, user
        return redirect("account_login")


class Backend(AuthenticationBackend):
    """A6: the right password of somebody who was let go is a wrong password."""

    @classmethod
    def _stash_user(cls, user: AbstractBaseUser | None) -> AbstractBaseUser | None:
        """The package would keep the person here, to say that they are inactive."""
        del user
        return None


class WrappingMfaAdapter(DefaultMFAAdapter):
    """Second factors are stored only as `wrap` makes them; one-time passwords go by `code_time` (`one_time`)."""

    def code_time(self, request: HttpRequest) -> datetime:
        """The clock of this machine."""
        now: datetime = request.now  # type: ignore[attr-defined]
        return now

    def validation_error(self, code: str, *words: Any) -> Any:
        """A code that is wrong because a clock is wrong looks like any other: so the clock is named."""
        if code != "incorrect_code":
            return super().validation_error(code, *words)
        at = times.second(self.code_time(context.request))
        return ValidationError(
            f"Incorrect code. Each code works once. This server's clock says {at}: if the clock of your phone says "
            "something else, set that one right, or tell your administrator.",
            code="incorrect_code",
        )

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
