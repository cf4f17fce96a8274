"""The vault of CALM's keys in its folder: the lock that the passphrase opens, and the change to another vault.

While all is wrapped again under another key there are two locks, `lock` and `lock.next`, and what is stored opens with
either. So a change that was interrupted harms nothing, and goes on where it stopped when it is run again.
"""

import fcntl
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carnet.cli_support import write_file
from carnet.errors import BusyError, TamperedError, UsageError
from carnet.exchange.keys import RandomBytes
from carnet.vault import Vault

LOCK, NEXT, IN_USE, ROOTS = "lock", "lock.next", "in-use", "roots"


class Vaults:
    """The vaults that what is stored may be wrapped under: the newest one wraps, each unwraps what is its own."""

    def __init__(self, *vaults: Vault) -> None:
        self._vaults = vaults

    def wrap(self, name: str, secret: bytes, random: RandomBytes) -> bytes:
        """Encrypt a secret under the newest vault, bound to `name`. `random(n)` gives n random bytes."""
        return self._vaults[0].wrap(name, secret, random)

    def unwrap(self, name: str, box: bytes) -> bytes:
        """Decrypt what one of them wrapped under the same `name`.

        Raises:
            TamperedError: None of them did, or it was altered.
        """
        for vault in self._vaults[:-1]:
            try:
                return vault.unwrap(name, box)
            except TamperedError:
                continue  # of the vault that is being left
        return self._vaults[-1].unwrap(name, box)


def create_locks(folder: Path, lock: bytes) -> None:
    """The lock of new keys, and its copy beside the roots, which may lie in a safe."""
    for each in (folder, folder / ROOTS):
        write_file(each / LOCK, lock, 0o600)


def open_vaults(folder: Path, passphrase: bytes) -> Vaults:
    """As long as they live here, or in a process that was forked from here, nobody changes the locks. Raises
    PassphraseError, and BusyError where somebody does so now."""
    handle = _hold(folder, fcntl.LOCK_SH)
    try:
        vaults = _opened(folder, passphrase)
    except BaseException:
        os.close(handle)
        raise
    weakref.finalize(vaults, os.close, handle)
    return vaults


def change_passphrase(folder: Path, passphrase: bytes, new: bytes, random: RandomBytes) -> None:
    """Raises BusyError where a process uses the keys, and UsageError where a change of the vault is not finished."""
    with alone_with(folder):
        if (folder / NEXT).exists():
            raise UsageError("The keys are being wrapped again, and that was interrupted.", "Run: calm key rewrap")
        lock = Vault.open((folder / LOCK).read_bytes(), passphrase).lock(new, random)
        if (folder / ROOTS).is_dir():
            write_file(folder / ROOTS / LOCK, lock, 0o600)
        write_file(folder / LOCK, lock, 0o600)


@contextmanager
def alone_with(folder: Path) -> Iterator[None]:
    """As long as this lasts no other process has a vault open. Raises BusyError."""
    handle = _hold(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(handle)


def begin_change(folder: Path, passphrase: bytes, random: RandomBytes) -> Vaults:
    """Both vaults; the new one is made where no earlier change began it."""
    if not (folder / NEXT).exists():
        _, lock = Vault.create(passphrase, random)
        write_file(folder / NEXT, lock, 0o600)
    return _opened(folder, passphrase)


def end_change(folder: Path) -> None:
    """Everything is wrapped by the new vault: the old lock goes."""
    write_file(folder / ROOTS / LOCK, (folder / NEXT).read_bytes(), 0o600)
    (folder / NEXT).replace(folder / LOCK)


def _opened(folder: Path, passphrase: bytes) -> Vaults:
    locks = [path for path in (folder / NEXT, folder / LOCK) if path.exists()]
    return Vaults(*(Vault.open(path.read_bytes(), passphrase) for path in locks))


def _hold(folder: Path, how: int) -> int:
    handle = os.open(folder / IN_USE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        if how == fcntl.LOCK_SH:
            raise BusyError("The keys are being wrapped again. Nothing was tried.", "Wait, then try again.") from error
        raise BusyError(
            "A server or another command uses the keys. Nothing was tried.", "Stop CALM's servers, then try again."
        ) from error
    return handle
