"""How passwords are hashed (A2): with scrypt, and with PBKDF2-SHA-256 where approved algorithms alone may be used. The
other one is still read; after the next sign-in the password is hashed as the machine would have it today."""

import logging

from django.contrib.auth.hashers import ScryptPasswordHasher

log = logging.getLogger("carnet.pages")
PBKDF2 = "django.contrib.auth.hashers.PBKDF2PasswordHasher"
SCRYPT = "carnet.web_kit.sign_in.hashers.Scrypt"


def in_order(approved_only: bool) -> list[str]:
    """Django's `PASSWORD_HASHERS`: the first one makes new hashes."""
    return [PBKDF2, SCRYPT] if approved_only else [SCRYPT, PBKDF2]


class Scrypt(ScryptPasswordHasher):
    """Where the machine refuses scrypt, a password that was hashed with it is a wrong one: whoever signs in is told no
    more than others are (A6), the log says the reason."""

    def verify(self, password: str, encoded: str) -> bool:
        try:
            return bool(super().verify(password, encoded))
        except (ValueError, AttributeError):
            log.warning(
                "A password cannot be checked: it was hashed with scrypt, which this machine refuses (FIPS mode). "
                "Give the person a new link: person link."
            )
            return False

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Nothing: whoever has such a password is told nothing by the time that it takes."""
