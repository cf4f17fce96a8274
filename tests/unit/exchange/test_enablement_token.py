"""E2: the token carries its key set; the roots vouch for that, and it for the token."""

from datetime import timedelta

import msgspec
import pytest

from carnet.exchange.enablement_token import (
    ReadToken,
    Token,
    enrolment_proof,
    read_token,
    version_tuple,
)
from carnet.exchange.strict import to_base64url
from carnet.exchange.verdicts import Refusal
from tests.vectors import samples
from tests.vectors.samples import NOW, SECRET, make_token, site, uuid, vendor

VENDOR = vendor()


def read(raw: bytes) -> ReadToken:
    answer = read_token(raw, VENDOR.fresh)
    assert isinstance(answer, ReadToken), answer
    return answer


@pytest.mark.rule("E2")
def test_round_trip_on_a_site_that_knows_nothing_but_root_thumbprints() -> None:
    got = read(samples.token(VENDOR))
    assert got.token == make_token(VENDOR)
    assert got.key_set == VENDOR.key_set
    assert got.token.expires_at - got.token.issued_at == timedelta(hours=24)


@pytest.mark.rule("E2", "unknown_signer")
def test_a_token_of_another_vendor_is_refused() -> None:
    answer = read_token(samples.token(vendor("stranger")), VENDOR.fresh)
    assert isinstance(answer, Refusal)
    assert answer.code == "unknown_signer"


@pytest.mark.rule("E2")
def test_a_token_signed_by_keys_that_its_own_key_set_does_not_name_is_refused() -> None:
    raw = samples.write_token(make_token(VENDOR), vendor("stranger").issuers)
    answer = read_token(raw, VENDOR.fresh)
    assert isinstance(answer, Refusal)
    assert answer.code == "unknown_signer"


@pytest.mark.rule("E16", "key_set_too_old")
def test_a_token_with_an_older_key_set_is_refused() -> None:
    newer = vendor(version=2)
    answer = read_token(samples.token(VENDOR), newer.pinned)
    assert isinstance(answer, Refusal)
    assert answer.code == "key_set_too_old"


@pytest.mark.rule("A2")
def test_the_secret_never_prints_itself() -> None:
    assert SECRET not in repr(make_token(VENDOR))
    assert SECRET not in repr(read(samples.token(VENDOR)).token)


@pytest.mark.rule("E2")
def test_the_enrolment_proof_binds_token_room_and_keys() -> None:
    room = site()
    kids = (room.signer.key.kid, room.opener.key.kid)
    proof = enrolment_proof(SECRET, uuid("token"), room.id, *kids)
    assert len(proof) == 43
    assert proof == enrolment_proof(SECRET, uuid("token"), room.id, *kids)
    others = [
        enrolment_proof(to_base64url(bytes(32)), uuid("token"), room.id, *kids),
        enrolment_proof(SECRET, uuid("other"), room.id, *kids),
        enrolment_proof(SECRET, uuid("token"), uuid("other room"), *kids),
        enrolment_proof(SECRET, uuid("token"), room.id, kids[1], kids[0]),
        enrolment_proof(SECRET, uuid("token"), room.id, kids[0], site("other").opener.key.kid),
    ]
    assert proof not in others
    assert len(set(others)) == len(others)


@pytest.mark.rule("E1")
@pytest.mark.parametrize(("low", "high"), [("39.9.9", "40"), ("40", "40.0.1"), ("40.9", "40.10"), ("9", "40")])
def test_versions_are_compared_as_numbers(low: str, high: str) -> None:
    assert version_tuple(low) < version_tuple(high)


def test_a_version_written_short_is_the_same() -> None:
    assert version_tuple("40") == version_tuple("40.0") == version_tuple("40.0.0.0")


@pytest.mark.rule("malformed")
@pytest.mark.parametrize(
    "changes",
    [
        {"min_control_room_version": "v40"},
        {"min_control_room_version": "40.0.0.0.0"},
        {"enrolment_secret": "short"},
        {"account_name": ""},
        {"token_id": "1"},
        {"issued_at": NOW.replace(microsecond=1).isoformat()},
    ],
)
def test_a_field_out_of_its_limits_is_refused(changes: dict[str, object]) -> None:
    fields = msgspec.to_builtins(make_token(VENDOR)) | changes
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fields, Token)
