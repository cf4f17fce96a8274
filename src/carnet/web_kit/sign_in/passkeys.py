"""A passkey or security key that somebody adds, in plain words."""

from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms


class Add(AddWebAuthnForm):
    passwordless = forms.BooleanField(
        label="Sign in with it alone",
        required=False,
        help_text="It is then a passkey: no password is asked for. The device must ask for a PIN, a finger or a face.",
    )
