"""The backend that asks the site's directory. Loaded only where one is named: the package is an extra.

A name that the ledger does not know is never sent there. The directory is asked all the same, about a name that no
person has, so that how long it takes tells nobody who is known here (A6).
"""

from contextlib import suppress
from typing import Any

import ldap
from django.http import HttpRequest
from django_auth_ldap.backend import LDAPBackend, _LDAPUser

from carnet.control_room.pages.sign_in import is_known

NO_PERSON, NO_PASSWORD = "carnet.no-such-person", "carnet: the password of no person"
NO_ENTRY = f"cn={NO_PERSON}"


class Backend(LDAPBackend):
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> Any:
        """Somebody whom the ledger knows, where the directory takes their password; else None."""
        if not password:
            return None
        name = (username or "").lower()
        known = is_known(name)
        person = _LDAPUser(self, username=name if known else NO_PERSON, request=request)
        user = self.authenticate_ldap_user(person, password if known else NO_PASSWORD)
        if user is None:
            _ask_as_much(person)
        return user if known else None


def _ask_as_much(person: Any) -> None:
    """Where people are searched for, one who is not found is not tried: then nobody's entry is."""
    with suppress(ldap.LDAPError):
        if person.dn is None:
            person._bind_as(NO_ENTRY, NO_PASSWORD)  # noqa: SLF001 - the package has no other way to it
