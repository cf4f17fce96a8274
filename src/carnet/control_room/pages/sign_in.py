"""Signing in at the site: whom the ledger knows, what wraps second factors at rest (A2), and the record of each."""

from datetime import datetime
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from carnet.control_room.ledger.record import PAGES
from carnet.control_room.pages.engine import ask, execute
from carnet.control_room.pages.models import EntryCode, Login
from carnet.control_room.pages.runtime_config import runtime_config, runtime_services
from carnet.control_room.rules.granting.people import (
    Access,
    FindPerson,
    NoteAccess,
    is_name,
)
from carnet.exchange.verdicts import Refusal
from carnet.vault import Vault
from carnet.web_kit.sign_in import half_codes, locks
from carnet.web_kit.sign_in.adapters import Backend as KitBackend
from carnet.web_kit.sign_in.adapters import WrappingMfaAdapter, password_link

_TOTP = "second-factor"


def is_known(name: str) -> bool:
    """Whether the ledger lets somebody of this name in."""
    return is_name(name) and not isinstance(ask(FindPerson(name)), Refusal)


def link_for(name: str) -> str:
    """The path at which somebody whom the ledger knows chooses a password, once, within a day."""
    login, made = Login.objects.get_or_create(name=name)
    if made:
        login.set_unusable_password()
        login.save()
    return password_link(login)


def redeem(request: HttpRequest, name: str, first: str, second: str) -> str | None:
    """A3: where whoever has both halves of a code chooses a password."""
    name = name.strip().lower()
    fits = half_codes.redeem(EntryCode, name, first, second, request.now)  # type: ignore[attr-defined]
    return link_for(name) if is_known(name) and fits else None


def forget(name: str) -> None:
    """A3: what opened this name until now opens it no more: password, second factors, sessions, links, entry codes."""
    Login.objects.filter(name=name).delete()
    EntryCode.objects.filter(name=name, given_at__isnull=False).delete()


def unlock(name: str) -> None:
    """A5: what was tried with wrong passwords or codes is forgotten."""
    login = Login.objects.filter(name=name).first()
    locks.unlock(name, login.pk if login else "")


class Backend(KitBackend):
    """A password alone opens nothing: the ledger must know the name."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> Any:
        user = super().authenticate(request, **credentials)
        return user if user is not None and is_known(user.name) else None


class MfaAdapter(WrappingMfaAdapter):
    def wrap(self, secret: bytes) -> bytes:
        return Vault(runtime_config().wrapping).wrap(_TOTP, secret, runtime_services().random)

    def unwrap(self, box: bytes) -> bytes:
        return Vault(runtime_config().wrapping).unwrap(_TOTP, box)

    def code_time(self, request: HttpRequest) -> datetime:
        """Not trusted time: a phone knows nothing of a mark that was driven ahead (T1)."""
        system: datetime = request.status.clock.system  # type: ignore[attr-defined]
        return system

    def get_totp_issuer(self) -> str:
        return "Control Room"


@receiver(user_logged_in)
def _signed_in(sender: object, user: Login, **_: Any) -> None:
    execute(NoteAccess(Access.SIGNED_IN), user.name)


@receiver(user_login_failed)
def _refused(sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """5 tries lock a name at an address, and 20 a minute the address: a flood ends there."""
    name = str(credentials.get("username", "")).lower()
    execute(NoteAccess(Access.SIGN_IN_REFUSED, name if is_name(name) else None), PAGES)
