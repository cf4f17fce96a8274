from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st

from carnet.merkle import (
    Checkpoint,
    Peaks,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from tests.vectors.samples import Tree


def test_a_checkpoint_is_printed_as_three_lines() -> None:
    at = Checkpoint(7, bytes(32))
    assert at.text("carnet/ledger/x") == f"carnet/ledger/x\n7\n{b64encode(bytes(32)).decode()}\n"


@given(st.integers(1, 200), st.integers(1, 200), st.lists(st.binary(max_size=40), max_size=10))
def test_garbage_proves_nothing_and_breaks_nothing(old: int, new: int, proof: list[bytes]) -> None:
    tree = Tree([leaf_hash(bytes([number])) for number in range(8)])
    if (old, new) != (8, 8):
        assert not verify_consistency(old, leaf_hash(b"a"), new, tree.root, proof)
    assert not verify_inclusion(leaf_hash(b"never"), old, new, proof, tree.root)


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40))
def test_appending_completes_each_node_once(contents: list[bytes]) -> None:
    """What an appender stores as it goes is all that a prover needs: as many nodes as the tree has, none twice."""
    peaks, completed = Peaks(), 0
    for content in contents:
        peaks, nodes = peaks.append(leaf_hash(content))
        completed += len(nodes)
    assert completed == len(contents) - bin(len(contents)).count("1")
