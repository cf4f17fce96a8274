"""The pages of a Control Room of this process (`tests.support.room`), at whatever moment it stands: rendered by the
real pages, which ask its engine over the real local door.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from carnet.control_room.engine.writer import Writer
from carnet.control_room.local_api.server import UnixServer
from carnet.control_room.rules.granting.people import AddPerson, Role
from carnet.exchange.verdicts import Refusal
from tests.support.room import Room
from tests.support.site_pages_process import WHO

ROOT = Path(__file__).parents[2]


class SitePages:
    """One process of pages for all rooms: give each room to `look`. Close it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        self._folder = folder
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", "tests.support.site_pages_process", str(folder)]
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=dict(os.environ))

    def let_in(self, room: Room) -> bool:
        """Somebody of this room who may see all; False where nobody is let in (a site that moved)."""
        answer = room.do(AddPerson(WHO, Role.ADMINISTRATOR, on_machine=True))
        return not isinstance(answer, Refusal) or answer.code.value != "moved"

    def look(self, room: Room, paths: list[str], olf: bytes = b"") -> tuple[dict[str, tuple[int, str]], list[str]]:
        """By path, the status and the text of the page; and what `control-room notify` sends now."""
        order = json.dumps({"paths": paths, "olf": base64.b64encode(olf).decode()})
        answer = asyncio.run(self._ask(room, order))
        assert "fault" not in answer, answer["fault"]
        return {path: (status, text) for path, (status, text) in answer["pages"].items()}, answer["notices"]

    async def _ask(self, room: Room, order: str) -> Any:
        writer = Writer(room.engine, lambda: room.reading)
        door = UnixServer(writer, self._folder)
        await door.start()
        try:
            return json.loads(await asyncio.to_thread(self._exchange, order))
        finally:
            await door.stop()

    def _exchange(self, order: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()
