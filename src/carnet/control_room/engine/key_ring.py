"""The master key of the ledger, and the Control Room's own signing and sealing keys by thumbprint: kept wrapped beside
the ledger, so that a change of keys is in the same transaction.
"""

from collections.abc import Callable

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from carnet.aead import KEY_SIZE
from carnet.errors import TamperedError
from carnet.exchange.keys import (
    ED25519,
    Opener,
    RandomBytes,
    Signer,
)
from carnet.vault import Vault

MASTERS = "master"  # master:1, master:2, …: the highest encrypts what is written now


def master_name(number: int) -> str:
    return f"{MASTERS}:{number}"


class KeyRing:
    """Unwraps a key when it is first asked for: most commands need only the master key."""

    def __init__(self, vault: Vault, boxes: Callable[[str], bytes | None]) -> None:
        self._vault, self._boxes = vault, boxes
        self._signers: dict[str, Signer] = {}
        self._openers: dict[str, Opener] = {}
        self.masters = {1: self._secret(master_name(1))}
        while (number := len(self.masters) + 1) and boxes(master_name(number)) is not None:
            self.masters[number] = self._secret(master_name(number))

    @property
    def first_master(self) -> bytes:
        """For what must outlive a change of the master key: what callers carry (`engine.checkpoint_tokens`)."""
        return self.masters[1]

    def derived(self, purpose: str) -> bytes:
        """A key (64 bytes) for each purpose, from the newest master key; nothing of it is stored anywhere."""
        return HKDF(SHA256(), KEY_SIZE, None, f"carnet-control-room/{purpose}".encode()).derive(
            self.masters[max(self.masters)]
        )

    def signer(self, kid: str) -> Signer:
        if kid not in self._signers:
            self._signers[kid] = Signer(ED25519, self._secret(f"signing:{kid}"))
        return self._signers[kid]

    def opener(self, kid: str) -> Opener:
        if kid not in self._openers:
            self._openers[kid] = Opener(self._secret(f"sealing:{kid}"))
        return self._openers[kid]

    def wrap(self, key: Signer | Opener, random: RandomBytes) -> tuple[str, bytes]:
        """The name and the box under which a new key is to be stored."""
        name = f"{'signing' if isinstance(key, Signer) else 'sealing'}:{key.key.kid}"
        return name, self._vault.wrap(name, key.seed, random)

    def _secret(self, name: str) -> bytes:
        box = self._boxes(name)
        if box is None:
            raise TamperedError(f"The key “{name}” is missing.", "Restore a backup.")
        return self._vault.unwrap(name, box)


__all__ = ["KeyRing"]
