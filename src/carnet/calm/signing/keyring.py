"""The vendor's private keys, encrypted at rest under the vault (A2): one file for each key, named by its thumbprint.

The roots have a folder of their own, with a copy of the lock: it can be kept in a safe, and is needed for a rotation
only. Everything else works without it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from carnet.cli_support import write_file
from carnet.entitlements import Fields
from carnet.errors import NotSetUpError
from carnet.exchange.keys import RandomBytes, Signer

if TYPE_CHECKING:
    from carnet.calm.signing.vaults import Vaults

Group = Literal["issuers", "roots"]
GROUPS: tuple[Group, ...] = ("issuers", "roots")


class StoredKey(Fields, frozen=True):
    """A private key as its file holds it: the algorithm, and the seed encrypted under the vault."""

    alg: str
    box: bytes


class Keyring(Protocol):
    """Where CALM's private keys are. `FileKeyring` keeps them in files; another one could ask an HSM."""

    def signer(self, group: Group, kid: str) -> Signer:
        """The private key with the thumbprint `kid`.

        Raises:
            NotSetUpError: The key is not here, e.g. because the roots are in their safe.
        """

    def store(self, group: Group, signer: Signer, random: RandomBytes) -> None:
        """Keep a private key, encrypted. `random(n)` gives n random bytes."""

    def wrap(self, name: str, secret: bytes, random: RandomBytes) -> bytes:
        """Encrypt a secret under the vault, bound to `name`. `random(n)` gives n random bytes."""

    def unwrap(self, name: str, box: bytes) -> bytes:
        """Decrypt what `wrap` made under the same `name`.

        Raises:
            TamperedError: It was altered, or made under another name.
        """


class FileKeyring:
    """Private keys in a folder. `open_vault` asks for the passphrase: it is called once, when a key is needed first."""

    def __init__(self, folder: Path, open_vault: "Callable[[], Vaults]") -> None:
        self._folder, self._open, self._vault = folder, open_vault, None
        self._signers: dict[str, Signer] = {}

    _vault: "Vaults | None"

    def _opened(self) -> "Vaults":
        if self._vault is None:
            self._vault = self._open()
        return self._vault

    def signer(self, group: Group, kid: str) -> Signer:
        """The private key with the thumbprint `kid`, from its file or from memory.

        Raises:
            NotSetUpError: The file is not here, e.g. because the roots are in their safe.
        """
        if kid not in self._signers:
            self._signers[kid] = self._read(group, kid)
        return self._signers[kid]

    def _read(self, group: Group, kid: str) -> Signer:
        path = self._folder / group / f"{kid}.key"
        if not path.is_file():
            what = "root" if group == "roots" else "issuing"
            raise NotSetUpError(f"The {what} key {kid[:16]}… is not here ({path}).", f"Bring the folder {group} back.")
        stored = msgspec.json.decode(path.read_bytes(), type=StoredKey)
        return Signer(stored.alg, self._opened().unwrap(f"{group}/{kid}", stored.box))

    def store(self, group: Group, signer: Signer, random: RandomBytes) -> None:
        """Write a private key, encrypted, to a file that only its owner can read (mode 0600)."""
        kid = signer.key.kid
        box = self._opened().wrap(f"{group}/{kid}", signer.seed, random)
        folder = self._folder / group
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(folder / f"{kid}.key", msgspec.json.encode(StoredKey(alg=signer.alg, box=box)), 0o600)
        self._signers[kid] = signer

    def rewrap(self, random: RandomBytes) -> int:
        """Wrap each key that lies here under the newest vault; how many. Each file is replaced whole."""
        found = [(group, path) for group in GROUPS for path in sorted((self._folder / group).glob("*.key"))]
        for group, path in found:
            name, stored = f"{group}/{path.stem}", msgspec.json.decode(path.read_bytes(), type=StoredKey)
            box = self.wrap(name, self.unwrap(name, stored.box), random)
            write_file(path, msgspec.json.encode(StoredKey(alg=stored.alg, box=box)), 0o600)
        return len(found)

    def wrap(self, name: str, secret: bytes, random: RandomBytes) -> bytes:
        """Encrypt a secret under the vault, bound to `name`. `random(n)` gives n random bytes."""
        return self._opened().wrap(name, secret, random)

    def unwrap(self, name: str, box: bytes) -> bytes:
        """Decrypt what `wrap` made under the same `name`.

        Raises:
            TamperedError: It was altered, or made under another name.
        """
        return self._opened().unwrap(name, box)
