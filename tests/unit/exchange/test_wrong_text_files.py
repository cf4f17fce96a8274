"""Readers of text that people make say what another file is, and never a codec's or a parser's words (E13)."""

import pytest

from carnet.control_room.rules.granting.assignment_file import read_assignments
from carnet.exchange.file_kinds import wrong_file
from carnet.exchange.verdicts import Refusal

WRONG = {
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR": "a picture (PNG)",
    b"PK\x03\x04\x14\x00\x06\x00[Content_Types].xml": "an office document",
    b"%PDF-1.7\n": "a PDF document",
    "user,product\nanna,bot-creator\n".encode("utf-16"): "text in UTF-16",
    b"<!doctype html><title>Sign in</title>": "a web page",
    b"user,product\nJos\xe9,bot-creator\n": "not text in UTF-8",
    b"\x00" * 400: "a file of zeros",
}


@pytest.mark.rule("E13")
@pytest.mark.parametrize("raw", WRONG, ids=WRONG.values())
def test_a_wrong_file_is_named_with_what_to_do(raw: bytes) -> None:
    found = wrong_file(raw, "a CSV file")
    assert found
    said, to_do = found
    assert WRONG[raw] in said
    assert said.endswith("not a CSV file.")
    assert to_do
    refusal = read_assignments(raw)
    assert isinstance(refusal, Refusal)
    assert (refusal.message, refusal.next) == found
    assert "codec" not in refusal.message


@pytest.mark.parametrize("raw", [b"", b"user,product\n", b"\xef\xbb\xbfuser,product\n", "Jos\u00e9".encode()])
def test_what_may_be_one_is_read(raw: bytes) -> None:
    assert wrong_file(raw, "a CSV file") is None or raw == b""
