"""E16: key sets. Roots sign them, versions rise, issuing keys and roots rotate, nobody else's word counts."""

import pytest

from carnet.exchange.key_set import (
    KeySet,
    Pinned,
    Trust,
    read_key_set,
    read_trust,
    verify_issued,
    write_key_set,
)
from carnet.exchange.keys import Signer
from carnet.exchange.strict import encode
from carnet.exchange.verdicts import Code, Refusal
from tests.vectors import samples
from tests.vectors.samples import hybrid, make_key_set, taken

OLD_ROOTS, NEW_ROOTS = hybrid("old roots"), hybrid("new roots")
ISSUERS, NEXT_ISSUERS = hybrid("issuers"), hybrid("next issuers")
FIRST = make_key_set(OLD_ROOTS, ISSUERS, 1)


def trust(roots: list[Signer], threshold: int = 1) -> Trust:
    return Trust(vendor="Example", suite="std", roots=[root.key.kid for root in roots], threshold=threshold)


FRESH = Pinned(trust(OLD_ROOTS))
KNOWN = Pinned(trust(OLD_ROOTS), FIRST)


def code(raw: bytes, pinned: Pinned) -> str:
    answer = read_key_set(raw, pinned)
    return answer.code.value if isinstance(answer, Refusal) else "good"


@pytest.mark.rule("E16")
def test_a_fresh_site_takes_a_set_signed_by_the_roots_it_ships_with() -> None:
    assert read_key_set(write_key_set(FIRST, OLD_ROOTS), FRESH) == FIRST


@pytest.mark.rule("E16", "unknown_signer")
def test_a_set_signed_by_other_roots_is_refused() -> None:
    stranger = make_key_set(NEW_ROOTS, ISSUERS, 1)
    assert code(write_key_set(stranger, NEW_ROOTS), FRESH) == "unknown_signer"
    assert code(write_key_set(FIRST, NEW_ROOTS), FRESH) == "unknown_signer"


@pytest.mark.rule("E16", "key_set_too_old")
def test_a_lower_version_is_never_taken() -> None:
    second = make_key_set(OLD_ROOTS, NEXT_ISSUERS, 2)
    pinned = taken(write_key_set(second, OLD_ROOTS), KNOWN)
    assert code(write_key_set(FIRST, OLD_ROOTS), pinned) == "key_set_too_old"


@pytest.mark.rule("E16", "bad_signature")
def test_the_same_version_with_other_content_is_refused() -> None:
    assert code(write_key_set(FIRST, OLD_ROOTS), KNOWN) == "good"
    other = make_key_set(OLD_ROOTS, NEXT_ISSUERS, 1)
    assert code(write_key_set(other, OLD_ROOTS), KNOWN) == "bad_signature"


@pytest.mark.rule("E16", "bad_signature")
def test_a_set_that_is_known_is_still_refused_when_its_signatures_are_broken() -> None:
    assert code(write_key_set(FIRST, OLD_ROOTS[:1]), KNOWN) == "bad_signature"


@pytest.mark.rule("E16")
def test_issuing_keys_rotate() -> None:
    second = make_key_set(OLD_ROOTS, NEXT_ISSUERS, 2)
    pinned = taken(write_key_set(second, OLD_ROOTS), KNOWN)
    assert pinned.version == 2
    token = samples.write_token(samples.make_token(samples.vendor()), NEXT_ISSUERS)
    from carnet.exchange.envelope import open_envelope

    envelope = open_envelope(token)
    assert not isinstance(envelope, Refusal)
    assert verify_issued(envelope, second) is None
    refused = verify_issued(envelope, FIRST)
    assert refused is not None
    assert refused.code is Code.UNKNOWN_SIGNER


@pytest.mark.rule("E16")
def test_roots_rotate_with_the_thresholds_of_old_and_new() -> None:
    second = make_key_set(NEW_ROOTS, ISSUERS, 2)
    pinned = taken(write_key_set(second, [*OLD_ROOTS, *NEW_ROOTS]), KNOWN)
    assert pinned.root_kids() == {root.key.kid for root in NEW_ROOTS}
    third = make_key_set(NEW_ROOTS, NEXT_ISSUERS, 3)
    assert code(write_key_set(third, NEW_ROOTS), pinned) == "good"
    assert code(write_key_set(third, OLD_ROOTS), pinned) == "unknown_signer", "the old roots sign nothing any more"


@pytest.mark.rule("E16", "bad_signature")
@pytest.mark.parametrize(
    ("signers", "verdict"),
    [
        (NEW_ROOTS, "unknown_signer"),
        (OLD_ROOTS, "bad_signature"),
        ([*OLD_ROOTS[:1], *NEW_ROOTS], "bad_signature"),
        ([*OLD_ROOTS[1:], *NEW_ROOTS], "bad_signature"),
        ([*OLD_ROOTS, *NEW_ROOTS[:1]], "bad_signature"),
        ([*OLD_ROOTS, *NEW_ROOTS[1:]], "bad_signature"),
        ([*OLD_ROOTS, *NEW_ROOTS], "good"),
    ],
)
def test_roots_do_not_rotate_while_either_threshold_is_missing(signers: list[Signer], verdict: str) -> None:
    second = make_key_set(NEW_ROOTS, ISSUERS, 2)
    assert code(write_key_set(second, signers), KNOWN) == verdict


@pytest.mark.rule("E16")
def test_a_site_that_ships_with_the_new_roots_takes_a_set_that_the_old_ones_signed_too() -> None:
    """A key that a site has no way to judge by neither helps a set nor harms it."""
    second = make_key_set(NEW_ROOTS, ISSUERS, 2)
    raw = write_key_set(second, [*OLD_ROOTS, *NEW_ROOTS])
    pinned = taken(raw, Pinned(trust(NEW_ROOTS)))
    assert code(raw, pinned) == "good", "and takes it again, in a token or an OLF"


@pytest.mark.rule("E16")
def test_a_threshold_of_two_needs_two_roots_for_each_algorithm() -> None:
    roots = [*hybrid("root one"), *hybrid("root two")]
    key_set = make_key_set(roots, ISSUERS, 1, threshold=2)
    fresh = Pinned(trust(roots, threshold=2))
    assert code(write_key_set(key_set, roots), fresh) == "good"
    for missing in range(4):
        assert code(write_key_set(key_set, roots[:missing] + roots[missing + 1 :]), fresh) == "bad_signature"


@pytest.mark.rule("E16", "malformed")
@pytest.mark.parametrize(
    ("roots", "issuers", "threshold"),
    [
        (OLD_ROOTS, ISSUERS, 2),
        (OLD_ROOTS[:1], ISSUERS, 1),
        (OLD_ROOTS, ISSUERS[:1], 1),
        (OLD_ROOTS, ISSUERS[1:], 1),
        ([*OLD_ROOTS, *OLD_ROOTS], ISSUERS, 2),
        (OLD_ROOTS, [*ISSUERS, ISSUERS[0]], 1),
    ],
)
def test_a_set_that_could_never_be_met_or_names_a_key_twice_is_none(
    roots: list[Signer], issuers: list[Signer], threshold: int
) -> None:
    with pytest.raises(ValueError, match=r"threshold|issuing key|twice"):
        make_key_set(roots, issuers, 1, threshold)


def test_a_trust_file_is_read_strictly() -> None:
    raw = encode(trust(OLD_ROOTS))
    assert read_trust(raw + b"\n") == trust(OLD_ROOTS)
    for bad in (raw[:-1], raw.replace(b"std", b"gov"), raw.replace(b'"threshold":1', b'"threshold":0'), b"{}"):
        refused = read_trust(bad)
        assert isinstance(refused, Refusal)
        assert refused.code is Code.MALFORMED


def test_before_any_set_is_known_the_version_is_zero() -> None:
    assert FRESH.version == 0
    assert KNOWN.version == 1
    assert isinstance(KNOWN.newest, KeySet)
