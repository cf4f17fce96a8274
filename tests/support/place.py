"""A Control Room in a folder of a test, on real SQLite, at which there is a desk or a server with its local door."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from carnet.control_room.engine import wire
from carnet.control_room.engine.desk import Desk, EngineDesk
from carnet.control_room.engine.engine import Engine
from carnet.control_room.engine.socket_desk import SocketDesk
from carnet.control_room.keys import KeyRing
from carnet.control_room.storage.sqlite import DATABASE, SqliteStore
from tests.support.cast import seeded
from tests.support.room import VERSION, Room
from tests.support.served import Served


class Place:
    """A Control Room in a folder, opened with the same randomness each time, so that two of them do the same."""

    def __init__(self, room: Room, folder: Path) -> None:
        self.room, self.folder = room, folder
        folder.mkdir(mode=0o700, parents=True)
        room.store.copy_to(folder / DATABASE)

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        with closing(SqliteStore.open(self.folder, writing=True)) as store:
            yield Engine(store, KeyRing(self.room.vault, store.secret), seeded("desk"), VERSION)

    def served(self, **options: Any) -> Served:
        return Served(self.engine, lambda: self.room.reading, self.folder, **options)

    @contextmanager
    def own(self) -> Iterator[Desk]:
        with self.engine() as engine:
            yield EngineDesk(engine, lambda: self.room.reading, writing=True)

    def asked(self) -> SocketDesk:
        desk = SocketDesk.connect(self.folder)
        assert desk is not None
        return desk

    def raw(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20)
        connection.connect(str(self.folder / wire.SOCKET))
        return connection
