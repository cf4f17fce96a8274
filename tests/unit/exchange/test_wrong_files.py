"""Files of other kinds are named for what they are, with what to do; never in a parser's or codec's words (E13)."""

import gzip
import io
import tarfile
import zipfile

import pytest

from carnet.exchange.envelope import Kind, open_envelope
from carnet.exchange.key_set import read_trust
from carnet.exchange.verdicts import Refusal

_PARSERS = ("codec", "byte 0x", "position", "JSON", "Expected `", "invalid", "Traceback")


def _zip(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, b"x")
    return out.getvalue()


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x.lfr"))
    return out.getvalue()


LFR = '{"payload":"abc","signatures":[]}'
FOREIGN = {
    "a PDF document": b"%PDF-1.7\n%\xe2\xe3\n",
    "a picture (PNG)": b"\x89PNG\r\n\x1a\n" + bytes(20),
    "a picture (JPEG)": b"\xff\xd8\xff\xe0" + bytes(20),
    "a zip archive": _zip("x.lfr"),
    "an office document": _zip("[Content_Types].xml"),
    "a gzip archive": gzip.compress(LFR.encode()),
    "a tar archive": _tar(),
    "a web page (HTML)": b"\n<!DOCTYPE html>\n<html><title>Sign in</title>",
    "an e-mail": b"Received: from a by b\r\nSubject: the file\r\n\r\nHello",
    "a private key (PEM)": b"-----BEGIN PRIVATE KEY-----\nMC4\n-----END PRIVATE KEY-----\n",
    "a PEM file (certificate)": b"-----BEGIN CERTIFICATE-----\nMC4\n",
    "a certificate or key in binary form (DER or PFX)": b"\x30\x82\x05\x01\x30\x82\x03",
    "an SQLite database": b"SQLite format 3\x00" + bytes(90),
    "a backup of a Control Room": b"carnet-control-room-backup 1\n" + bytes(9),
    "a side file of macOS": b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X",
}
CHANGED = {
    "an empty file": b"",
    "a file of zeros": bytes(4096),
    "text in UTF-16": LFR.encode("utf-16"),
    "text in UTF-16,": LFR.encode("utf-16-le"),
    "text with a byte order mark": b"\xef\xbb\xbf" + LFR.encode(),
}


def _refused(raw: bytes) -> Refusal:
    refusal = open_envelope(raw, Kind.LFR)
    assert isinstance(refusal, Refusal)
    assert not any(word in refusal.message + refusal.next for word in _PARSERS), refusal
    assert refusal.next
    return refusal


@pytest.mark.rule("E13", "wrong_type")
@pytest.mark.parametrize("words", FOREIGN)
def test_a_file_of_another_kind_is_named(words: str) -> None:
    refusal = _refused(FOREIGN[words])
    assert (refusal.code, refusal.message) == (
        "wrong_type",
        f"The file is {words}. Expected: License File Request (LFR).",
    )
    trust = read_trust(FOREIGN[words])
    assert isinstance(trust, Refusal)
    assert words in trust.message


@pytest.mark.rule("E13", "wrong_type")
def test_a_large_file_of_another_kind_is_named_too() -> None:
    assert "a PDF document" in _refused(b"%PDF-1.7\n" + bytes(2 * 2**20)).message


@pytest.mark.rule("E13", "malformed")
@pytest.mark.parametrize("words", CHANGED)
def test_a_file_that_was_changed_on_the_way_says_how(words: str) -> None:
    refusal = _refused(CHANGED[words])
    assert refusal.code == "malformed"
    assert words in refusal.message


@pytest.mark.rule("E13", "malformed")
@pytest.mark.parametrize("raw", [b"\x80\x81\x82\x83", b"{", b'{"payload":7}', b"[]", b"hello", LFR.encode() + b" x"])
def test_no_parser_speaks_to_who_carries_a_file(raw: bytes) -> None:
    assert _refused(raw).code == "malformed"
