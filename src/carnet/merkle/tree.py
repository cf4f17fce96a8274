"""The tree itself (RFC 9162, 2.1): hashing a leaf and a node, appending, and the root at any size.

A node is named by its level (0 for leaves) and its index on that level; node (l, i) covers the leaves from i * 2^l
up to (i + 1) * 2^l. Only complete nodes have a name; the ragged right edge is folded from them whenever it is needed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

HASH_SIZE = 32  # bytes
EMPTY_ROOT = sha256(b"").digest()

GetNode = Callable[[int, int], bytes]


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256 of 0x00 and the leaf (RFC 9162, 2.1.1)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of 0x01 and the hashes of both children (RFC 9162, 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True)
class Peaks:
    """A tree as an appender remembers it: its size, and the roots of its complete subtrees, the largest first."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> tuple["Peaks", tuple[bytes, ...]]:
        """Append the *hash* of a leaf. Returns the new peaks, and the interior nodes it completed, from level 1
        upwards.
        """
        hashes = list(self.hashes)
        completed = append_leaf(hashes, self.size, leaf)
        return Peaks(self.size + 1, tuple(hashes)), tuple(completed)

    @property
    def root(self) -> bytes:
        """The root of the tree, 32 bytes; `EMPTY_ROOT` without leaves."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root


def append_leaf(hashes: list[bytes], size: int, leaf: bytes) -> list[bytes]:
    """Append the *hash* of a leaf to the peaks of a tree of `size`, in place. Returns the interior nodes completed."""
    completed = []
    while size & 1:
        leaf = sha256(b"\x01" + hashes.pop() + leaf).digest()
        completed.append(leaf)
        size >>= 1
    hashes.append(leaf)
    return completed


def peaks_at(size: int, get_node: GetNode) -> Peaks:
    """The peaks of the first `size` leaves, read through `get_node(level, index)`."""
    hashes, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            hashes.append(get_node(level, start >> level))
            start += 1 << level
    return Peaks(size, tuple(hashes))


def root_at(size: int, get_node: GetNode) -> bytes:
    """The root of the first `size` leaves, 32 bytes, read through `get_node(level, index)`."""
    return peaks_at(size, get_node).root
