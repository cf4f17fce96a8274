"""The backend that asks the site's directory. Loaded only where one is named: the package is an extra."""

from typing import Any

from django.http import HttpRequest
from django_auth_ldap.backend import LDAPBackend

from carnet.control_room.pages.sign_in import is_known


class Backend(LDAPBackend):
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> Any:
        """Somebody whom the ledger knows, where the directory takes their password; else None."""
        name = (username or "").lower()
        return super().authenticate(request, username=name, password=password) if is_known(name) else None
