"""The master key of the ledger, and the Control Room's own signing and sealing keys by thumbprint: kept wrapped beside
the ledger, so that a change of keys is in the same transaction.
"""

from collections.abc import Callable, Iterable

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

PAGES, SESSIONS = "pages", "sessions"  # what the pages keep, and what ends with each restore and rewrap
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
        """A key (64 bytes) of the pages' for each purpose, other than sessions."""
        info = f"carnet-control-room/{purpose}".encode()
        return HKDF(SHA256(), KEY_SIZE, None, info).derive(self._secret(PAGES))

    def signer(self, kid: str) -> Signer:
        if kid not in self._signers:
            self._signers[kid] = Signer(ED25519, self._secret(f"signing:{kid}"))
        return self._signers[kid]

    def opener(self, kid: str) -> Opener:
        if kid not in self._openers:
            self._openers[kid] = Opener(self._secret(f"sealing:{kid}"))
        return self._openers[kid]

    @property
    def sessions(self) -> bytes:
        """What the pages sign links and sessions with."""
        return self._secret(SESSIONS)

    def new_pages(self, random: RandomBytes) -> dict[str, bytes]:
        """The secret that the pages' keys are derived from, to be stored."""
        return {PAGES: self._vault.wrap(PAGES, random(32), random)}

    def new_sessions(self, random: RandomBytes) -> dict[str, bytes]:
        """Another key for sessions, to be stored: it ends every session and every link of before."""
        return {SESSIONS: self._vault.wrap(SESSIONS, random(32), random)}

    def relocked(self, passphrase: bytes, random: RandomBytes) -> bytes:
        """The lock for another passphrase; the keys and what they wrap stay."""
        return self._vault.lock(passphrase, random)

    def rewrapped(self, passphrase: bytes, names: Iterable[str], random: RandomBytes) -> tuple[bytes, dict[str, bytes]]:
        """A new lock, and all secrets under another key; and one more master key, for what is written from here on. The
        key of sessions is another one: who had the old one could sign a link to a password."""
        vault, lock = Vault.create(passphrase, random)
        boxes = {name: self._vault.rewrap(name, self._boxes(name) or b"", vault, random) for name in names}
        newest = master_name(len(self.masters) + 1)
        made = {name: vault.wrap(name, random(32), random) for name in (newest, SESSIONS)}
        return lock, boxes | made

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
