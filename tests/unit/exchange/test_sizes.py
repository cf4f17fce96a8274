"""How large the files are, against the limits that docs/formats/ states. Measured with 12 products.

A token is larger than an OLF because its key set carries hybrid roots (docs/adr/0004-hybrid-roots.md).
"""

import re
from pathlib import Path

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
PAGE = Path(__file__).parents[3] / "docs" / "formats" / "envelope.md"
VENDOR, SITE = vendor(), site()
REQUEST = samples.request(SITE)


def _request_at(size: int, unanswered: int) -> bytes:
    """An LFR of a ledger of `size` records. Only its size matters here, so that any 32 bytes do for a node."""

    def get_node(level: int, index: int) -> bytes:
        return bytes(32)

    olds = [size - 1 - 997 * number for number in range(1, unanswered + 2)]
    extends = [
        Extension(of=samples.uuid(str(old)), size=old, proof=texts(consistency_proof(old, size, get_node)))
        for old in olds
    ]
    history = History(checkpoint=checkpoint_fields(SITE.id, Checkpoint(size, bytes(32))), extends=extends)
    stated = make_request(SITE).totals
    import msgspec

    totals = msgspec.structs.replace(stated, proof=texts(inclusion_proof(size - 2, size, get_node)))
    return write_lfr(make_request(SITE, ledger=history, totals=totals), [SITE.signer])


FILES = {
    "key set": VENDOR.raw_key_set,
    "token": samples.token(VENDOR),
    "first LFR of a site": REQUEST,
    "LFR with 32 unanswered, ledger of 10^7 records": _request_at(10_000_000, SHOWN),
    "OLF": samples.license_file(VENDOR, SITE, REQUEST),
    "OLF with a key set": samples.license_file(VENDOR, SITE, REQUEST, key_set=VENDOR.inner()),
    "receipt": samples.receipt(SITE),
}
ROWS = re.findall(r"^\| ([^|]+) \| ([\d ]+) \| (\d+) KiB", PAGE.read_text().split("## Sizes")[1], re.MULTILINE)


def test_each_kind_of_file_has_its_size_in_the_document() -> None:
    assert [name for name, _, _ in ROWS] == list(FILES)


@pytest.mark.parametrize(("name", "measured", "limit"), ROWS)
def test_a_file_is_as_large_as_the_document_says_and_under_its_limit(name: str, measured: str, limit: str) -> None:
    assert f"{len(FILES[name]):,}".replace(",", " ") == measured
    assert len(FILES[name]) <= int(limit) * KIB
