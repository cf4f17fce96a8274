"""Published RFC 9162 test values (tests/vectors/merkle/rfc9162.json names their source), and what must be refused."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from carnet.merkle import verify_consistency, verify_inclusion
from tests.vectors.samples import Tree, leaves

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/merkle/rfc9162.json").read_text())


def _hashes(texts: list[str] | None) -> list[bytes]:
    return [b64decode(text or "") for text in texts or []]


def _named(cases: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(case, id=f"{number}-{case['desc']}") for number, case in enumerate(cases)]


@pytest.mark.rule("L3")
@pytest.mark.parametrize("case", _named(VECTORS["inclusion"]))
def test_inclusion(case: dict[str, Any]) -> None:
    leaf, root = _hashes([case["leafHash"], case["root"]])
    holds = verify_inclusion(leaf, case["leafIdx"], case["treeSize"], _hashes(case["proof"]), root)
    assert holds is not case["wantErr"]


@pytest.mark.rule("L2")
@pytest.mark.parametrize("case", _named(VECTORS["consistency"]))
def test_consistency(case: dict[str, Any]) -> None:
    old, new = _hashes([case["root1"], case["root2"]])
    holds = verify_consistency(case["size1"], old, case["size2"], new, _hashes(case["proof"]))
    assert holds is (not case["wantErr"] and len(old) == 32)


def test_one_published_value_is_refused_here_and_why() -> None:
    """It compares two equal strings of 12 bytes in place of roots: no hashes, so that here they show nothing."""
    short = [case["desc"] for case in VECTORS["consistency"] if not case["wantErr"] and len(case["root1"]) != 44]
    assert short == ["sizes are equal (one) and proof is empty"]


def test_all_published_values_are_here() -> None:
    assert len(VECTORS["inclusion"]) == len(VECTORS["consistency"]) == 98


@pytest.mark.rule("L2")
def test_old_size_zero_is_refused() -> None:
    """Every tree extends the empty one, so that a proof from it proves nothing."""
    tree = Tree(leaves(5))
    empty = b"\xe3\xb0\xc4\x42" + bytes(28)
    assert not verify_consistency(0, empty, 5, tree.root, [])
    assert not verify_consistency(0, tree.root, 0, tree.root, [])


@pytest.mark.rule("L2", "L3")
@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_hash_that_is_not_32_bytes_is_refused(length: int) -> None:
    from carnet.merkle import consistency_proof, inclusion_proof

    tree = Tree(leaves(6))
    odd = bytes(length)
    grown, path = consistency_proof(3, 6, tree.get), inclusion_proof(2, 6, tree.get)
    assert not verify_consistency(3, tree.at(3).root, 6, tree.root, [odd, *grown[1:]])
    assert not verify_consistency(3, odd, 6, tree.root, grown)
    assert not verify_consistency(6, odd, 6, odd, [])
    assert not verify_inclusion(odd, 2, 6, path, tree.root)
    assert not verify_inclusion(leaves(6)[2], 2, 6, [odd, *path[1:]], tree.root)
    assert not verify_inclusion(odd, 0, 1, [], odd)
