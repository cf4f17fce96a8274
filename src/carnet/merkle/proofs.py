"""Inclusion and consistency proofs (RFC 9162, 2.1.3 and 2.1.4): made from stored nodes, and verified without them.

Verifying never raises: what is not a proof is False. A hash that is not 32 bytes long, an old size of zero and an index
outside the tree are False too; a tree of size zero commits to nothing.
"""

from collections.abc import Sequence
from hmac import compare_digest

from carnet.merkle.tree import HASH_SIZE, GetNode, node_hash

__all__ = ["GetNode", "consistency_proof", "inclusion_proof", "verify_consistency", "verify_inclusion"]


def inclusion_proof(index: int, size: int, get_node: GetNode) -> list[bytes]:
    """The path from leaf `index` (from 0) to the root of the first `size` leaves: hashes of 32 bytes, lowest level
    first.

    It reads O(log size) nodes.

    Raises:
        ValueError: `index` is not below `size`.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    return _path(index, 0, size, get_node)


def consistency_proof(old: int, new: int, get_node: GetNode) -> list[bytes]:
    """The proof that the first `new` leaves extend the first `old`: hashes of 32 bytes, empty where both are the same.

    It reads O(log new) nodes.

    Raises:
        ValueError: `old` is 0, or more than `new`.
    """
    if not 0 < old <= new:
        raise ValueError(f"no proof leads from size {old} to size {new}")
    return _subproof(old, 0, new, get_node, whole=True) if old < new else []


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """True where `proof` shows that `leaf`, a leaf's hash, is number `index` of the tree (`size`, `root`)."""
    if not 0 <= index < size or not _are_hashes(leaf, root, *proof):
        return False
    node, last, tip = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            tip = node_hash(sibling, tip)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            tip = node_hash(tip, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and compare_digest(tip, root)


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """True where `proof` shows that the tree (`new`, `new_root`) extends the tree (`old`, `old_root`)."""
    if not 0 < old <= new or not _are_hashes(old_root, new_root, *proof):
        return False
    if old == new:
        return not proof and compare_digest(old_root, new_root)
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_tip = new_tip = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old_tip, new_tip = node_hash(sibling, old_tip), node_hash(sibling, new_tip)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new_tip = node_hash(new_tip, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and compare_digest(old_tip, old_root) and compare_digest(new_tip, new_root)


def _path(index: int, start: int, end: int, get_node: GetNode) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(index, start, middle, get_node), _subroot(middle, end, get_node)]
    return [*_path(index, middle, end, get_node), _subroot(start, middle, get_node)]


def _subproof(old: int, start: int, end: int, get_node: GetNode, *, whole: bool) -> list[bytes]:
    if old == end:
        return [] if whole else [_subroot(start, end, get_node)]
    middle = start + _split(end - start)
    if old <= middle:
        return [*_subproof(old, start, middle, get_node, whole=whole), _subroot(middle, end, get_node)]
    return [*_subproof(old, middle, end, get_node, whole=False), _subroot(start, middle, get_node)]


def _subroot(start: int, end: int, get_node: GetNode) -> bytes:
    """The hash over the leaves from `start` to `end`; `start` is a multiple of the largest power of two within."""
    level = (end - start).bit_length() - 1
    if end - start == 1 << level:
        return get_node(level, start >> level)
    middle = start + (1 << level)
    return node_hash(get_node(level, start >> level), _subroot(middle, end, get_node))


def _split(width: int) -> int:
    """The largest power of two smaller than `width`."""
    return 1 << (width - 1).bit_length() - 1


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_SIZE for value in values)
