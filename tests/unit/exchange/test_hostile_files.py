"""The frozen hostile corpus: each file through its reader, each with its own verdict (E13). Made by make_hostile.py."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from carnet.exchange.enablement_token import read_token
from carnet.exchange.envelope import MAX_CARRYING, MAX_FILE
from carnet.exchange.history import SHOWN, Extension
from carnet.exchange.inspect import inspect
from carnet.exchange.key_set import (
    Pinned,
    Trust,
    read_key_set,
    read_trust,
)
from carnet.exchange.license_file_request import MAX_TOTALS, read_lfr, write_lfr
from carnet.exchange.offline_license_file import read_license_file
from carnet.exchange.receipt import read_receipt
from carnet.exchange.verdicts import Refusal
from tests.vectors import make_hostile, samples
from tests.vectors.samples import taken

SITE = samples.site()
FOLDER = make_hostile.FOLDER
EXPECTED: dict[str, str] = json.loads((FOLDER / "expected.json").read_text())
READERS: dict[str, Callable[[bytes, Pinned], Any]] = {
    "token": read_token,
    "lfr": lambda raw, _: read_lfr(raw),
    "olf": read_license_file,
    "receipt": lambda raw, _: read_receipt(raw),
    "keyset": read_key_set,
}


def _trust() -> Trust:
    trust = read_trust((FOLDER / "trust.json").read_bytes())
    assert isinstance(trust, Trust)
    return trust


@pytest.fixture(scope="module")
def pinned() -> Pinned:
    return taken((FOLDER / "key-set.jws").read_bytes(), Pinned(_trust()))


def verdict(answer: object) -> str:
    return answer.code.value if isinstance(answer, Refusal) else "good"


@pytest.mark.rule(
    "E13",
    "malformed",
    "too_large",
    "wrong_type",
    "unsupported_version",
    "bad_signature",
    "unknown_signer",
    "key_set_too_old",
)
@pytest.mark.parametrize("name", EXPECTED)
def test_each_hostile_file_gets_its_own_verdict(name: str, pinned: Pinned) -> None:
    answer = READERS[name.rpartition(".")[2]]((FOLDER / name).read_bytes(), pinned)
    assert verdict(answer) == EXPECTED[name], answer
    if isinstance(answer, Refusal):
        assert answer.message
        assert answer.next


@pytest.mark.rule("E13")
@pytest.mark.parametrize("name", [name for name in EXPECTED if not name.startswith("is-a-")])
def test_inspect_comes_to_the_same_verdict(name: str, pinned: Pinned) -> None:
    assert verdict(inspect((FOLDER / name).read_bytes(), pinned)) == EXPECTED[name]


@pytest.mark.rule("too_large")
@pytest.mark.parametrize("kind", READERS)
def test_a_file_over_its_limit_is_not_even_parsed(kind: str, pinned: Pinned) -> None:
    good = (FOLDER / f"good.{kind}").read_bytes()
    most = MAX_CARRYING if kind == "lfr" else MAX_FILE  # L6: an LFR may carry a license
    assert verdict(READERS[kind](make_hostile.oversized(good, most), pinned)) == "too_large"
    assert verdict(READERS[kind](make_hostile.oversized(good, most)[:-1], pinned)) == "malformed"


@pytest.mark.security
@pytest.mark.rule("too_large", "E19", "L6")
def test_an_lfr_over_256_kib_that_carries_no_license_is_too_large() -> None:
    """The room is for the license alone: nothing else in an LFR grows into it."""
    lfr = samples.make_request(SITE)
    totals = lfr.totals.record.body.lines[0]
    lines = [
        msgspec.structs.replace(totals, line_id=f"{number:08x}{totals.line_id[8:]}", sku=f"{number:064}")
        for number in range(MAX_TOTALS)
    ]
    body = msgspec.structs.replace(lfr.totals.record.body, lines=lines)
    record = msgspec.structs.replace(lfr.totals.record, body=body)
    shown = [Extension(of="acknowledged", size=1, proof=[lfr.ledger.checkpoint.root] * 64) for _ in range(SHOWN)]
    large = msgspec.structs.replace(
        lfr,
        totals=msgspec.structs.replace(lfr.totals, record=record),
        ledger=msgspec.structs.replace(lfr.ledger, extends=shown),
    )
    raw = write_lfr(large, [SITE.signer])
    assert MAX_FILE < len(raw) < MAX_CARRYING
    assert verdict(read_lfr(raw)) == "too_large"


def test_every_file_in_the_corpus_is_expected() -> None:
    extra = {"expected.json", "trust.json", "key-set.jws", "key-set-1.jws", "keys.json"}
    assert {path.name for path in FOLDER.iterdir()} == set(EXPECTED) | extra


def test_the_maker_still_makes_what_is_frozen() -> None:
    """Names and verdicts, not bytes: signatures of ML-DSA-65 and sealed bodies are randomised where they are made."""
    assert {name: verdict for name, _, verdict in make_hostile.corpus()} == EXPECTED
