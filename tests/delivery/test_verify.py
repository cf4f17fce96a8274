"""What the installed release refuses to take: anything but what its own vendor signed, whole and no more."""

from __future__ import annotations

import gzip
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle.archive import pack
from bundle.make import sign
from bundle.signing import ReleaseKey, trial_key
from carnet.bundles import (
    FACTS,
    FIRST,
    SIGNATURE,
    SSH_SIGNATURE,
    SUMS,
    Verified,
    verify_bundle,
)
from carnet.cli import app
from carnet.exchange.verdicts import Code, Refusal
from tests.delivery.bundles import NEWER, Entry, archive, entries, entry, small_folder
from tests.journeys.commands import through_the_door

TOP = "carnet-control-room-40.0.1-linux-x86_64"
WHEEL = "wheels/one.whl"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> ReleaseKey:
    return trial_key(tmp_path_factory.mktemp("key") / "release.key")


@pytest.fixture
def folder(tmp_path: Path, key: ReleaseKey) -> Path:
    return small_folder(tmp_path, key)


def _refused(path: Path, key: ReleaseKey, code: Code, word: str) -> None:
    answer = verify_bundle(path, key.both_pem())
    assert isinstance(answer, Refusal), answer
    assert answer.code == code, answer
    assert word in answer.message
    assert answer.next


def test_what_the_vendor_signed_is_taken_as_an_archive_and_unpacked(folder: Path, key: ReleaseKey, tmp_path: Path):
    pack(folder, FIRST, (), 1_700_000_000, tmp_path / "one.tar.gz")
    whole = archive(tmp_path / "two.tar.gz", entries(folder))
    for path in (folder, tmp_path / "one.tar.gz", whole):
        answer = verify_bundle(path, key.both_pem())
        assert isinstance(answer, Verified), answer
        assert (answer.facts.version, answer.files, answer.key) == (NEWER, 9, key.fingerprint())


@pytest.mark.rule("bad_signature")
def test_another_vendors_key_is_refused(folder: Path, tmp_path: Path) -> None:
    other = trial_key(tmp_path / "other.key")
    _refused(folder, other, Code.BAD_SIGNATURE, "not signed by the vendor")
    _refused(archive(tmp_path / "a.tar.gz", entries(folder)), other, Code.BAD_SIGNATURE, SUMS)


def test_a_later_release_may_be_signed_with_the_next_key(folder: Path, key: ReleaseKey, tmp_path: Path) -> None:
    following = trial_key(tmp_path / "next.key")
    sign(following, folder)
    _refused(folder, key, Code.BAD_SIGNATURE, SUMS)
    answer = verify_bundle(folder, key.both_pem() + following.both_pem())
    assert isinstance(answer, Verified)
    assert answer.key == following.fingerprint()


@pytest.mark.rule("malformed", "bad_signature")
def test_each_single_altered_byte_is_found(folder: Path, key: ReleaseKey) -> None:
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name == SSH_SIGNATURE:  # the one for ssh-keygen is not what Carnet reads
            continue
        whole = path.read_bytes()
        for at in {0, len(whole) // 2, len(whole) - 1}:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            listed = path.name not in FIRST
            wanted = (Code.MALFORMED, "was altered") if listed else (Code.BAD_SIGNATURE, "not signed")
            _refused(folder, key, *wanted)
        path.write_bytes(whole)
    assert isinstance(verify_bundle(folder, key.both_pem()), Verified)


def _hide_behind_the_end(raw: bytes) -> bytes:
    return raw.rstrip(b"\0") + bytes(2048) + b"hidden" + bytes(506)


def _fill_a_gap(raw: bytes) -> bytes:
    at = raw.index(b"print('installed')\n") + 100
    return raw[:at] + b"hidden" + raw[at + 6 :]


def _without(name: str) -> Callable[[list[Entry]], list[Entry]]:
    return lambda content: [one for one in content if one[0].name != f"{TOP}/{name}"]


def _with(*more: Entry) -> Callable[[list[Entry]], list[Entry]]:
    return lambda content: [*content, *more]


SPOILED: dict[str, tuple[Callable[[list[Entry]], list[Entry]], str]] = {
    "one file more": (_with(entry(TOP, "wheels/two.whl", b"x")), "does not belong"),
    "one file less": (_without(WHEEL), "is missing"),
    "no signature": (_without(SIGNATURE), "not in order"),
    "no list": (_without(SUMS), "not in order"),
    "nothing": (lambda _: [], "no signed list"),
    "a file twice": (lambda content: [*content, content[-1]], "twice"),
    "the list last": (lambda content: content[1:] + content[:1], "not in order"),
    "a path upwards": (_with(entry(TOP, "../../etc/cron.d/x", b"x")), "unsafe path"),
    "a path from the root": (_with(entry("", "/etc/cron.d/x", b"x")), "unsafe path"),
    "a hidden file": (_with(entry(TOP, ".x", b"x")), "unsafe path"),
    "a path with a control sign": (_with(entry(TOP, "a\x1b[2J", b"x")), "unsafe path"),
    "another top folder": (_with(entry("other", "x", b"x")), "unsafe path"),
    "a link": (_with(entry(TOP, "x", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")), "not a regular file"),
    "a hard link": (_with(entry(TOP, "x", b"", type=tarfile.LNKTYPE, linkname=f"{TOP}/{WHEEL}")), "not a regular file"),
    "a device": (_with(entry(TOP, "x", b"", type=tarfile.CHRTYPE)), "not a regular file"),
    "a folder": (_with(entry(TOP, "x", b"", type=tarfile.DIRTYPE)), "not a regular file"),
}


@pytest.mark.rule("malformed")
@pytest.mark.parametrize("how", SPOILED)
def test_an_archive_of_any_other_form_is_refused(how: str, folder: Path, key: ReleaseKey, tmp_path: Path) -> None:
    spoil, word = SPOILED[how]
    _refused(archive(tmp_path / "a.tar.gz", spoil(entries(folder))), key, Code.MALFORMED, word)


@pytest.mark.rule("malformed")
@pytest.mark.parametrize("spoil", [_hide_behind_the_end, _fill_a_gap])
def test_nothing_hides_between_or_behind_the_files(spoil, folder: Path, key: ReleaseKey, tmp_path: Path) -> None:
    _refused(archive(tmp_path / "a.tar.gz", entries(folder), spoil), key, Code.MALFORMED, "hidden")


@pytest.mark.rule("malformed")
def test_an_archive_cut_anywhere_is_refused(folder: Path, key: ReleaseKey, tmp_path: Path) -> None:
    raw = archive(tmp_path / "a.tar.gz", entries(folder)).read_bytes()
    for length in range(0, len(raw), 97):
        (tmp_path / "a.tar.gz").write_bytes(raw[:length])
        assert isinstance(verify_bundle(tmp_path / "a.tar.gz", key.both_pem()), Refusal), length


@pytest.mark.rule("malformed")
def test_what_unpacks_to_more_than_any_release_is_refused_before_it_is_read(
    folder: Path, key: ReleaseKey, tmp_path: Path
) -> None:
    head, _ = entry(TOP, "wheels/huge.whl", b"")
    head.size = 300 * 1024 * 1024
    plain = gzip.decompress(archive(tmp_path / "a.tar.gz", entries(folder)).read_bytes()).rstrip(b"\0")
    at = plain.rfind(bytes(range(256))) + 256
    padded = plain[:at] + bytes(-at % 512)
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(padded + head.tobuf(tarfile.USTAR_FORMAT)))
    _refused(tmp_path / "a.tar.gz", key, Code.MALFORMED, "larger than any release")


@pytest.mark.rule("malformed")
def test_a_folder_with_a_link_or_a_pipe_or_a_file_more_is_refused(folder: Path, key: ReleaseKey) -> None:
    more = folder / "wheels" / "more"
    more.symlink_to("one.whl")
    _refused(folder, key, Code.MALFORMED, "is a link")
    more.unlink()
    os.mkfifo(more)
    _refused(folder, key, Code.MALFORMED, "not a regular file")
    more.unlink()
    more.write_bytes(b"x")
    _refused(folder, key, Code.MALFORMED, "does not belong")


@pytest.mark.rule("malformed")
def test_a_bundle_that_does_not_say_which_release_it_is_is_refused(folder: Path, key: ReleaseKey) -> None:
    (folder / FACTS).write_text(json.dumps({"name": "carnet"}))
    sign(key, folder)
    _refused(folder, key, Code.MALFORMED, "which release")


def test_a_checkout_knows_no_vendor_and_says_so(folder: Path) -> None:
    done = through_the_door(app, ["verify-bundle", str(folder)], None)
    assert done.code == 2
    assert "checkout" in done.err
    assert "openssl" in done.err
