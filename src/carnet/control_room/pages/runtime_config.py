"""What the pages are given by the server that starts them, and find nowhere else: where they answer, and three keys.

The keys are wrapped beside the ledger, so that nothing of them lies open on the disk; they come over a pipe.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from carnet.exchange.keys import RandomBytes

PAGES = "pages.sqlite3"  # in the data folder: passwords, sessions, second factors, settings


class RuntimeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    folder: str  # of the Control Room
    signing: bytes  # what sessions and links are signed with
    wrapping: bytes  # what second factors are wrapped with at rest (A2)
    sealing: bytes  # what binds the hashes of passwords to their names
    server: int = 0  # the process that started the pages, and with which they end
    bind: str = "127.0.0.1:8651"
    hosts: list[str] = []  # names by which browsers ask for it
    https: str = "off"  # direct | proxy | off
    certificate: str | None = None
    private_key: str | None = None
    passphrase_file: str | None = None  # where the server's own is: a command that reads the ledger needs it too

    prefix: str = ""  # of the path below which browsers ask for it
    proxies: list[str] = []  # addresses; where there are some, nobody else is let in
    connections: int | None = None  # at most; None: as the release has it
    per_address: int | None = None

    @property
    def data(self) -> Path:
        return Path(self.folder)

    @property
    def address(self) -> str:
        """Where people go."""
        host, _, port = self.bind.rpartition(":")
        name = self.hosts[0] if self.hosts else host
        if self.https == "proxy":
            return f"https://{name}{self.prefix}"
        return f"{'https' if self.https == 'direct' else 'http'}://{name}:{port}{self.prefix}"


@dataclass(frozen=True)
class RuntimeServices:
    """What only the composition root has."""

    random: RandomBytes
    command: tuple[str, ...]  # `control-room`, for what takes long and is done in a process of its own
    seconds: Callable[[], float]  # of a clock that nobody sets: for how long something takes


NOTHING = RuntimeConfig(
    folder="", signing=b"without a server there is nothing that this could sign", wrapping=bytes(64), sealing=bytes(64)
)
_config: list[RuntimeConfig] = [NOTHING]
_services: list[RuntimeServices] = []


def configure(what: RuntimeConfig, services: RuntimeServices) -> None:
    """Once, before Django is set up."""
    _config[:], _services[:] = [what], [services]


def runtime_config() -> RuntimeConfig:
    return _config[0]


def runtime_services() -> RuntimeServices:
    return _services[0]
