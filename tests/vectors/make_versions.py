"""Makes the frozen files of each version of each kind of exchange file (E17).

Run `python -m tests.vectors.make_versions` to write the files of the newest version of each kind anew:
tests/vectors/versions/KIND/N/. Files of an older version are never written again: they are what a release wrote, and
every later release reads them. Run it too when a version that is not released yet changes.

Keys, identifiers and times come from fixed seeds (`samples`, version 2 of the vendor's key set); signatures of
ML-DSA-65 and sealed bodies differ from run to run. Beside the folders: trust.json and, in the folder of what the
vendor writes, key-set.jws, the key set that the files of that version are judged by.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from carnet.entitlements import Metric
from carnet.exchange.envelope import Kind
from carnet.exchange.history import CheckpointFields
from carnet.exchange.license_file_request import KeyPair, RequestKind, write_lfr
from carnet.exchange.offline_license_file import AcceptedHistory, AddedUnits
from carnet.exchange.strict import encode
from carnet.exchange.versioning import versions_of
from tests.vectors import samples

FOLDER = Path(__file__).parent / "versions"
NAMES = {
    "token": Kind.TOKEN,
    "lfr": Kind.LFR,
    "olf": Kind.OLF,
    "receipt": Kind.RECEIPT,
    "keyset": Kind.KEY_SET,
}
VENDOR = samples.vendor(version=2)
SITE = samples.site()


def files() -> Iterator[tuple[str, str, bytes]]:
    """Kind, name and bytes of each: the plain one, and ones in which what may be null is there."""
    request = samples.request(SITE)
    yield "token", "plain", samples.token(VENDOR)
    yield "lfr", "first", request
    yield "lfr", "new-keys", _with_new_keys()
    yield "lfr", "release", samples.request(SITE, kind=RequestKind.RELEASE, cycle=None, install_by=None)
    yield "olf", "plain", samples.license_file(VENDOR, SITE, request)
    yield "olf", "with-a-key-set", samples.license_file(VENDOR, SITE, request, key_set=VENDOR.inner())
    yield "olf", "history-accepted", samples.license_file(VENDOR, SITE, request, accepts_history=_accepted())
    yield "receipt", "plain", samples.receipt(SITE)
    yield "keyset", "plain", VENDOR.raw_key_set


def _with_new_keys() -> bytes:
    new = samples.site("new keys")
    pair = KeyPair(signing_key=new.signer.key, sealing_key=new.opener.key)  # type: ignore[arg-type]
    return write_lfr(samples.make_request(SITE, new_keys=pair), [SITE.signer, new.signer])


def _accepted() -> AcceptedHistory:
    number = next(n for n, product in enumerate(samples.PRODUCTS) if product[2] is Metric.CONSUMABLE)
    line = samples.make_line(number)
    added = AddedUnits(line_id=line.line_id, sku=line.sku, period_start=None, units=7)
    checkpoint: CheckpointFields = samples.make_request(SITE).ledger.checkpoint
    return AcceptedHistory(number=1, checkpoint=checkpoint, add=[added])


def main() -> None:
    for name, kind in NAMES.items():
        folder = FOLDER / name / str(versions_of(kind).newest)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if kind.writer == "CALM":
            (folder / "key-set.jws").write_bytes(VENDOR.raw_key_set)
    for name, file, raw in files():
        (FOLDER / name / str(versions_of(NAMES[name]).newest) / f"{file}.{name}").write_bytes(raw)
    (FOLDER / "trust.json").write_bytes(encode(VENDOR.trust))


if __name__ == "__main__":
    main()
