"""The envelope: bounded, named, believed only when every required signature holds, each verified alone."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from carnet.exchange.enablement_token import read_token
from carnet.exchange.envelope import Kind, open_envelope, verify_all
from carnet.exchange.key_set import read_key_set
from carnet.exchange.keys import ED25519, new_signer
from carnet.exchange.license_file_request import read_lfr
from carnet.exchange.offline_license_file import read_license_file
from carnet.exchange.receipt import read_receipt
from carnet.exchange.verdicts import Code, Refusal
from tests.vectors import forge, samples

VENDOR, SITE = samples.vendor(), samples.site()
REQUEST = samples.request(SITE)
PINNED = VENDOR.pinned
FILES: dict[str, tuple[bytes, Callable[[bytes], Any]]] = {
    "token": (samples.token(VENDOR), lambda raw: read_token(raw, PINNED)),
    "lfr": (REQUEST, read_lfr),
    "olf": (samples.license_file(VENDOR, SITE, REQUEST), lambda raw: read_license_file(raw, PINNED)),
    "receipt": (samples.receipt(SITE), read_receipt),
    "keyset": (VENDOR.raw_key_set, lambda raw: read_key_set(raw, PINNED)),
}
each_file = pytest.mark.parametrize(("good", "read"), FILES.values(), ids=FILES)


@each_file
def test_a_good_file_is_read(good: bytes, read: Callable[[bytes], Any]) -> None:
    assert not isinstance(read(good), Refusal)


@pytest.mark.rule("E13", "malformed", "bad_signature")
@each_file
@pytest.mark.parametrize("bit", [0, 3, 7])
def test_one_flipped_bit_anywhere_is_refused(good: bytes, read: Callable[[bytes], Any], bit: int) -> None:
    """In the payload, in each header, in each signature, in the punctuation: in every region, by a step of primes."""
    for at in range(bit, len(good), max(1, len(good) // 150) | 1):
        flipped = good[:at] + bytes([good[at] ^ (1 << bit)]) + good[at + 1 :]
        answer = read(flipped)
        assert isinstance(answer, Refusal), f"bit {bit} of byte {at}"
        assert answer.code in (
            Code.MALFORMED,
            Code.BAD_SIGNATURE,
            Code.UNKNOWN_SIGNER,
            Code.WRONG_TYPE,
            Code.UNSUPPORTED_VERSION,
        )


@pytest.mark.rule("malformed")
@each_file
def test_a_file_cut_anywhere_is_refused(good: bytes, read: Callable[[bytes], Any]) -> None:
    for length in range(0, len(good), max(1, len(good) // 200)):
        assert read(good[:length]).code is Code.MALFORMED


@pytest.mark.rule("bad_signature")
@pytest.mark.parametrize("kind", ["token", "olf", "keyset"])
@pytest.mark.parametrize("number", [0, 1])
def test_each_signature_alone_is_not_enough(kind: str, number: int) -> None:
    """The trap of JOSE libraries: one good signature of two makes the file valid there."""
    good, read = FILES[kind]
    alone = forge.edit_envelope(good, lambda jws: jws.update(signatures=[jws["signatures"][number]]))
    assert read(alone).code is Code.BAD_SIGNATURE


@pytest.mark.rule("bad_signature")
@pytest.mark.parametrize("kind", ["token", "olf", "keyset"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_broken_signature_beside_a_good_one_is_refused(kind: str, number: int) -> None:
    good, read = FILES[kind]
    other = forge.parts(samples.token(VENDOR, account_name="Another"))["signatures"][number]["signature"]
    broken = forge.edit_envelope(good, lambda jws: jws["signatures"][number].update(signature=other))
    assert read(broken).code is Code.BAD_SIGNATURE


@pytest.mark.rule("bad_signature")
@pytest.mark.parametrize("alg", ["none", "HS256", "EdDSA", "ES256", "ML-DSA-65", "ML-DSA-44", "Ed25519"])
def test_the_algorithm_is_the_pinned_keys_never_the_files(alg: str) -> None:
    good, read = FILES["token"]
    for number, own in enumerate(("Ed25519", "ML-DSA-65")):
        if alg != own:
            swapped = forge.edit_header(good, number, lambda header: header.update(alg=alg))
            assert read(swapped).code is Code.BAD_SIGNATURE


@pytest.mark.rule("bad_signature")
def test_a_header_signed_with_another_algorithms_name_is_refused() -> None:
    """Signed by the right key over that very header: still not what the key set says of this key."""
    good, read = FILES["token"]
    raw = forge.signed(forge.payload(good), Kind.TOKEN, VENDOR.issuers, alg="EdDSA")
    assert read(raw).code is Code.BAD_SIGNATURE


@pytest.mark.rule("malformed")
@each_file
def test_the_same_signature_twice_is_refused(good: bytes, read: Callable[[bytes], Any]) -> None:
    twice = forge.edit_envelope(good, lambda jws: jws["signatures"].append(jws["signatures"][0]))
    answer = read(twice)
    assert answer.code is Code.MALFORMED
    assert "two signatures of one key" in answer.message


@pytest.mark.rule("malformed")
def test_signatures_that_disagree_on_what_the_file_is_are_refused() -> None:
    good, _ = FILES["token"]
    body = forge.payload(good)
    one = forge.parts(forge.signed(body, Kind.TOKEN, VENDOR.issuers[:1]))
    other = forge.parts(forge.signed(body, Kind.OLF, VENDOR.issuers[1:]))
    one["signatures"] += other["signatures"]
    answer = open_envelope(forge.compact(one))
    assert isinstance(answer, Refusal)
    assert answer.code is Code.MALFORMED
    assert "do not agree" in answer.message


@pytest.mark.rule("wrong_type")
@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("other", FILES)
def test_a_file_of_another_kind_is_named(kind: str, other: str) -> None:
    if kind == other:
        return
    answer = FILES[kind][1](FILES[other][0])
    assert answer.code is Code.WRONG_TYPE
    found = open_envelope(FILES[other][0])
    assert not isinstance(found, Refusal)
    assert found.kind.words in answer.message


@pytest.mark.rule("wrong_type", "bad_signature")
def test_a_payload_moved_under_another_type_is_refused() -> None:
    """The type is signed: a token's payload and signatures under an OLF's header hold no more."""
    good, _ = FILES["token"]
    moved = good
    for number in (0, 1):
        moved = forge.edit_header(moved, number, lambda header: header.update(typ=Kind.OLF.value))
    assert FILES["olf"][1](moved).code is Code.MALFORMED


@pytest.mark.rule("unsupported_version")
@each_file
@pytest.mark.parametrize("version", [0, 2, 1_000_000])
def test_another_version_is_refused_as_such(good: bytes, read: Callable[[bytes], Any], version: int) -> None:
    signers = [*VENDOR.issuers, *VENDOR.roots, SITE.signer]
    known = {header["kid"] for header in _headers(good)}
    raw = forge.signed(forge.payload(good), forge.kind_of(good), [s for s in signers if s.key.kid in known], v=version)
    answer = read(raw)
    assert answer.code is Code.UNSUPPORTED_VERSION
    assert f"version {version};" in answer.message


def _headers(raw: bytes) -> list[dict[str, Any]]:
    from carnet.exchange.strict import from_base64url

    return [json.loads(from_base64url(signature["protected"])) for signature in forge.parts(raw)["signatures"]]


@pytest.mark.rule("malformed")
@pytest.mark.parametrize("extra", [{"crit": ["b64"]}, {"b64": False}, {"jwk": {}}, {"x5c": []}, {"nonce": "n"}])
def test_an_unknown_header_is_refused_though_it_is_signed(extra: dict[str, Any]) -> None:
    good, read = FILES["token"]
    assert read(forge.signed(forge.payload(good), Kind.TOKEN, VENDOR.issuers, **extra)).code is Code.MALFORMED


@pytest.mark.rule("unknown_signer")
def test_a_signature_more_than_required_is_refused() -> None:
    envelope = open_envelope(forge.signed(b"{}", Kind.LFR, [SITE.signer, VENDOR.issuers[0]]))
    assert not isinstance(envelope, Refusal)
    answer = verify_all(envelope, [SITE.signer.key])
    assert answer is not None
    assert answer.code is Code.UNKNOWN_SIGNER


@pytest.mark.rule("malformed")
def test_more_signatures_than_any_file_has_are_refused() -> None:
    signers = [new_signer(ED25519, samples.seeded(str(number))) for number in range(17)]
    answer = open_envelope(forge.signed(b"{}", Kind.LFR, signers))
    assert isinstance(answer, Refusal)
    assert answer.code is Code.MALFORMED
    assert not isinstance(open_envelope(forge.signed(b"{}", Kind.LFR, signers[:16])), Refusal)


def test_the_received_bytes_are_kept_and_named_by_their_digest() -> None:
    from hashlib import sha256

    good, _ = FILES["lfr"]
    envelope = open_envelope(good)
    assert not isinstance(envelope, Refusal)
    assert envelope.raw is good
    assert envelope.digest == sha256(good).hexdigest()
