"""Inspect: any file in plain words, each signature with its verdict, no secret, nothing left out of what leaves."""

import json
import zlib
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from carnet.entitlements import Metric
from carnet.exchange.carried_license import carry
from carnet.exchange.describe import in_short
from carnet.exchange.envelope import JwsFields, Kind
from carnet.exchange.inspect import (
    ALL_THAT_LEAVES,
    FREE_TEXT,
    Inspection,
    inspect,
    pinned_by,
)
from carnet.exchange.key_set import Pinned, write_key_set
from carnet.exchange.keys import AkpKey, OkpKey
from carnet.exchange.license_file_request import LineTotals
from carnet.exchange.offline_license_file import SealedBody
from carnet.exchange.strict import encode, to_base64url
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import stamp
from tests.vectors import forge, samples
from tests.vectors.samples import SECRET, hybrid, make_key_set, make_request, site, vendor

VENDOR, SITE = vendor(), site()
REQUEST = samples.request(SITE)
FILES = {
    Kind.TOKEN: samples.token(VENDOR),
    Kind.LFR: REQUEST,
    Kind.OLF: samples.license_file(VENDOR, SITE, REQUEST),
    Kind.RECEIPT: samples.receipt(SITE),
    Kind.KEY_SET: VENDOR.raw_key_set,
}
BY_VENDOR = (Kind.TOKEN, Kind.OLF, Kind.KEY_SET)


def look(raw: bytes, pinned: Pinned | None = None) -> Inspection:
    answer = inspect(raw, pinned)
    assert isinstance(answer, Inspection), answer
    return answer


def words(found: Inspection) -> str:
    return "\n".join(f"{label}: {value}" for section in found.sections for label, value in section.rows)


@pytest.mark.parametrize("kind", FILES)
def test_each_kind_of_file_is_named_and_its_signatures_hold(kind: Kind) -> None:
    found = look(FILES[kind], VENDOR.pinned)
    assert found.kind == kind.value
    assert found.words == kind.words
    assert found.bytes == len(FILES[kind])
    assert [signature.verdict for signature in found.signatures] == ["holds"] * len(found.signatures)
    assert len(found.signatures) == (2 if kind in BY_VENDOR else 1)


@pytest.mark.parametrize("kind", BY_VENDOR)
def test_without_a_trust_it_says_that_nothing_was_checked_and_how_to(kind: Kind) -> None:
    found = look(FILES[kind])
    assert not found.checked
    assert "not checked" in found.verdict
    assert "--trust" in found.verdict
    assert all(signature.verdict != "holds" for signature in found.signatures)


def test_a_token_needs_only_the_root_thumbprints_and_an_olf_the_key_set_too() -> None:
    assert look(FILES[Kind.TOKEN], VENDOR.fresh).checked
    assert look(FILES[Kind.KEY_SET], VENDOR.fresh).checked
    assert not look(FILES[Kind.OLF], VENDOR.fresh).checked
    with_set = samples.license_file(VENDOR, SITE, REQUEST, key_set=VENDOR.inner())
    assert look(with_set, VENDOR.fresh).checked


@pytest.mark.rule("A2")
def test_the_enrolment_secret_is_never_shown() -> None:
    for pinned in (None, VENDOR.pinned):
        found = look(FILES[Kind.TOKEN], pinned)
        assert SECRET not in words(found)
        assert SECRET not in msgspec.json.encode(found).decode()
        assert "enrolment secret: not shown" in words(found)


@pytest.mark.rule("bad_signature")
@pytest.mark.parametrize("kind", BY_VENDOR)
def test_a_refused_file_comes_with_the_verdict_of_each_signature(kind: Kind) -> None:
    other = forge.parts(FILES[Kind.TOKEN if kind is not Kind.TOKEN else Kind.OLF])["signatures"][1]["signature"]
    broken = forge.edit_envelope(FILES[kind], lambda jws: jws["signatures"][1].update(signature=other))
    answer = inspect(broken, VENDOR.pinned)
    assert isinstance(answer, Refusal)
    assert answer.code is Code.BAD_SIGNATURE
    assert [line.rpartition(": ")[2] for line in answer.evidence] == ["holds", "does not hold"]


def test_a_key_set_that_its_own_roots_did_not_sign_is_refused_without_any_trust() -> None:
    raw = write_key_set(VENDOR.key_set, VENDOR.roots)
    other = forge.parts(FILES[Kind.TOKEN])["signatures"][1]["signature"]
    broken = forge.edit_envelope(raw, lambda jws: jws["signatures"][1].update(signature=other))
    answer = inspect(broken)
    assert isinstance(answer, Refusal)
    assert answer.code is Code.BAD_SIGNATURE


def _leaves(value: Any) -> list[str]:
    """Every value of a file, as its reader shows it."""
    if isinstance(value, OkpKey | AkpKey):
        return [value.kid]
    if isinstance(value, JwsFields):
        return []
    if isinstance(value, msgspec.Struct):
        return [text for name in value.__struct_fields__ for text in _leaves(getattr(value, name))]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _leaves(item)]
    if value is None or isinstance(value, bool):
        return []
    return [stamp(value) if hasattr(value, "isoformat") else str(getattr(value, "value", value))]


@pytest.mark.rule("E3")
def test_every_field_of_an_lfr_is_shown_under_one_heading() -> None:
    found = look(FILES[Kind.LFR])
    assert [section.title for section in found.sections] == ["In short", FREE_TEXT, ALL_THAT_LEAVES]
    shown = words(found)
    for text in _leaves(make_request(SITE)):
        assert text in shown, text
    for name in make_request(SITE).__struct_fields__:
        assert name.replace("_", " ").split()[0] in shown


@pytest.mark.rule("E3")
def test_each_line_of_use_is_said_in_short_as_its_metric_counts() -> None:
    seats = LineTotals(
        line_id=samples.uuid("line"),
        sku="bot-runner",
        metric=Metric.CONCURRENT,
        granted=1000,
        in_use=40,
        peak_in_use=50,
        consumed=0,
        period_start=None,
        owed=0,
        reserved=0,
    )
    units = replace(
        seats,
        line_id=samples.uuid("pages"),
        sku="pages",
        metric=Metric.CONSUMABLE,
        in_use=0,
        peak_in_use=0,
        consumed=1200,
    )
    monthly = replace(
        units,
        line_id=samples.uuid("runs"),
        sku="runs",
        period_start=samples.NOW.replace(day=1, hour=0, minute=0, second=0),
    )
    owing = replace(units, line_id=samples.uuid("minutes"), sku="minutes", owed=200)
    held = replace(units, line_id=samples.uuid("held"), sku="held", reserved=30)
    feature = replace(
        seats, line_id=samples.uuid("studio"), sku="studio", metric=Metric.FEATURE, granted=1, in_use=0, peak_in_use=0
    )
    lfr = make_request(SITE)
    body = replace(lfr.totals.record.body, lines=[seats, units, monthly, owing, held, feature])
    totals = replace(lfr.totals, record=replace(lfr.totals.record, body=body))
    said = dict(in_short(replace(lfr, totals=totals)))
    assert said["bot-runner"] == "1,000 granted, 40 in use, 50 at most"
    assert said["pages"] == "1,000 granted, 1,200 consumed"
    assert said["runs"] == f"1,000 granted, 1,200 consumed since {stamp(monthly.period_start)}"
    assert said["minutes"] == "1,000 granted, 1,200 consumed, 200 of them owed"
    assert said["held"] == "1,000 granted, 1,200 consumed; 30 reserved"
    assert said["studio"] == "on"


def test_the_key_set_in_a_token_has_its_own_section() -> None:
    assert [section.title for section in look(FILES[Kind.TOKEN]).sections] == ["What it says", "The key set in it"]


def test_trust_out_of_files() -> None:
    trust, key_set = encode(VENDOR.trust), VENDOR.raw_key_set
    assert pinned_by(None, None) is None
    assert pinned_by(trust, None) == VENDOR.fresh
    assert pinned_by(trust, key_set) == VENDOR.pinned
    alone = pinned_by(None, key_set)
    assert isinstance(alone, Pinned)
    assert alone.newest == VENDOR.key_set
    assert look(FILES[Kind.OLF], alone).checked


def test_a_key_set_that_the_trust_file_does_not_vouch_for_is_refused() -> None:
    for trust, key_set, code in (
        (encode(VENDOR.trust), vendor("stranger").raw_key_set, Code.UNKNOWN_SIGNER),
        (b"{}", VENDOR.raw_key_set, Code.MALFORMED),
        (None, b"{}", Code.MALFORMED),
        (None, FILES[Kind.TOKEN], Code.WRONG_TYPE),
    ):
        answer = pinned_by(trust, key_set)
        assert isinstance(answer, Refusal)
        assert answer.code is code


def test_a_signature_of_a_root_that_is_gone_is_named_as_unknown() -> None:
    roots, new = hybrid("roots"), hybrid("new roots")
    raw = write_key_set(make_key_set(new, VENDOR.issuers, 2), [*roots, *new])
    trust = msgspec.structs.replace(VENDOR.trust, roots=[root.key.kid for root in new])
    found = look(raw, Pinned(trust))
    assert [signature.verdict for signature in found.signatures] == ["unknown signer"] * 2 + ["holds"] * 2
    assert json.loads(msgspec.json.encode(found))["checked"] is True


@pytest.mark.rule("L6", "E3")
def test_a_license_that_is_carried_back_is_shown_as_it_was_opened() -> None:
    request = samples.request(SITE)
    carried = carry(samples.license_file(VENDOR, SITE, request), VENDOR.raw_key_set, SITE.opener)
    found = look(samples.request(SITE, license=carried))
    shown = words(found)
    assert found.sections[-1].title == "The license file in it, opened"
    for line in samples.make_body().lines:
        assert line.name in shown
    assert ("carries back", "the installed license file, opened (L6); see below") in found.sections[0].rows
    other = replace(carried, body=_packed(samples.make_body(1)))
    said = dict(look(samples.request(SITE, license=other)).sections[-1].rows)
    assert "not what was signed" in said["the file"]


def _packed(body: SealedBody) -> str:
    return to_base64url(zlib.compress(encode(body), 9))
