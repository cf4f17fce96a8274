"""Keys at rest (A2): secrets wrapped under a passphrase. Shared by both sides; it holds no file and no database.

A random key wraps the secrets (`carnet.aead`, bound to each secret's name); the passphrase, stretched, wraps that key
in the *lock*. Another passphrase later means another lock, not other secrets. The lock says how it stretches: Argon2id,
or PBKDF2-HMAC-SHA-256 where approved algorithms alone may be used.
"""

from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from msgspec import Meta

from carnet.aead import DRAW_SIZE, KEY_SIZE, Aead
from carnet.entitlements import Fields
from carnet.errors import PassphraseError, TamperedError
from carnet.exchange.keys import RandomBytes
from carnet.fips import VARIABLE, approved_only

_BOUND = b"carnet-lock"


class Argon2Lock(Fields, frozen=True, tag="argon2id", tag_field="kdf"):
    """OWASP's first setting for Argon2id (46 MiB, one pass): a command must answer within half a second on a small
    machine. The numbers are kept beside the salt, so that they can be raised for new locks."""

    salt: bytes
    wrapped: bytes
    passes: Annotated[int, Meta(ge=1, le=16)] = 1
    lanes: Annotated[int, Meta(ge=1, le=16)] = 1
    memory_kib: Annotated[int, Meta(ge=8192, le=1_048_576)] = 47104

    def stretch(self, passphrase: bytes) -> Aead:
        """Raises UnsupportedAlgorithm where the machine refuses Argon2id."""
        argon = Argon2id(
            salt=self.salt, length=KEY_SIZE, iterations=self.passes, lanes=self.lanes, memory_cost=self.memory_kib
        )
        return Aead(argon.derive(passphrase))


class Pbkdf2Lock(Fields, frozen=True, tag="pbkdf2-sha256", tag_field="kdf"):
    """Where approved algorithms alone may be used (`carnet.fips`), with OWASP's number of rounds."""

    salt: bytes
    wrapped: bytes
    rounds: Annotated[int, Meta(ge=100_000, le=10_000_000)] = 600_000

    def stretch(self, passphrase: bytes) -> Aead:
        slow = PBKDF2HMAC(algorithm=SHA256(), length=KEY_SIZE, salt=self.salt, iterations=self.rounds)
        return Aead(slow.derive(passphrase))


Lock = Argon2Lock | Pbkdf2Lock


class Vault:
    def __init__(self, key: bytes) -> None:
        self._key, self._cipher = key, Aead(key)

    @staticmethod
    def create(passphrase: bytes, random: RandomBytes) -> tuple["Vault", bytes]:
        """A new vault, and the lock to store beside what it wraps."""
        vault = Vault(random(KEY_SIZE))
        return vault, vault.lock(passphrase, random)

    def lock(self, passphrase: bytes, random: RandomBytes) -> bytes:
        """A lock that this passphrase opens. A lock that was made earlier still opens with its own."""
        kind = Pbkdf2Lock if approved_only() else Argon2Lock
        bare = kind(salt=random(16), wrapped=b"")
        wrapped = bare.stretch(passphrase).encrypt(random(DRAW_SIZE), self._key, _BOUND)
        return msgspec.json.encode(msgspec.structs.replace(bare, wrapped=wrapped))

    @staticmethod
    def open(lock: bytes, passphrase: bytes) -> "Vault":
        """Raises PassphraseError where the passphrase is not the lock's."""
        try:
            read = msgspec.json.decode(lock, type=Lock)
            key = read.stretch(passphrase).decrypt(read.wrapped, _BOUND)
        except InvalidTag as error:
            raise PassphraseError(
                "The passphrase does not open the keys.",
                "Give the one that was set last; for a backup, the one that was in force when it was made.",
            ) from error
        except UnsupportedAlgorithm as error:
            raise PassphraseError(
                "The lock of the keys was made with Argon2id, which this machine refuses (FIPS mode).",
                f"On a machine that allows it, set {VARIABLE}=on and choose a new passphrase; then bring a new backup.",
            ) from error
        except (msgspec.MsgspecError, ValueError) as error:
            raise TamperedError(
                "The lock of the keys cannot be read: it is not what was written.", "Restore a backup."
            ) from error
        return Vault(key)

    def wrap(self, name: str, secret: bytes, random: RandomBytes) -> bytes:
        return self._cipher.encrypt(random(DRAW_SIZE), secret, name.encode())

    def rewrap(self, name: str, box: bytes, into: "Vault", random: RandomBytes) -> bytes:
        """The same secret, wrapped by another vault. Raises TamperedError where it is not this one's."""
        return into.wrap(name, self.unwrap(name, box), random)

    def unwrap(self, name: str, box: bytes) -> bytes:
        """Raises TamperedError where the box is not the one that was wrapped under this name."""
        try:
            return self._cipher.decrypt(box, name.encode())
        except InvalidTag as error:
            raise TamperedError(f"The stored secret “{name}” was altered.", "Restore a backup.") from error
