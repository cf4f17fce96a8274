"""How large the files are, against the limits that docs/formats/ states. Measured with 12 products.

A token is larger than an OLF because its key set carries hybrid roots (docs/adr/0004-hybrid-roots.md).
"""

import pytest

from carnet.exchange.history import (
    SHOWN,
    Extension,
    History,
    checkpoint_fields,
    texts,
)
from carnet.exchange.license_file_request import write_lfr
from carnet.merkle import Checkpoint, consistency_proof, inclusion_proof
from tests.vectors import samples
from tests.vectors.samples import make_request, site, vendor

KIB = 1024
VENDOR, SITE = vendor(), site()
REQUEST = samples.request(SITE)


@pytest.mark.parametrize(
    ("name", "raw", "limit"),
    [
        ("key set", VENDOR.raw_key_set, 14),
        ("token", samples.token(VENDOR), 24),
        ("first LFR", REQUEST, 8),
        ("OLF", samples.license_file(VENDOR, SITE, REQUEST), 12),
        ("OLF with a key set", samples.license_file(VENDOR, SITE, REQUEST, key_set=VENDOR.inner()), 28),
        ("receipt", samples.receipt(SITE), 4),
    ],
)
def test_a_file_stays_under_its_limit(name: str, raw: bytes, limit: int) -> None:
    assert len(raw) <= limit * KIB, f"{name}: {len(raw)} bytes"


def _request_at(size: int, unanswered: int) -> bytes:
    """An LFR of a ledger of `size` records. Only its size matters here, so that any 32 bytes do for a node."""

    def get_node(level: int, index: int) -> bytes:
        return bytes(32)

    olds = [size - 1 - 997 * number for number in range(1, unanswered + 2)]
    extends = [
        Extension(of=samples.uuid(str(old)), size=old, proof=texts(consistency_proof(old, size, get_node)))
        for old in olds
    ]
    history = History(checkpoint=checkpoint_fields("carnet/ledger", Checkpoint(size, bytes(32))), extends=extends)
    stated = make_request(SITE).totals
    import msgspec

    totals = msgspec.structs.replace(stated, proof=texts(inclusion_proof(size - 2, size, get_node)))
    return write_lfr(make_request(SITE, ledger=history, totals=totals), [SITE.signer])


def test_an_lfr_stays_under_64_kib_with_32_unanswered_at_ten_million_records() -> None:
    assert len(_request_at(10_000_000, SHOWN)) <= 64 * KIB


def test_an_lfr_grows_with_the_logarithm_of_its_ledger() -> None:
    small, large = len(_request_at(10_000, 1)), len(_request_at(10_000_000, 1))
    assert large - small < 2 * KIB
