"""The desk of a server that runs: asked over its socket (`socket_door`). It needs no passphrase and no lock."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from carnet.control_room.authority.decision import Command, Question
from carnet.control_room.engine import wire
from carnet.errors import BusyError, CarnetError, UsageError
from carnet.exchange.verdicts import Refusal

PATH_LIMIT = 107  # bytes of a socket's path
PATIENCE = 60.0  # seconds that an answer may take
_DESCRIPTORS = Path("/proc/self/fd")


class SocketDesk:
    """Speaks to one server over one connection; the connection is the caller's to close."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    @classmethod
    def connect(cls, folder: Path, patience: float = PATIENCE) -> "SocketDesk | None":
        """The desk of the server that runs on this folder; None where none runs. A killed one's socket is none."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(patience)
        try:
            with reachable(folder, wire.SOCKET) as path:
                connection.connect(path)
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            connection.close()
            return None
        except BlockingIOError as error:
            connection.close()
            raise BusyError("Too many callers wait at the local door.", "Try again in a second.") from error
        except OSError as error:
            connection.close()
            raise CarnetError(f"The server on {folder} cannot be asked: {error.strerror or error}.") from error
        return cls(connection)

    def execute(self, command: Command, actor: str, key: str | None = None) -> object | Refusal:
        return wire.read_answer(self._exchange(wire.do(command, actor, key), changes=True), command.answers)

    def ask(self, question: Question) -> object | Refusal:
        return wire.read_answer(self._exchange(wire.ask(question)), question.answers)

    def ask_all(self, questions: Sequence[Question]) -> list[object | Refusal]:
        """Several questions on one way: a server under load takes a turn for each way, and none for another question
        that has come along. They need not be answered from one moment. What it raises leaves a desk to be closed."""
        self._send(b"".join(wire.frames(wire.ask(each)) for each in questions), changes=False)
        return [wire.read_answer(self._receive(changes=False), each.answers) for each in questions]

    def document(self, name: str) -> bytes | None:
        reply = wire.read_reply(self._exchange(wire.fetch(name)))
        assert isinstance(reply, wire.Fetched)
        return reply.body

    def close(self) -> None:
        self._connection.close()

    def _exchange(self, request: bytes, *, changes: bool = False) -> bytes:
        if len(request) > wire.FRAME_LIMIT:
            raise UsageError(f"This is too large for the running server: {len(request):,} bytes.")
        self._send(wire.frames(request), changes=changes)
        return self._receive(changes=changes)

    def _send(self, framed: bytes, *, changes: bool) -> None:
        with _translated(changes), suppress(BrokenPipeError, ConnectionResetError):  # it may have said why before
            self._connection.sendall(framed)

    def _receive(self, *, changes: bool) -> bytes:
        with _translated(changes):
            return wire.read_message(self._read)

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = self._connection.recv(min(size - len(data), 1 << 20))
            if not part:
                raise ConnectionResetError
            data += part
        return bytes(data)


@contextmanager
def _translated(changes: bool) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise BusyError("The running server does not answer.", _unsure(changes)) from error
    except OSError as error:
        raise CarnetError("The running server went away before it answered.", _unsure(changes)) from error


def _unsure(changes: bool) -> str:
    return "It may have been done or not: look at the ledger before you try again." if changes else "Try again."


@contextmanager
def reachable(folder: Path, name: str) -> Iterator[str]:
    """A path of the socket that the system takes: one that is too long is shortened by way of the folder's handle."""
    path = str(folder / name)
    if len(os.fsencode(path)) <= PATH_LIMIT:
        yield path
    elif not _DESCRIPTORS.exists():
        raise UsageError(f"The folder's name is too long for a socket in it: {folder}.", "Use a shorter one.")
    else:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"{_DESCRIPTORS}/{handle}/{name}"
        finally:
            os.close(handle)
