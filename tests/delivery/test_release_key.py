"""The vendor's release key: two keys in one file, and nothing less."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from bundle.make import sign
from bundle.signing import KeyFileError, ReleaseKey, make_key, read_key, read_public
from carnet.bundles import Verified, verify_bundle
from tests.delivery.bundles import small_folder


def test_a_key_is_made_once_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "release.key"
    made = make_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(path).both_pem() == made.both_pem() == read_public(tmp_path / "release.key.pub")
    with pytest.raises(KeyFileError, match="replaces no other"):
        make_key(path)
    assert read_key(path).both_pem() == made.both_pem()
    assert "PRIVATE" not in repr(made)


def test_openssl_reads_the_ed25519_key_of_it(tmp_path: Path) -> None:
    made = make_key(tmp_path / "release.key")
    asked = ["openssl", "pkey", "-in", tmp_path / "release.key", "-pubout"]
    assert subprocess.run(asked, capture_output=True, check=True).stdout == made.pem()


@pytest.mark.rule("D1")
def test_a_file_with_one_key_of_two_or_in_another_order_is_refused(tmp_path: Path) -> None:
    key = ReleaseKey.generate()
    ed, lattice = key.private_pem().split(b"-----BEGIN")[1:]
    path = tmp_path / "key"
    for pems in ([ed], [lattice], [lattice, ed], [ed, ed], [ed, lattice, lattice], []):
        path.write_bytes(b"".join(b"-----BEGIN" + pem for pem in pems))
        with pytest.raises(KeyFileError, match="does not hold"):
            read_key(path)
    path.write_bytes(key.pem())
    for read in (read_key, read_public):
        with pytest.raises(KeyFileError):
            read(path)


@pytest.mark.rule("D1")
def test_the_next_key_is_named_by_both_its_public_keys(tmp_path: Path) -> None:
    key, following = make_key(tmp_path / "key"), make_key(tmp_path / "next.key")
    folder = small_folder(tmp_path, key)
    sign(following, folder)
    known = key.both_pem() + read_public(tmp_path / "next.key.pub")
    assert isinstance(verify_bundle(folder, known), Verified)
