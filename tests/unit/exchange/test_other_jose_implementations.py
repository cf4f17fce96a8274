"""The signatures of a token and an OLF verify with JOSE implementations that are neither ours nor the one used.

joserfc, PyJWT and jwcrypto each check a signature alone, over the bytes of the file, with a JWK written by our code.
joserfc and PyJWT know no ML-DSA-65; jwcrypto knows both algorithms.
"""

import json
from typing import Any

import pytest
from joserfc import jws as joserfc_jws
from joserfc.jwk import OKPKey
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS, InvalidJWSSignature
from jwt.algorithms import OKPAlgorithm

from carnet.exchange.keys import PublicKey
from carnet.exchange.strict import encode, from_base64url, to_base64url
from tests.vectors import forge, samples

VENDOR, SITE = samples.vendor(), samples.site()
FILES = {
    "token": samples.token(VENDOR),
    "olf": samples.license_file(VENDOR, SITE, samples.request(SITE)),
    "keyset": VENDOR.raw_key_set,
}
SIGNERS = {"token": VENDOR.issuers, "olf": VENDOR.issuers, "keyset": VENDOR.roots}
each_file = pytest.mark.parametrize("kind", FILES)


def jwk(key: PublicKey) -> dict[str, Any]:
    return json.loads(encode(key))


def compact(raw: bytes, number: int) -> str:
    """One signature of a file, alone, in the compact serialization."""
    jws = forge.parts(raw)
    signature = jws["signatures"][number]
    return f"{signature['protected']}.{jws['payload']}.{signature['signature']}"


def broken(text: str) -> str:
    head, payload, signature = text.split(".")
    value = from_base64url(signature)
    return f"{head}.{payload}.{to_base64url(value[:-9] + bytes([value[-9] ^ 1]) + value[-8:])}"


@each_file
def test_joserfc_verifies_the_ed25519_signature(kind: str) -> None:
    key = OKPKey.import_key(jwk(SIGNERS[kind][0].key))
    registry = joserfc_jws.JWSRegistry(algorithms=["Ed25519"], strict_check_header=False)
    registry.max_payload_length = 200_000
    text = compact(FILES[kind], 0)
    obj = joserfc_jws.deserialize_compact(text, key, registry=registry)
    assert obj.payload == forge.payload(FILES[kind])
    assert obj.headers()["kid"] == SIGNERS[kind][0].key.kid == key.thumbprint()
    from joserfc.errors import BadSignatureError

    with pytest.raises(BadSignatureError):
        joserfc_jws.deserialize_compact(broken(text), key, registry=registry)


@each_file
def test_pyjwt_verifies_the_ed25519_signature(kind: str) -> None:
    """PyJWT names the algorithm EdDSA; its algorithm object verifies the raw signing input."""
    algorithm = OKPAlgorithm()
    key = algorithm.from_jwk(jwk(SIGNERS[kind][0].key) | {"alg": "EdDSA"})
    for text, good in ((compact(FILES[kind], 0), True), (broken(compact(FILES[kind], 0)), False)):
        message, _, signature = text.rpartition(".")
        assert algorithm.verify(message.encode(), key, from_base64url(signature)) is good


@each_file
@pytest.mark.parametrize("number", [0, 1], ids=["Ed25519", "ML-DSA-65"])
def test_jwcrypto_verifies_each_signature_alone(kind: str, number: int) -> None:
    signer = SIGNERS[kind][number]
    key = JWK(**jwk(signer.key))
    assert key.thumbprint() == signer.key.kid
    token = JWS()
    token.allowed_algs = [signer.alg]
    token.deserialize(compact(FILES[kind], number), key)
    assert token.payload == forge.payload(FILES[kind])
    other = JWS()
    other.allowed_algs = [signer.alg]
    with pytest.raises(InvalidJWSSignature):
        other.deserialize(broken(compact(FILES[kind], number)), key)


@each_file
def test_jwcrypto_reads_the_whole_file_as_it_is(kind: str) -> None:
    """The General JSON serialization, unchanged. (It calls a file valid when any one signature is: we never do.)"""
    for signer in SIGNERS[kind]:
        token = JWS()
        token.allowed_algs = ["Ed25519", "ML-DSA-65"]
        token.deserialize(FILES[kind].decode(), JWK(**jwk(signer.key)))
        assert token.payload == forge.payload(FILES[kind])
