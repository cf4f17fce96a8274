"""A checkpoint: the size of a log, and the one hash that commits to all of it."""

from base64 import b64encode
from dataclasses import dataclass


@dataclass(frozen=True)
class Checkpoint:
    """`size` leaves with the root `root` (32 bytes, RFC 9162)."""

    size: int
    root: bytes

    def text(self, origin: str) -> str:
        """The three lines of a C2SP tlog-checkpoint, to be copied to a syslog or to paper outside the machine."""
        return f"{origin}\n{self.size}\n{b64encode(self.root).decode()}\n"
