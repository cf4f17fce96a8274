"""One way to give commands, to ask, and to fetch a kept file, wherever the engine is.

`InProcessClient` has the engine in this process. `UnixClient` asks the server that runs, over its socket, and
needs neither passphrase nor lock. Both give the same answers.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from carnet.control_room.engine.engine import Engine, view_of
from carnet.control_room.engine.store import Store
from carnet.control_room.local_api import protocol
from carnet.control_room.local_api.pages_acts import PATIENCE as PAGES_PATIENCE
from carnet.control_room.local_api.pages_acts import PagesAct
from carnet.control_room.rules.activation.generate_request import REQUEST
from carnet.control_room.rules.activation.install_license import RECEIPT
from carnet.control_room.rules.activation.lfr_draft import KEY_SET, LICENSE
from carnet.control_room.rules.decision import Command, Question
from carnet.control_room.state.trusted_time import Reading
from carnet.errors import BusyError, CarnetError, UsageError
from carnet.exchange.verdicts import Refusal

T = TypeVar("T")
U = TypeVar("U")
DOCUMENTS = (REQUEST, LICENSE, RECEIPT, KEY_SET)  # that a client hands out; the lock of the keys is none of them


class EngineClient(Protocol):
    def execute(self, command: Command[T], actor: str, key: str | None = None) -> T | Refusal:
        """Have a command decided, and what it decides made durable. Raises CarnetError where something broke."""
        ...

    def ask(self, question: Question[T]) -> T:
        """An answer from what is durable. Raises CarnetError."""
        ...

    def document(self, name: str) -> bytes | None:
        """A kept file, one of DOCUMENTS; None where there is none yet. Raises UsageError for any other name."""
        ...


class InProcessClient:
    """Over an engine of this process. `writing`: it was opened under the folder's lock."""

    def __init__(self, engine: Engine, reading: Callable[[], Reading], *, writing: bool) -> None:
        self._engine, self._reading, self._writing = engine, reading, writing

    def execute(self, command: Command[T], actor: str, key: str | None = None) -> T | Refusal:
        assert self._writing, "there is only ever one writer: the one that holds the folder's lock"
        return self._engine.execute(command, self._reading(), actor, key)

    def ask(self, question: Question[T]) -> T:
        reading = self._reading()
        if not self._writing:
            self._engine.look_ahead(reading)
        return question.answer(view_of(self._engine, reading))

    def document(self, name: str) -> bytes | None:
        return kept_document(self._engine.store, name)


def unrefused(answer: T | Refusal) -> T:
    """The answer to a question that no rule refuses as it is asked here. Raises UsageError where one does."""
    if isinstance(answer, Refusal):
        raise UsageError(answer.message, answer.next)
    return answer


def kept_document(store: Store, name: str) -> bytes | None:
    if name not in DOCUMENTS:
        raise UsageError(f"“{name}” is not a file that a Control Room exports. Choose one of: {', '.join(DOCUMENTS)}.")
    return store.document(name)


PATH_LIMIT = 107  # bytes of a socket's path
PATIENCE = 60.0  # seconds that an answer may take
_DESCRIPTORS = Path("/proc/self/fd")


class UnixClient:
    """Speaks to one server over one connection; the connection is the caller's to close."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    @classmethod
    def connect(cls, folder: Path, patience: float = PATIENCE) -> "UnixClient | None":
        """The client of the server that runs on this folder; None where none runs. A killed one's socket is none."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(patience)
        try:
            with reachable(folder, protocol.SOCKET) as path:
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

    def execute(self, command: Command[T], actor: str, key: str | None = None) -> T | Refusal:
        return protocol.read_outcome(self._exchange(protocol.do(command, actor, key), changes=True), command)

    def ask(self, question: Question[T]) -> T:
        return protocol.read_answer(self._exchange(protocol.ask(question)), question)

    def ask_all(self, first: Question[T], *others: Question[U]) -> tuple[T, list[U]]:
        """Several questions on one way: a server under load takes a turn for each way, and none for another question
        that has come along. They need not be answered from one moment. What it raises leaves a client to be closed."""
        asked = [protocol.ask(first), *map(protocol.ask, others)]
        self._send(b"".join(protocol.frames(each) for each in asked), changes=False)
        answer = protocol.read_answer(self._receive(changes=False), first)
        return answer, [protocol.read_answer(self._receive(changes=False), each) for each in others]

    def document(self, name: str) -> bytes | None:
        reply = protocol.read_reply(self._exchange(protocol.fetch(name)))
        assert isinstance(reply, protocol.Fetched)
        return reply.body

    def pages(self, act: PagesAct, answers: type[U]) -> U | Refusal:
        """What the pages came to. Raises CarnetError."""
        self._connection.settimeout(PAGES_PATIENCE)
        reply = protocol.read_reply(self._exchange(protocol.pages(act), changes=True))
        if isinstance(reply, protocol.Refused):
            return reply.refusal
        assert isinstance(reply, protocol.Answered)
        return msgspec.json.decode(reply.answer, type=answers)

    def close(self) -> None:
        self._connection.close()

    def _exchange(self, request: bytes, *, changes: bool = False) -> bytes:
        if len(request) > protocol.FRAME_LIMIT:
            raise UsageError(f"This is too large for the running server: {len(request):,} bytes.")
        self._send(protocol.frames(request), changes=changes)
        return self._receive(changes=changes)

    def _send(self, framed: bytes, *, changes: bool) -> None:
        with _translated(changes), suppress(BrokenPipeError, ConnectionResetError):  # it may have said why before
            self._connection.sendall(framed)

    def _receive(self, *, changes: bool) -> bytes:
        with _translated(changes):
            return protocol.read_message(self._read)

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
