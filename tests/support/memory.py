"""CALM's keys and its log's head, kept in memory: the same ports as the files, for tests and measurements."""

from carnet.calm.signing.keyring import Group
from carnet.errors import NotSetUpError
from carnet.exchange.history import CheckpointFields
from carnet.exchange.keys import RandomBytes, Signer
from carnet.vault import Vault


class MemoryKeyring:
    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._signers: dict[tuple[Group, str], Signer] = {}

    def signer(self, group: Group, kid: str) -> Signer:
        if (group, kid) not in self._signers:
            raise NotSetUpError(f"The {group} key {kid[:16]}… is not here.")
        return self._signers[group, kid]

    def lose(self, group: Group, kid: str) -> Signer:
        """The key's file is gone."""
        return self._signers.pop((group, kid))

    def store(self, group: Group, signer: Signer, random: RandomBytes) -> None:
        self._signers[group, signer.key.kid] = signer

    def wrap(self, name: str, secret: bytes, random: RandomBytes) -> bytes:
        return self._vault.wrap(name, secret, random)

    def unwrap(self, name: str, box: bytes) -> bytes:
        return self._vault.unwrap(name, box)


class MemoryHead:
    def __init__(self) -> None:
        self.head: CheckpointFields | None = None

    def read(self) -> CheckpointFields | None:
        return self.head

    def write(self, head: CheckpointFields) -> None:
        if self.head is None or self.head.size < head.size:
            self.head = head

    def is_lost(self) -> bool:
        return False

    def start_over(self, head: CheckpointFields) -> None:
        self.head = head
