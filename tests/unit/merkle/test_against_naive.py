"""For every size up to 70: roots, inclusion and consistency, made and verified, equal a naive implementation's."""

import pytest

from carnet.merkle import (
    EMPTY_ROOT,
    Peaks,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    peaks_at,
    root_at,
    verify_consistency,
    verify_inclusion,
)
from tests.unit.merkle import naive
from tests.vectors.samples import Tree, leaves

MOST = 70
ALL = leaves(MOST)
TREE = Tree(ALL)
ROOTS = [naive.root(ALL[:size]) for size in range(MOST + 1)]


def test_a_leaf_is_hashed_apart_from_a_node() -> None:
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(ALL[0] + ALL[1]) != naive.root(ALL[:2])


@pytest.mark.rule("L1")
@pytest.mark.parametrize("size", range(MOST + 1))
def test_root_at_every_size(size: int) -> None:
    assert root_at(size, TREE.get) == ROOTS[size]
    assert peaks_at(size, TREE.get).root == ROOTS[size]
    appended = Peaks()
    for leaf in ALL[:size]:
        appended, _ = appended.append(leaf)
    assert appended == peaks_at(size, TREE.get)


def test_empty_tree_has_the_hash_of_nothing_as_root() -> None:
    assert Peaks().root == EMPTY_ROOT == ROOTS[0]


@pytest.mark.rule("L3")
@pytest.mark.parametrize("size", range(1, MOST + 1))
def test_inclusion_of_every_leaf_at_every_size(size: int) -> None:
    for index in range(size):
        proof = inclusion_proof(index, size, TREE.get)
        assert proof == naive.path(index, ALL[:size])
        assert verify_inclusion(ALL[index], index, size, proof, ROOTS[size])
        assert not verify_inclusion(ALL[(index + 1) % MOST], index, size, proof, ROOTS[size])


@pytest.mark.rule("L2")
@pytest.mark.parametrize("new", range(1, MOST + 1))
def test_consistency_from_every_older_size(new: int) -> None:
    for old in range(1, new + 1):
        proof = consistency_proof(old, new, TREE.get)
        assert proof == naive.subproof(old, ALL[:new])
        assert verify_consistency(old, ROOTS[old], new, ROOTS[new], proof)
        if old < new:
            assert not verify_consistency(old, ROOTS[old - 1], new, ROOTS[new], proof)
            assert not verify_consistency(old, ROOTS[old], new, ROOTS[new - 1], proof)


@pytest.mark.rule("L2")
@pytest.mark.parametrize("at", [1, 8, 23, 40])
def test_a_fork_at_any_record_shows_no_consistency(at: int) -> None:
    """Two histories that part at one record: neither extends the other's checkpoint, whatever proof is offered."""
    forked = Tree([*ALL[: at - 1], leaf_hash(b"another history"), *ALL[at:]])
    for size in range(at, 41):
        proof = consistency_proof(size, MOST, forked.get)
        assert verify_consistency(size, forked.at(size).root, MOST, forked.root, proof)
        assert not verify_consistency(size, ROOTS[size], MOST, forked.root, proof)
        assert not verify_consistency(size, ROOTS[size], MOST, forked.root, consistency_proof(size, MOST, TREE.get))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 4), (4, 4)])
def test_no_inclusion_proof_outside_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="is not in a tree"):
        inclusion_proof(index, size, TREE.get)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (6, 5), (-1, 3)])
def test_no_consistency_proof_from_nothing_or_backwards(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="no proof leads"):
        consistency_proof(old, new, TREE.get)
