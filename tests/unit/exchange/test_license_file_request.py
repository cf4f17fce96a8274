"""E3: the LFR. It is signed by the keys that it names, its totals are proven, and it says nothing of any person."""

from datetime import timedelta

import msgspec
import pytest

from carnet.exchange.license_file_request import (
    KeyPair,
    LicenseFileRequest,
    ReadLfr,
    RequestKind,
    Totals,
    read_lfr,
    write_lfr,
)
from carnet.exchange.verdicts import Refusal
from tests.vectors import forge, samples
from tests.vectors.samples import NOW, Tree, leaves, make_request, site

SITE, OTHER = site(), site("elsewhere")


def read(raw: bytes) -> ReadLfr:
    answer = read_lfr(raw)
    assert isinstance(answer, ReadLfr), answer
    return answer


def code(raw: bytes) -> str:
    answer = read_lfr(raw)
    return answer.code.value if isinstance(answer, Refusal) else "good"


@pytest.mark.rule("E3")
def test_round_trip() -> None:
    got = read(samples.request(SITE))
    assert got.lfr == make_request(SITE)
    assert got.signer == SITE.signer.key.kid


@pytest.mark.rule("bad_signature")
def test_a_request_signed_by_another_key_is_refused() -> None:
    assert code(write_lfr(make_request(SITE), [OTHER.signer])) == "bad_signature"


@pytest.mark.rule("E15")
def test_new_keys_are_signed_by_the_old_and_the_new() -> None:
    new = KeyPair(signing_key=OTHER.signer.key, sealing_key=OTHER.opener.key)
    request = make_request(SITE, new_keys=new)
    assert code(write_lfr(request, [SITE.signer, OTHER.signer])) == "good"
    assert code(write_lfr(request, [SITE.signer])) == "bad_signature"
    assert code(write_lfr(request, [OTHER.signer])) == "bad_signature"
    assert code(write_lfr(make_request(SITE), [SITE.signer, OTHER.signer])) == "bad_signature"


@pytest.mark.rule("E11")
@pytest.mark.parametrize(
    ("kind", "cycle", "deadline", "fits"),
    [
        (RequestKind.CHANGE, True, True, True),
        (RequestKind.RELEASE, False, False, True),
        (RequestKind.RELEASE, True, True, False),
        (RequestKind.RELEASE, False, True, False),
        (RequestKind.RENEWAL, False, False, False),
        (RequestKind.INITIAL, True, False, False),
    ],
)
def test_a_release_and_nothing_else_has_no_cycle_and_no_deadline(
    kind: RequestKind, cycle: bool, deadline: bool, fits: bool
) -> None:
    changes: dict[str, object] = {"kind": kind}
    if not cycle:
        changes["cycle"] = None
    if not deadline:
        changes["install_by"] = None
    if fits:
        assert make_request(SITE, **changes).kind is kind
    else:
        with pytest.raises(ValueError, match=r"a release, and nothing else|its deadline is not"):
            make_request(SITE, **changes)


def proven(request: LicenseFileRequest) -> bool:
    return request.totals_proven(request.totals.record.leaf())


@pytest.mark.rule("L3")
def test_the_totals_are_a_leaf_of_the_ledger() -> None:
    assert proven(make_request(SITE))
    assert read(samples.request(SITE)).totals_proven()


def _restated(**changes: object) -> LicenseFileRequest:
    request = make_request(SITE)
    record = msgspec.structs.replace(request.totals.record, **changes)
    totals = msgspec.structs.replace(request.totals, record=record)
    return make_request(SITE, totals=totals)


@pytest.mark.rule("L3", "history_mismatch")
def test_totals_that_are_not_what_the_ledger_holds_are_not_proven() -> None:
    body = make_request(SITE).totals.record.body
    lower = [msgspec.structs.replace(line, consumed=0) for line in body.lines]
    assert not proven(_restated(body=msgspec.structs.replace(body, lines=lower)))
    assert not proven(_restated(body=msgspec.structs.replace(body, refusals=[])))
    assert not proven(_restated(at=NOW + timedelta(seconds=1)))
    assert not proven(_restated(actor="someone"))
    assert not proven(_restated(index=9))


@pytest.mark.rule("L3")
def test_older_totals_of_the_same_ledger_are_not_taken_for_these() -> None:
    """A true leaf with a true proof, but not the one just before the request: what was consumed since is left out."""
    record = samples.totals_record(10)
    ledger = Tree([*leaves(10), samples.leaf_hash(record.leaf()), *leaves(5, "later")])
    proof = samples.texts(samples.inclusion_proof(10, ledger.size, ledger.get))
    stated = make_request(SITE).totals
    old = make_request(
        SITE, totals=msgspec.structs.replace(stated, record=record, proof=proof), ledger=ledger.history()
    )
    assert not proven(old)


@pytest.mark.rule("L3")
def test_a_proof_of_garbage_proves_nothing() -> None:
    stated = make_request(SITE).totals
    for proof in ([], stated.proof[:-1], [*stated.proof, stated.proof[0]], ["!" * 43] * len(stated.proof)):
        assert not proven(make_request(SITE, totals=msgspec.structs.replace(stated, proof=proof)))


@pytest.mark.rule("E3")
def test_what_leaves_has_no_place_for_a_person_or_a_machine() -> None:
    """No field is for a user, a host, a bot or an address. What people or programs chose: `test_free_text`."""
    text = forge.payload(samples.request(SITE)).decode()
    for word in ("user_name", "holder", "host", "address", "email", "bot_name", "ip"):
        assert f'"{word}"' not in text


@pytest.mark.rule("E5", "malformed")
def test_e5_a_deadline_that_does_not_follow_from_the_cycle_is_refused() -> None:
    good = make_request(SITE)
    assert good.install_by is not None
    with pytest.raises(ValueError, match="its deadline is not"):
        make_request(SITE, install_by=good.install_by + timedelta(days=1))
    assert good.cycle is not None
    late = msgspec.structs.replace(good.cycle, opened_at=good.generated_at + timedelta(seconds=1))
    with pytest.raises(ValueError, match="before its cycle"):
        make_request(SITE, cycle=late)


@pytest.mark.rule("L3", "malformed")
def test_l3_a_line_stated_twice_for_one_period_is_refused() -> None:
    line = make_request(SITE).totals.record.body.lines[0]
    with pytest.raises(ValueError, match="stated twice"):
        Totals(lines=[line, line], refusals=[])
