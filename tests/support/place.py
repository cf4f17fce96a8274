"""A Control Room in a folder of a test, on real SQLite, at which there is a desk or a server with its local door."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from carnet.control_room.engine.engine import Engine
from carnet.control_room.engine.key_ring import KeyRing
from carnet.control_room.engine.sqlite import DATABASE, SqliteStore
from carnet.control_room.local_api import protocol
from carnet.control_room.local_api.client import EngineClient, InProcessClient, UnixClient
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
    def own(self) -> Iterator[EngineClient]:
        with self.engine() as engine:
            yield InProcessClient(engine, lambda: self.room.reading, writing=True)

    def asked(self) -> UnixClient:
        desk = UnixClient.connect(self.folder)
        assert desk is not None
        return desk

    def raw(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20)
        connection.connect(str(self.folder / protocol.SOCKET))
        return connection
