"""The OLF: anyone can check its signatures, one Control Room can open it, and it is good for one place only."""

import zlib
from hashlib import sha256

import msgspec
import pytest

from carnet.exchange.envelope import Envelope
from carnet.exchange.key_set import Pinned
from carnet.exchange.offline_license_file import (
    OfflineLicenseFile,
    ReadLicenseFile,
    SealedBody,
    open_body,
    read_license_file,
    seal_body,
    write_license_file,
)
from carnet.exchange.sealing import info_for, seal
from carnet.exchange.strict import encode, from_base64url, to_base64url
from carnet.exchange.verdicts import Refusal
from tests.vectors import samples
from tests.vectors.samples import make_body, make_license_file, make_line, site, uuid, vendor

VENDOR, SITE, OTHER = vendor(), site(), site("elsewhere")
REQUEST = samples.request(SITE)


def code(raw: bytes, pinned: Pinned = VENDOR.pinned) -> str:
    answer = read_license_file(raw, pinned)
    return answer.code.value if isinstance(answer, Refusal) else "good"


def opened(olf: OfflineLicenseFile, *openers: object) -> str:
    answer = open_body(olf, list(openers))  # type: ignore[arg-type]
    return answer.code.value if isinstance(answer, Refusal) else "good"


def test_round_trip() -> None:
    olf = make_license_file(SITE, REQUEST)
    got = read_license_file(write_license_file(olf, VENDOR.issuers), VENDOR.pinned)
    assert isinstance(got, ReadLicenseFile)
    assert got.olf == olf
    assert isinstance(got.envelope, Envelope)
    assert open_body(got.olf, [SITE.opener]) == make_body()
    assert got.olf.answers.sha256 == sha256(REQUEST).hexdigest()


def test_a_guard_checks_the_signatures_without_any_secret() -> None:
    assert code(samples.license_file(VENDOR, SITE, REQUEST)) == "good"


@pytest.mark.rule("unknown_signer")
def test_another_vendors_file_is_refused() -> None:
    assert code(samples.license_file(vendor("stranger"), SITE, REQUEST)) == "unknown_signer"


@pytest.mark.rule("not_enabled")
def test_before_any_key_set_is_known_nothing_can_be_judged() -> None:
    assert code(samples.license_file(VENDOR, SITE, REQUEST), VENDOR.fresh) == "not_enabled"


@pytest.mark.rule("E16")
def test_a_newer_key_set_inside_is_taken_and_judges_the_file() -> None:
    newer = vendor(version=2)
    raw = samples.license_file(newer, SITE, REQUEST, key_set=newer.inner())
    assert code(raw) == "good"
    assert code(samples.license_file(newer, SITE, REQUEST)) == "unknown_signer", "without it the new keys are unknown"
    old_keys = samples.license_file(VENDOR, SITE, REQUEST, key_set=newer.inner())
    assert code(old_keys) == "unknown_signer", "and the old keys sign nothing beside it"


@pytest.mark.rule("E7", "wrong_key")
def test_only_the_key_that_it_names_opens_it() -> None:
    olf = make_license_file(SITE, REQUEST)
    assert opened(olf, OTHER.opener) == "wrong_key"
    assert opened(olf) == "wrong_key"
    assert opened(olf, OTHER.opener, SITE.opener) == "good"


@pytest.mark.rule("E7", "wrong_key")
@pytest.mark.parametrize(
    "changes", [{"olf_id": uuid("other olf")}, {"sequence": 2}, {"control_room_id": uuid("other room")}]
)
def test_a_sealed_body_does_not_open_in_another_file(changes: dict[str, object]) -> None:
    """Who could sign, but not seal, might move one file's body into another: it is bound to its own."""
    olf = make_license_file(SITE, REQUEST)
    assert opened(msgspec.structs.replace(olf, **changes), SITE.opener) == "wrong_key"


@pytest.mark.rule("bad_signature")
def test_a_body_other_than_the_one_that_was_signed_is_refused() -> None:
    """Anyone can seal to a public key: what was signed is the digest of the plaintext too."""
    olf = make_license_file(SITE, REQUEST)
    sealed, _ = seal_body(make_body(2), SITE.opener.key, olf.olf_id, SITE.id, olf.sequence)
    assert opened(msgspec.structs.replace(olf, sealed=sealed), SITE.opener) == "bad_signature"


@pytest.mark.rule("malformed")
@pytest.mark.parametrize("sealed", ["AA=", "!", "A"])
def test_a_body_that_is_no_base64url_is_refused(sealed: str) -> None:
    assert opened(msgspec.structs.replace(make_license_file(SITE, REQUEST), sealed=sealed), SITE.opener) == "malformed"


def filled(packed: bytes) -> bytes:
    """With zeros, to a whole number of 256 bytes."""
    return packed + bytes(-len(packed) % 256)


def with_sealed(packed: bytes, plaintext: bytes) -> OfflineLicenseFile:
    """The file with whatever is sealed in it, and the digest of what that should unpack to."""
    olf = make_license_file(SITE, REQUEST)
    box = seal(packed, SITE.opener.key, info_for(olf.olf_id, SITE.id, olf.sequence))
    return msgspec.structs.replace(olf, sealed=to_base64url(box), sealed_sha256=sha256(plaintext).hexdigest())


@pytest.mark.rule("malformed")
def test_a_sealed_plaintext_is_read_as_strictly_as_a_file() -> None:
    good = encode(make_body(1))
    assert opened(with_sealed(filled(zlib.compress(good)), good), SITE.opener) == "good"
    for text in (good + b" ", good[:-1], b"[" * 100_000, good.replace(b'"lines":', b'"lines":[],"lines":')):
        assert opened(with_sealed(filled(zlib.compress(text)), text), SITE.opener) == "malformed"


@pytest.mark.rule("malformed")
def test_a_packed_body_that_is_cut_followed_or_endless_is_refused() -> None:
    good = encode(make_body(1))
    packed = zlib.compress(good)
    for bad in (b"", good, packed[:-1], packed[:-4], packed + b"\0", packed + packed):
        assert opened(with_sealed(bad, good), SITE.opener) == "malformed"
        assert opened(with_sealed(filled(bad), good), SITE.opener) == ("good" if bad == packed + b"\0" else "malformed")
    for more in (bytes(256), b"\0" * (-len(packed) % 256 - 1) + b"\1"):
        assert opened(with_sealed(filled(packed) + more, good), SITE.opener) == "malformed"
    assert opened(with_sealed(filled(packed)[:-1] + b"\1", good), SITE.opener) == "malformed"
    endless = bytes(50_000_000)
    assert opened(with_sealed(filled(zlib.compress(endless, 9)), endless), SITE.opener) == "malformed"


@pytest.mark.security
@pytest.mark.rule("E7")
def test_neither_the_hash_nor_the_length_in_the_clear_confirms_a_guess_of_what_is_granted() -> None:
    """Who carries the file knows the lines' ids from an LFR, and names and dates from the catalogue and the file."""

    def sealed(body: SealedBody) -> tuple[str, str]:
        return seal_body(body, SITE.opener.key, samples.uuid("olf"), SITE.id, 1)

    body = make_body(4)
    other = msgspec.structs.replace(body, blinding=to_base64url(b"x" * 32))
    assert sealed(body)[1] == sha256(encode(body)).hexdigest(), "the site can open it, and so prove what was granted"
    assert sealed(other)[1] != sealed(body)[1], "the same lines have another hash in another file"
    guess = msgspec.json.decode(encode(body))
    del guess["blinding"]
    assert sha256(encode(guess)).hexdigest() != sealed(body)[1]
    larger = msgspec.structs.replace(body, lines=[msgspec.structs.replace(line, quantity=2**40) for line in body.lines])
    assert len(sealed(body)[0]) == len(sealed(larger)[0])
    lengths = {len(from_base64url(sealed(make_body(lines))[0])) for lines in range(1, 13)}
    assert len(lengths) < 12, "so many lines, and fewer lengths"
    assert {length % 256 for length in lengths} == {min(lengths) % 256}


@pytest.mark.security
@pytest.mark.rule("malformed")
@pytest.mark.parametrize("blinding", ["", "A" * 42, "A" * 44, "A" * 42 + "B", "=" * 43])
def test_a_body_without_32_bytes_of_blinding_is_refused(blinding: str) -> None:
    fields = msgspec.json.decode(encode(make_body(1))) | {"blinding": blinding}
    plaintext = encode(fields)
    assert opened(with_sealed(filled(zlib.compress(plaintext)), plaintext), SITE.opener) == "malformed"


@pytest.mark.rule("Q1")
def test_no_line_is_granted_twice_and_no_file_grants_nothing() -> None:
    with pytest.raises(ValueError, match="one line twice"):
        SealedBody(blinding="A" * 43, account_name="A", lines=[make_line(0), make_line(0)], settled=[])
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"account_name":"A","lines":[]}', type=SealedBody)


@pytest.mark.rule("V2")
def test_the_log_commits_to_all_but_its_own_proof() -> None:
    olf = make_license_file(SITE, REQUEST)
    without = msgspec.structs.replace(olf, issuing_log=None)
    assert olf.content_digest() == without.content_digest()
    assert msgspec.structs.replace(olf, sequence=2).content_digest() != olf.content_digest()
