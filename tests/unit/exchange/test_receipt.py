"""The receipt: signed by the key that it names, and part of the ledger's history like an LFR."""

import pytest

from carnet.exchange.receipt import ReadReceipt, read_receipt, write_receipt
from carnet.exchange.verdicts import Refusal
from tests.vectors import samples
from tests.vectors.samples import Tree, leaves, make_receipt, site

SITE, OTHER = site(), site("elsewhere")


@pytest.mark.rule("H2")
def test_round_trip() -> None:
    got = read_receipt(samples.receipt(SITE))
    assert isinstance(got, ReadReceipt)
    assert got.receipt == make_receipt(SITE)
    assert got.signer == SITE.signer.key.kid


@pytest.mark.rule("bad_signature")
def test_a_receipt_signed_by_another_key_is_refused() -> None:
    answer = read_receipt(write_receipt(make_receipt(SITE), OTHER.signer))
    assert isinstance(answer, Refusal)
    assert answer.code == "bad_signature"


@pytest.mark.rule("L2")
def test_a_receipt_shows_that_its_ledger_extends_the_requests() -> None:
    assert make_receipt(SITE).ledger.shows(Tree(leaves(12)).at(12)) is True
