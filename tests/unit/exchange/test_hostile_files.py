"""The frozen hostile corpus: each file through its reader, each with its own verdict (E13). Made by make_hostile.py."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from carnet.exchange.enablement_token import read_token
from carnet.exchange.inspect import inspect
from carnet.exchange.key_set import (
    Pinned,
    Trust,
    read_key_set,
    read_trust,
)
from carnet.exchange.license_file_request import read_lfr
from carnet.exchange.offline_license_file import read_license_file
from carnet.exchange.receipt import read_receipt
from carnet.exchange.verdicts import Refusal
from tests.vectors import make_hostile
from tests.vectors.samples import taken

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
def test_a_file_over_256_kib_is_not_even_parsed(kind: str, pinned: Pinned) -> None:
    good = (FOLDER / f"good.{kind}").read_bytes()
    assert verdict(READERS[kind](make_hostile.oversized(good), pinned)) == "too_large"
    assert verdict(READERS[kind](make_hostile.oversized(good)[:-1], pinned)) == "malformed"


def test_every_file_in_the_corpus_is_expected() -> None:
    extra = {"expected.json", "trust.json", "key-set.jws", "key-set-1.jws", "keys.json"}
    assert {path.name for path in FOLDER.iterdir()} == set(EXPECTED) | extra


def test_the_maker_still_makes_what_is_frozen() -> None:
    """Names and verdicts, not bytes: signatures of ML-DSA-65 and sealed bodies are randomised where they are made."""
    assert {name: verdict for name, _, verdict in make_hostile.corpus()} == EXPECTED
