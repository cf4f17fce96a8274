"""One-time passwords (A5): by the clock that the side gives, one step early or late, no step twice; a refusal names
that clock. And the secret that is being set up stays the same until it is used."""

from datetime import UTC, datetime
from typing import Any

from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import format_hotp_value, get_totp_secret, hotp_value
from allauth.mfa.utils import decrypt
from django import forms
from django.db import transaction
from django.db.models.signals import pre_save
from django.dispatch import receiver
from django.utils.crypto import constant_time_compare

STEP, TOLERANCE = 30, 1  # seconds; steps each way
LAST = "last_step"  # in the row of an authenticator: the newest step of which a code was taken
_SET_UP = "one_time_step"  # of the request: the step of the code that an app was set up with


def matching_step(secret: str, code: str, at: datetime, after: int = -1) -> int | None:
    """The step near `at` whose code this is, of those later than the step `after`; None where there is none."""
    here, typed = int(at.timestamp()) // STEP, "".join(code.split())
    for step in range(here - TOLERANCE, here + TOLERANCE + 1):
        if step > after and constant_time_compare(format_hotp_value(hotp_value(secret, step)), typed):
            return step
    return None


def take(authenticator: Authenticator, code: str, at: datetime) -> bool:
    """Whether the code is right and was not taken before; then no code up to its step is right any more."""
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
        step = matching_step(decrypt(row.data["secret"]), code, at, row.data.get(LAST, -1))
        if step is not None:
            row.data = {**row.data, LAST: step}
            row.save(update_fields=["data"])
    return step is not None


def server_time() -> datetime:
    """By which codes are judged."""
    now: datetime = get_adapter().code_time(context.request)
    return now.astimezone(UTC)


class ByOurClock(BaseAuthenticateForm):
    def clean_code(self) -> str:
        """Raises ValidationError. Recovery codes are the package's own to judge."""
        clear, code = check_rate_limit(self.user), str(self.cleaned_data["code"])
        found = Authenticator.objects.filter(user=self.user).exclude(type=Authenticator.Type.WEBAUTHN)
        for factor in found:
            timed = factor.type == Authenticator.Type.TOTP
            if take(factor, code, server_time()) if timed else factor.wrap().validate_code(code):
                factor.user = self.user
                self.authenticator = factor
                clear()
                return code
        for factor in found[:1]:
            self._emit_authentication_failed(factor)
        raise get_adapter().validation_error("incorrect_code")


class Authenticate(ByOurClock, AuthenticateForm):
    """At sign-in."""


class Reauthenticate(ByOurClock, ReauthenticateForm):
    """Again, for what takes a fresh sign-in."""


class SetUp(ActivateTOTPForm):
    """In place of the package's own, which makes another secret each time the page is looked at."""

    def __init__(self, *words: Any, **named: Any) -> None:
        self.user = named.pop("user")
        forms.Form.__init__(self, *words, **named)
        self.secret = get_totp_secret(regenerate=False)

    def clean_code(self) -> str:
        clear, code = check_rate_limit(self.user, error_key="rate_limited"), str(self.cleaned_data["code"])
        step = matching_step(self.secret, code, server_time())
        if step is None:
            raise get_adapter().validation_error("incorrect_code")
        setattr(context.request, _SET_UP, step)
        clear()
        return code


@receiver(pre_save, sender=Authenticator)
def _note_step(instance: Authenticator, **_: Any) -> None:
    """The code that an app was set up with opens nothing afterwards."""
    step = getattr(context.request, _SET_UP, None)
    if step is not None and instance.pk is None and instance.type == Authenticator.Type.TOTP:
        instance.data = {**instance.data, LAST: step}
