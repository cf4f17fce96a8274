"""Keys, their names, and known answers: published values of RFC 8032, RFC 8037 and Wycheproof."""

import json
from pathlib import Path
from typing import Any

import pytest

from carnet.exchange.keys import (
    ED25519,
    ML_DSA_65,
    AkpKey,
    OkpKey,
    Opener,
    Signer,
    check_signature,
    new_opener,
    new_signer,
    sealing_public,
)
from carnet.exchange.sealing import info_for, seal, unseal
from carnet.exchange.strict import from_base64url, to_base64url
from tests.vectors.samples import seeded, site

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/signatures/wycheproof.json").read_text())


def test_ed25519_known_answer() -> None:
    """RFC 8032, 7.1, test 1; the same key's thumbprint is in RFC 8037, appendix A.3."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    signer = Signer(ED25519, seed)
    assert signer.key == OkpKey(crv="Ed25519", alg="Ed25519", x="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    assert signer.key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert signer.sign(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )


def _key(alg: str, public: bytes) -> Any:
    text = to_base64url(public)
    return OkpKey(crv="Ed25519", alg="Ed25519", x=text) if alg == ED25519 else AkpKey(alg="ML-DSA-65", pub=text)


@pytest.mark.parametrize(
    ("alg", "case"),
    [(ED25519, case) for case in VECTORS["ed25519"]] + [(ML_DSA_65, case) for case in VECTORS["mldsa_65"]],
)
def test_published_signatures(alg: str, case: dict[str, Any]) -> None:
    key = _key(alg, bytes.fromhex(case["pub"]))
    assert check_signature(key, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"])) is case["valid"]


@pytest.mark.parametrize("alg", [ED25519, ML_DSA_65])
def test_a_signature_is_good_for_its_message_and_key_only(alg: str) -> None:
    signer, other = new_signer(alg, seeded("one")), new_signer(alg, seeded("two"))
    signature = signer.sign(b"message")
    assert check_signature(signer.key, signature, b"message")
    assert not check_signature(signer.key, signature, b"another")
    assert not check_signature(other.key, signature, b"message")
    assert not check_signature(signer.key, signature[:-1], b"message")
    assert not check_signature(signer.key, b"", b"message")


def test_a_sealing_key_signs_nothing() -> None:
    assert not check_signature(new_opener(seeded("a")).key, bytes(64), b"")


def test_a_key_that_is_no_point_checks_nothing() -> None:
    assert not check_signature(OkpKey(crv="Ed25519", alg="Ed25519", x="!" * 43), bytes(64), b"")
    assert not check_signature(AkpKey(alg="ML-DSA-65", pub="A" * 2000), bytes(3309), b"")


@pytest.mark.rule("A2")
def test_private_keys_never_print_themselves() -> None:
    seed = bytes(range(32))
    for private in (Signer(ED25519, seed), Signer(ML_DSA_65, seed), Opener(seed * 3)):
        assert "seed" not in repr(private)
        assert repr(seed)[2:-1] not in repr(private)
        assert "Private" not in repr(private)


@pytest.mark.rule("malformed")
@pytest.mark.parametrize(
    "public",
    [
        b"",
        bytes(1216)[:1215],
        bytes(1217),
        b"\xff" * 1184 + bytes(31) + b"\x09",  # no ML-KEM-768 key: its numbers are not reduced
        from_base64url(site().opener.key.pub)[:1184] + bytes(32),  # a point of low order
        from_base64url(site().opener.key.pub)[:1184] + b"\x01" + bytes(31),
    ],
)
def test_a_key_to_which_nothing_can_be_sealed_is_refused(public: bytes) -> None:
    from msgspec.structs import force_setattr

    key = AkpKey(alg="X-Wing", pub="A" * 1700)
    force_setattr(key, "pub", to_base64url(public))
    with pytest.raises(ValueError, match=r".+"):
        sealing_public(key)


def test_a_signing_key_is_no_sealing_key() -> None:
    key = new_signer(ML_DSA_65, seeded("a")).key
    assert isinstance(key, AkpKey)
    with pytest.raises(ValueError, match="not an X-Wing"):
        sealing_public(key)


@pytest.mark.rule("E7", "wrong_key")
def test_a_box_opens_only_with_its_key_and_for_its_purpose() -> None:
    mine, other = new_opener(seeded("mine")), new_opener(seeded("other"))
    info = info_for("an OLF", "a room", 3)
    box = seal(b"entitlements", mine.key, info)
    assert unseal(box, mine, info) == b"entitlements"
    assert unseal(box, other, info) is None
    for another in (("other OLF", "a room", 3), ("an OLF", "other room", 3), ("an OLF", "a room", 4)):
        assert unseal(box, mine, info_for(*another)) is None
    for at in range(0, len(box), 97):
        assert unseal(box[:at] + bytes([box[at] ^ 1]) + box[at + 1 :], mine, info) is None
    assert unseal(box[:40], mine, info) is None
    assert unseal(b"", mine, info) is None
