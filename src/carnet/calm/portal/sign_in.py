"""Signing in at the portal: what wraps second factors at rest (A2), and what ends with a password (A5)."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from carnet.calm.people import staff
from carnet.calm.people.models import EntryCode, Person
from carnet.calm.portal.portal import portal
from carnet.calm.use_cases.stored_secrets import SECOND_FACTOR
from carnet.web_kit.sign_in import half_codes
from carnet.web_kit.sign_in.adapters import AccountAdapter, WrappingMfaAdapter, password_link


class Adapter(AccountAdapter):
    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        """A5: the one way to another password, changed or forgotten. The person's API tokens end with the old one."""
        super().set_password(user, password)
        if isinstance(user, Person):
            staff.note_password_chosen(portal().calm(), person=user, now=portal().now())


def redeem(request: HttpRequest, name: str, first: str, second: str) -> str | None:
    """A3: where whoever has both halves of a code chooses a password."""
    now, address = request.now, name.strip().lower()  # type: ignore[attr-defined]
    fits = half_codes.redeem(EntryCode, address, first, second, now)
    person = Person.objects.filter(email=address, is_active=True).first()
    return password_link(person) if fits and person else None


class MfaAdapter(WrappingMfaAdapter):
    def wrap(self, secret: bytes) -> bytes:
        calm = portal().calm()
        return calm.keys.wrap(SECOND_FACTOR, secret, calm.random)

    def unwrap(self, box: bytes) -> bytes:
        return portal().calm().keys.unwrap(SECOND_FACTOR, box)

    def get_totp_issuer(self) -> str:
        return f"CALM {portal().name}"
