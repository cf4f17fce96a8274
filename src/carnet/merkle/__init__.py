"""RFC 9162 Merkle trees: hashes, appending, proofs, and the text of a checkpoint. Pure: bytes in, values out.

A tree is a list of leaf hashes. `Peaks` is all that an appender needs to remember of it; `GetNode` is how a prover
reads the interior nodes that appending completed. Nothing here stores anything.
"""

from carnet.merkle.checkpoint import Checkpoint
from carnet.merkle.proofs import (
    GetNode,
    consistency_proof,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from carnet.merkle.tree import (
    EMPTY_ROOT,
    HASH_SIZE,
    Peaks,
    append_leaf,
    leaf_hash,
    node_hash,
    peaks_at,
    root_at,
)

__all__ = [
    "EMPTY_ROOT",
    "HASH_SIZE",
    "Checkpoint",
    "GetNode",
    "Peaks",
    "append_leaf",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "peaks_at",
    "root_at",
    "verify_consistency",
    "verify_inclusion",
]
