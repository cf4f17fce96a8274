"""Makes the frozen files of each version of each kind of exchange file (E17).

Run `python -m tests.vectors.make_versions` to write what is not there yet: tests/vectors/versions/KIND/N/, of the
newest version of each kind. A file that is there is what a release wrote, and every later release reads it: it stays
as it is. Until a version is released it may change: name its kinds to write them anew
(`python -m tests.vectors.make_versions lfr`), at their newest version only.

SHA256SUMS has the digest of each file, as `sha256sum -c` takes it. Only files that are written here get a new line, and
a test compares the lines with the files: no frozen byte changes unseen.

Keys, identifiers and times come from fixed seeds (`samples`, version 2 of the vendor's key set); signatures of
ML-DSA-65 and sealed bodies differ from run to run. Beside the folders: trust.json and, in the folder of what the
vendor writes, key-set.jws, the key set that the files of that version are judged by.
"""

import shutil
import sys
from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from carnet.entitlements import Metric
from carnet.exchange.carried_license import carry
from carnet.exchange.envelope import Kind
from carnet.exchange.history import CheckpointFields
from carnet.exchange.issuing_log import LogBreak
from carnet.exchange.key_set import write_key_set
from carnet.exchange.license_file_request import KeyPair, RequestKind, write_lfr
from carnet.exchange.offline_license_file import AcceptedHistory, AddedUnits
from carnet.exchange.strict import encode, to_base64url
from carnet.exchange.versioning import versions_of
from tests.vectors import samples

FOLDER = Path(__file__).parent / "versions"
SUMS = "SHA256SUMS"
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
    yield "keyset", "log-broken", _broken_key_set()
    yield "lfr", "with-license", _with_license(request)


def _broken_key_set() -> bytes:
    stated = LogBreak(at=samples.NOW, size=3, root=to_base64url(bytes(32)), why="The disk of the portal was lost.")
    key_set = samples.make_key_set(VENDOR.roots, VENDOR.issuers, 3, breaks=[stated])
    return write_key_set(key_set, VENDOR.roots)


def _with_license(request: bytes) -> bytes:
    carried = carry(samples.license_file(VENDOR, SITE, request), VENDOR.raw_key_set, SITE.opener)
    return samples.request(SITE, license=carried)


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


def _all() -> Iterator[tuple[str, bytes]]:
    """The path of each file within the folder, and its bytes."""
    yield "trust.json", encode(VENDOR.trust)
    for name, kind in NAMES.items():
        if kind.writer == "CALM":
            yield f"{_newest(name)}/key-set.jws", VENDOR.raw_key_set
    for name, file, raw in files():
        yield f"{_newest(name)}/{file}.{name}", raw


def _newest(name: str) -> str:
    return f"{name}/{versions_of(NAMES[name]).newest}"


def read_sums(folder: Path = FOLDER) -> dict[str, str]:
    """The digest of each frozen file, by its path within the folder; nothing where none was written yet."""
    path = folder / SUMS
    lines = path.read_text().splitlines() if path.exists() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def make(folder: Path = FOLDER, anew: Collection[str] = ()) -> list[str]:
    """Write what is not in the folder yet, and the newest version of the kinds `anew`; returns the paths written."""
    for name in anew:
        shutil.rmtree(folder / _newest(name), ignore_errors=True)
    missing = {path: raw for path, raw in _all() if not (folder / path).exists()}
    for path, raw in missing.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(raw)
    kept = {path: digest for path, digest in read_sums(folder).items() if (folder / path).exists()}
    _write_sums(folder, kept | {path: sha256(raw).hexdigest() for path, raw in missing.items()})
    return list(missing)


def _write_sums(folder: Path, sums: Mapping[str, str]) -> None:
    (folder / SUMS).write_text("".join(f"{digest}  {path}\n" for path, digest in sorted(sums.items())))


def main(anew: Collection[str]) -> None:
    if unknown := set(anew) - set(NAMES):
        sys.exit(f"No such kind: {', '.join(sorted(unknown))}. Kinds: {', '.join(NAMES)}.")
    written = make(anew=anew)
    print("\n".join(written) or "Nothing is missing. Name the kinds that are to be written anew.")


if __name__ == "__main__":
    main(sys.argv[1:])
