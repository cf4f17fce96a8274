"""Checkpoints that callers carry: each answer names the ledger's, and a caller shows the highest that it has seen.

It is a text `SIZE.ROOT.MAC`, made under a key that only this ledger has: what a caller shows is then proof that this
ledger once was so, and not merely somebody's word. A ledger that was rolled back is so found out by its own callers.
"""

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from carnet.control_room.engine.ledger_reader import LedgerReader
from carnet.control_room.ledger.events import RollbackFound
from carnet.control_room.rules.decision import Command, Decision, Moment
from carnet.control_room.state.state import State
from carnet.exchange.verdicts import Code, Refusal
from carnet.merkle import Checkpoint, root_at

_FORM = re.compile(r"(0|[1-9][0-9]{0,15})\.([0-9a-f]{64})\.([0-9a-f]{32})")
_RECENT = 4096  # checkpoints that are known to be ours without another look
ROLLBACKS_KEPT = 16  # recorded until the next license file: a flood of callers who all noticed is one fact


class CheckpointTokens:
    def __init__(self, master: bytes, ledger_id: str) -> None:
        self._key = hmac.digest(master, f"carnet-checkpoint/1|{ledger_id}".encode(), "sha256")
        self._of: Checkpoint | None = None
        self._token = ""
        self._recent: dict[str, None] = {}

    def token(self, checkpoint: Checkpoint) -> str:
        """The text for this checkpoint; made once for each commit."""
        if checkpoint is not self._of:
            self._of, self._token = checkpoint, self._made(checkpoint.size, checkpoint.root.hex())
            self._recent[self._token] = None
            if len(self._recent) > _RECENT:
                del self._recent[next(iter(self._recent))]
        return self._token

    def forget(self) -> None:
        """What was given out may not be durable after all: look at each again."""
        self._of, self._recent = None, {}

    def judge(self, shown: str, reader: LedgerReader) -> Refusal | None:
        """Whether the ledger goes on from what a caller saw. Refuses `malformed` and `rolled_back`."""
        if shown in self._recent:
            return None
        form = _FORM.fullmatch(shown)
        if form is None or not hmac.compare_digest(self._made(int(form[1]), form[2]), shown):
            return Refusal(
                Code.MALFORMED,
                "The checkpoint shown is none that this Control Room gave out.",
                "Show the Carnet-Checkpoint of an answer from here, unchanged, or none.",
            )
        size = int(form[1])
        if size <= reader.peaks.size and root_at(size, reader.node).hex() == form[2]:
            return None
        return rolled_back(size, reader.peaks.size)

    def _made(self, size: int, root: str) -> str:
        text = f"{size}.{root}"
        return f"{text}.{hmac.digest(self._key, text.encode(), sha256).hex()[:32]}"


def rolled_back(size: int, here: int) -> Refusal:
    return Refusal(
        Code.ROLLED_BACK,
        f"You were answered from a ledger of {size:,} records that is not the one here ({here:,} records): "
        "an older copy was put back, or two copies run.",
        "Tell the administrator. Only once it is explained: forget the checkpoint that you keep, and go on.",
    )


@dataclass(frozen=True)
class ReportRollback(Command[bool]):
    """Write down, once, what a caller proved."""

    shown: str
    what: ClassVar[str] = "rollback"

    def decide(self, state: State, _: Moment) -> Decision[bool] | Refusal:
        size, root = self.shown.split(".")[:2]
        if root in state.rollbacks or len(state.rollbacks) >= ROLLBACKS_KEPT:
            return Decision([], answer=False)
        return Decision([RollbackFound(size=int(size), root=root)], answer=True)
