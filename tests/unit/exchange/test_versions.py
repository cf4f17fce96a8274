"""E17: a version for each kind of file: what is taken, what is written, and what the refusal says. The frozen files of
every version, made by `make_versions`, are read for good."""

import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from carnet.entitlements import Fields
from carnet.exchange.enablement_token import read_token
from carnet.exchange.envelope import (
    Envelope,
    Kind,
    open_envelope,
    payload_of,
    read_written,
    stored_value,
    version_in,
)
from carnet.exchange.inspect import inspect
from carnet.exchange.key_set import (
    KeySet,
    Pinned,
    read_key_set,
    read_trust,
)
from carnet.exchange.license_file_request import read_lfr
from carnet.exchange.offline_license_file import (
    OfflineLicenseFile,
    SealedBody,
    open_body,
    read_license_file,
)
from carnet.exchange.reads import (
    SiteReads,
    VendorReads,
    site_reads,
    vendor_reads,
    version_for,
)
from carnet.exchange.receipt import read_receipt
from carnet.exchange.strict import MalformedError, decode, encode
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.versioning import (
    SEALED_BODY,
    TABLES,
    Version,
    Versions,
    newest,
    versions_of,
)
from tests.vectors import forge, make_versions, samples
from tests.vectors.make_versions import FOLDER, NAMES, SITE, VENDOR

READERS: dict[Kind, Callable[[bytes, Pinned], Any]] = {
    Kind.TOKEN: read_token,
    Kind.LFR: lambda raw, _: read_lfr(raw),
    Kind.OLF: read_license_file,
    Kind.RECEIPT: lambda raw, _: read_receipt(raw),
    Kind.KEY_SET: read_key_set,
}
ALL = [(NAMES[path.parent.parent.name], path) for path in sorted(FOLDER.glob("*/*/*")) if path.suffix != ".jws"]
each_frozen = pytest.mark.parametrize(("kind", "path"), ALL, ids=lambda each: str(getattr(each, "stem", each)))


def _pinned(folder: Path) -> Pinned:
    """The trust by which the vendor's files of that folder are judged."""
    trust = read_trust((FOLDER / "trust.json").read_bytes())
    assert not isinstance(trust, Refusal)
    raw = folder / "key-set.jws"
    if not raw.exists():
        return Pinned(trust)
    key_set = read_key_set(raw.read_bytes(), Pinned(trust), stored=True)
    assert isinstance(key_set, KeySet), key_set
    return Pinned(trust, key_set)


@pytest.mark.rule("E17")
@each_frozen
def test_a_frozen_file_of_any_version_is_read_and_written_again_to_the_same_bytes(kind: Kind, path: Path) -> None:
    raw, number = path.read_bytes(), int(path.parent.name)
    envelope = open_envelope(raw, kind, stored=True)
    assert isinstance(envelope, Envelope), envelope
    assert envelope.version == version_in(raw) == number
    table = versions_of(kind).table
    value = stored_value(raw, kind, table[max(table)].shape)
    assert payload_of(kind, value, number) == envelope.payload == encode(read_written(envelope))


@pytest.mark.rule("E17")
@each_frozen
def test_a_frozen_file_is_taken_while_its_version_is_one_of_the_two_newest(kind: Kind, path: Path) -> None:
    raw, number = path.read_bytes(), int(path.parent.name)
    answer = READERS[kind](raw, _pinned(path.parent))
    if number in versions_of(kind).taken:
        assert not isinstance(answer, Refusal), answer
    else:
        assert answer.code is Code.UNSUPPORTED_VERSION
        assert f"Upgrade {kind.writer}" in answer.next


@pytest.mark.rule("E17", "E7")
def test_the_sealed_body_has_the_version_of_its_file() -> None:
    assert versions_of(SEALED_BODY).table.keys() == versions_of(Kind.OLF).table.keys()
    for path in FOLDER.glob("olf/*/*.olf"):
        olf = stored_value(path.read_bytes(), Kind.OLF, OfflineLicenseFile)
        assert isinstance(open_body(olf, [SITE.opener], int(path.parent.name)), SealedBody)


@pytest.mark.rule("E17")
def test_every_version_of_every_kind_has_frozen_files() -> None:
    for name, kind in NAMES.items():
        frozen = {int(path.name) for path in (FOLDER / name).iterdir()}
        assert frozen == set(versions_of(kind).table), name
    made = {(kind, f"{file}.{kind}") for kind, file, _ in make_versions.files()}
    for name, kind in NAMES.items():
        folder = FOLDER / name / str(versions_of(kind).newest)
        assert {path.name for path in folder.iterdir()} - {"key-set.jws"} == {file for k, file in made if k == name}
    assert set(TABLES) == {*Kind, SEALED_BODY}


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != make_versions.SUMS)
    return {path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.rule("E17")
def test_no_byte_of_a_frozen_file_has_changed() -> None:
    assert _digests(FOLDER) == make_versions.read_sums()


@pytest.mark.rule("E17")
def test_making_the_frozen_files_writes_what_is_missing_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "versions"
    shutil.copytree(FOLDER, folder)
    assert make_versions.make(folder) == []
    changed, missing = (f"lfr/{versions_of(Kind.LFR).newest}/{name}.lfr" for name in ("first", "release"))
    (folder / changed).write_bytes(b"changed by hand")
    (folder / missing).unlink()
    before = _digests(folder)
    assert make_versions.make(folder) == [missing]
    assert _digests(folder).items() > before.items()
    assert make_versions.read_sums(folder)[changed] == make_versions.read_sums()[changed]


@pytest.mark.rule("E17")
def test_only_the_kinds_that_are_named_are_written_anew(tmp_path: Path) -> None:
    folder = tmp_path / "versions"
    shutil.copytree(FOLDER, folder)
    (folder / f"olf/{versions_of(Kind.OLF).newest}/no-more.olf").touch()
    written = make_versions.make(folder, ["olf"])
    assert {path.partition("/")[0] for path in written} == {"olf"}
    after = _digests(folder)
    assert set(after) == set(_digests(FOLDER))
    assert {path for path, digest in _digests(FOLDER).items() if digest != after[path]} <= set(written)
    assert after == make_versions.read_sums(folder)


def _of_version(kind: Kind, version: int) -> bytes:
    """A good file whose header names another version, signed by its own keys."""
    name = next(name for name, each in NAMES.items() if each is kind)
    good = next(raw for each, _, raw in make_versions.files() if each == name)
    signers = {
        Kind.TOKEN: VENDOR.issuers,
        Kind.LFR: [SITE.signer],
        Kind.OLF: VENDOR.issuers,
        Kind.RECEIPT: [SITE.signer],
        Kind.KEY_SET: VENDOR.roots,
    }
    return forge.signed(forge.payload(good), kind, signers[kind], v=version)


@pytest.mark.rule("E17", "E13", "unsupported_version")
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("ahead", [1, 2, 999_000])
def test_a_newer_file_says_that_the_side_that_reads_is_to_be_upgraded(kind: Kind, ahead: int) -> None:
    known = versions_of(kind)
    raw = _of_version(kind, known.newest + ahead)
    for answer in (READERS[kind](raw, VENDOR.pinned), inspect(raw, VENDOR.pinned)):
        assert answer.code is Code.UNSUPPORTED_VERSION
        assert f"version {known.newest + ahead}; this release of {kind.reader} reads version" in answer.message
        assert str(known.newest) in answer.message
        assert answer.next.startswith(f"Upgrade {kind.reader} to a release that reads version {known.newest + ahead}")


@pytest.mark.rule("E17", "E13", "unsupported_version")
@pytest.mark.parametrize("kind", Kind)
def test_an_older_file_says_that_the_side_that_wrote_it_is_to_be_upgraded(kind: Kind) -> None:
    raw = _of_version(kind, 0)
    for answer in (READERS[kind](raw, VENDOR.pinned), inspect(raw, VENDOR.pinned)):
        assert answer.code is Code.UNSUPPORTED_VERSION
        assert "is of format version 0;" in answer.message
        assert answer.next.startswith(f"Upgrade {kind.writer} to a release that writes version")
        assert answer.next.endswith("make the file again there.")


@pytest.mark.rule("E17")
def test_who_reads_and_who_writes() -> None:
    assert [kind for kind in Kind if kind.reader == "CALM"] == [Kind.LFR, Kind.RECEIPT]
    assert all({kind.reader, kind.writer} == {"CALM", "the Control Room"} for kind in Kind)


class _Older(Fields, frozen=True):
    text: str


class _Today(Fields, frozen=True):
    text: str
    more: str | None


def _table(count: int) -> Versions:
    old = Version(_Older, lambda was: _Today(text=was.text, more=None), lambda value: _Older(text=value.text))
    return Versions({**dict.fromkeys(range(1, count), old), count: newest(_Today)})


@pytest.mark.rule("E17")
@pytest.mark.parametrize(("count", "taken"), [(1, (1,)), (2, (1, 2)), (3, (2, 3)), (9, (8, 9))])
def test_the_two_newest_versions_are_taken(count: int, taken: tuple[int, ...]) -> None:
    assert _table(count).taken == taken
    assert _table(count).newest == count


@pytest.mark.rule("E17")
@pytest.mark.parametrize(
    ("reads", "written"), [([1], None), ([1, 2], 2), ([2, 3], 3), ([3, 4], 3), ([2], 2), ([4, 5], None), ([], None)]
)
def test_the_newest_version_that_both_know_is_written(reads: list[int], written: int | None) -> None:
    assert _table(3).to_write(reads) == written


@pytest.mark.rule("E17")
def test_an_older_version_may_lose_a_field_and_a_newer_one_reads_it_as_not_stated() -> None:
    table = _table(2).table
    written = table[1].downgrade(_Today(text="a", more="b"))
    assert encode(written) == b'{"text":"a"}'
    assert table[1].upgrade(written) == _Today(text="a", more=None)
    assert table[2].downgrade(_Today(text="a", more="b")) == _Today(text="a", more="b")


@pytest.mark.rule("E17")
@pytest.mark.parametrize("kind", Kind)
def test_a_forged_file_is_of_the_newest_version_or_of_the_one_that_it_was(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = forge.signed(b"{}", kind, [SITE.signer])
    monkeypatch.setitem(TABLES, kind, _table(versions_of(kind).newest + 1))
    newer = forge.signed(b"{}", kind, [SITE.signer])
    assert version_in(newer) == version_in(good) + 1 == versions_of(kind).newest
    for raw in (good, newer):
        assert version_in(forge.resign(raw, [SITE.signer], lambda fields: fields.update(a=1))) == version_in(raw)
        assert version_in(forge.resign_bytes(raw, [SITE.signer], lambda _: b"{ }")) == version_in(raw)


@pytest.mark.rule("E17")
@pytest.mark.parametrize("numbers", [(2,), (1, 3), (0, 1), (2, 1)])
def test_no_number_of_a_version_is_left_out_or_used_again(numbers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="1, 2, 3"):
        Versions(dict.fromkeys(numbers, newest(_Today)))


@pytest.mark.rule("E17")
def test_a_site_writes_the_nearest_where_no_version_is_shared() -> None:
    known = versions_of(Kind.LFR)
    assert version_for(Kind.LFR, list(known.taken)) == known.newest
    assert version_for(Kind.LFR, [known.newest + 5, known.newest + 6]) == known.newest


@pytest.mark.rule("E17", "malformed")
@pytest.mark.parametrize("numbers", [[], [0], [1, 1], [2, 1], list(range(1, 10)), [1_000_001], ["1"], [1.0], None])
def test_what_a_side_reads_is_a_short_list_that_rises(numbers: object) -> None:
    for shape, fields in ((SiteReads, ("token", "olf", "key_set")), (VendorReads, ("lfr", "receipt"))):
        for field in fields:
            raw = encode({name: [1] for name in fields} | {field: numbers})
            with pytest.raises(MalformedError):
                decode(raw, shape, depth=3)


@pytest.mark.rule("E17", "E3")
def test_each_side_says_what_it_reads_and_it_is_shown_in_words() -> None:
    assert samples.make_request(SITE).reads == site_reads()
    assert samples.make_token(VENDOR).reads == vendor_reads()
    assert site_reads().olf == list(versions_of(Kind.OLF).taken)
    found = inspect(samples.request(SITE))
    assert not isinstance(found, Refusal)
    rows = dict(found.sections[0].rows)
    assert rows["reads"] == "tokens of version 1; OLFs of version 1; key sets of version 1"
    assert found.version == 1
    more = SiteReads(token=[1], olf=[1, 2], key_set=[2, 3, 4])
    found = inspect(samples.request(SITE, reads=more))
    assert not isinstance(found, Refusal)
    assert dict(found.sections[0].rows)["reads"].endswith("OLFs of versions 1 and 2; key sets of versions 2, 3 and 4")


@pytest.mark.rule("E17", "V2")
def test_what_the_log_commits_to_is_the_bytes_that_came() -> None:
    raw = samples.license_file(VENDOR, SITE, samples.request(SITE))
    read = read_license_file(raw, VENDOR.pinned)
    assert not isinstance(read, Refusal)
    assert read.olf.issuing_log is not None
    assert read.content_digest == read.olf.issuing_log.record.content_sha256 == read.olf.content_digest()
