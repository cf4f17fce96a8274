"""L2: what a file shows of its ledger's past, against what was seen of it."""

import msgspec
import pytest

from carnet.exchange.history import SHOWN, History
from carnet.merkle import Checkpoint, leaf_hash
from tests.vectors.samples import Tree, leaves

HONEST = Tree(leaves(40))
HISTORY = HONEST.history(12, 25)


@pytest.mark.rule("L2")
@pytest.mark.parametrize("size", [12, 25])
def test_a_checkpoint_that_it_extends_is_shown(size: int) -> None:
    assert HISTORY.shows(HONEST.at(size)) is True


@pytest.mark.rule("L2", "history_mismatch")
@pytest.mark.parametrize("size", [12, 25])
def test_another_root_at_that_size_is_a_mismatch(size: int) -> None:
    """A restored or cloned site: at record 10 it went another way."""
    other = Tree([*leaves(10), *leaves(30, "other")])
    assert HISTORY.shows(other.at(size)) is False


@pytest.mark.rule("L2")
def test_at_equal_size_the_roots_are_compared() -> None:
    assert HISTORY.shows(HONEST.at(40)) is True
    assert HISTORY.shows(Tree(leaves(40, "other")).at(40)) is False
    assert HISTORY.shows(Checkpoint(40, b"")) is False


@pytest.mark.rule("L2", "history_not_shown")
@pytest.mark.parametrize("size", [0, 1, 13, 39, 41, 1000])
def test_without_a_proof_nothing_is_shown(size: int) -> None:
    assert HISTORY.shows(Checkpoint(size, leaf_hash(b"whatever"))) is None


@pytest.mark.rule("L2")
def test_two_clones_extend_the_same_old_checkpoint_and_the_second_is_found() -> None:
    """Both show what was seen before they parted; only the newest seen of the first finds the second."""
    one = Tree([*leaves(20), *leaves(5, "one")])
    two = Tree([*leaves(20), *leaves(9, "two")])
    seen_before = Tree(leaves(20)).at(20)
    assert one.history(20).shows(seen_before) is True
    assert two.history(20, 25).shows(seen_before) is True
    assert two.history(20, 25).shows(one.at(25)) is False


@pytest.mark.rule("L2")
def test_a_proof_under_another_size_or_cut_fails() -> None:
    extension = HONEST.extension(12, "x")
    for changed in (
        msgspec.structs.replace(extension, proof=extension.proof[:-1]),
        msgspec.structs.replace(extension, proof=[*extension.proof, extension.proof[0]]),
        msgspec.structs.replace(extension, proof=["!" * 43, *extension.proof[1:]]),
    ):
        assert History(checkpoint=HISTORY.checkpoint, extends=[changed]).shows(HONEST.at(12)) is False


def test_a_history_has_room_for_the_newest_32_and_the_acknowledged_one() -> None:
    raw = msgspec.json.encode(HONEST.history(*[5] * (SHOWN + 2)))
    assert len(msgspec.json.decode(raw, type=History).extends) == SHOWN + 2
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(HONEST.history(*[5] * (SHOWN + 3))), type=History)
