"""Strict reading: one way to write a value, and nothing else is read."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.entitlements import (
    MAX_QUANTITY,
    Fields,
    Quantity,
    Text,
    Time,
)
from carnet.exchange.strict import (
    MalformedError,
    decode,
    encode,
    from_base64url,
    to_base64url,
)


class Sample(Fields, frozen=True):
    amount: Quantity
    name: Text
    at: Time
    more: list["Sample"]


GOOD = b'{"amount":1,"name":"A","at":"2026-11-24T08:00:00Z","more":[]}'


def test_its_one_form_is_read() -> None:
    assert encode(decode(GOOD, Sample, depth=2)) == GOOD


@pytest.mark.rule("malformed")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"amount":1', b'"amount":1.0'),
        (b'"amount":1', b'"amount":1e0'),
        (b'"amount":1', b'"amount":1E3'),
        (b'"amount":1', b'"amount":-0'),
        (b'"amount":1', b'"amount":-1'),
        (b'"amount":1', b'"amount":01'),
        (b'"amount":1', b'"amount":+1'),
        (b'"amount":1', b'"amount":true'),
        (b'"amount":1', b'"amount":null'),
        (b'"amount":1', b'"amount":"1"'),
        (b'"amount":1', b'"amount":' + str(MAX_QUANTITY + 1).encode()),
        (b'"amount":1', b'"amount":' + b"9" * 400),
        (b'"amount":1', b'"amount":' + b"9" * 5000),
        (b'"amount":1', b'"amount":1e400'),
        (b'"amount":1', b'"amount":NaN'),
        (b'"amount":1', b'"amount":2,"amount":1'),
        (b'"amount":1', b'"amoun\\u0074":1'),
        (b'"amount":1', b'"amount": 1'),
        (b'"amount":1,"name":"A"', b'"name":"A","amount":1'),
        (b'"amount":1', b'"amount":1,"more ":1'),
        (b'"A"', b'"\\u0041"'),
        (b'"A"', b'"\\u0000"'),
        (b'"A"', b'"\\ud800"'),
        (b'"A"', b'"\xed\xa0\x80"'),
        (b'"A"', b'"\xff"'),
        (b'"A"', b'"a\x00b"'),
        (b'"A"', b'"\\n"'),
        (b'"A"', '"\u2028"'.encode()),
        (b'"A"', '"\u202e"'.encode()),
        (b'"A"', '"e\u0301"'.encode()),
        (b'"A"', b'"e\\u0301"'),
        (b'"A"', b'""'),
        (b'"A"', b'"' + b"A" * 201 + b'"'),
        (b"Z", b"+00:00"),
        (b"Z", b".5Z"),
        (b"Z", b".000Z"),
        (b"Z", b""),
        (b"T08", b" 08"),
        (b"2026-11-24", b"2026-02-30"),
        (b"08:00:00", b"24:00:00"),
        (b"08:00:00", b"08:00:60"),
        (b"[]", b"[[]]"),
        (b"}", b"}}"),
        (b"}", b"} "),
        (b"}", b",}"),
        (b"}", b""),
        (GOOD, b""),
        (GOOD, b"[]"),
        (GOOD, b"\xef\xbb\xbf" + GOOD),
        (GOOD, b" " + GOOD),
        (GOOD, GOOD + GOOD),
    ],
)
def test_another_way_to_write_it_is_refused(old: bytes, new: bytes) -> None:
    assert old in GOOD
    with pytest.raises(MalformedError):
        decode(GOOD.replace(old, new, 1), Sample, depth=2)


def _nested(depth: int) -> bytes:
    """A sample in a sample in a sample; each is two levels, an object and a list."""
    text = GOOD
    for _ in range(depth - 1):
        text = GOOD.replace(b"[]", b"[" + text + b"]")
    return text


@pytest.mark.rule("malformed")
def test_nesting_is_bounded_on_both_sides_of_the_edge() -> None:
    decode(_nested(3), Sample, depth=6)
    with pytest.raises(MalformedError, match="nested deeper than 5"):
        decode(_nested(3), Sample, depth=5)


@pytest.mark.parametrize("bracket", [b"[", b"{", b'{"more":['])
def test_100000_brackets_are_refused_before_they_are_parsed(bracket: bytes) -> None:
    with pytest.raises(MalformedError, match="nested deeper"):
        decode(bracket * 100_000, Sample, depth=12)


def test_brackets_in_a_text_are_no_nesting() -> None:
    decode(GOOD.replace(b'"A"', b'"[[[[{{{{\\"[[[["'), Sample, depth=2)


@pytest.mark.rule("malformed")
@pytest.mark.parametrize("text", [b'"\\' * 131_072, b'"' * 262_144, b'["' + b"\\" * 262_141, b'"[' * 131_072])
def test_no_text_takes_long_to_refuse(text: bytes) -> None:
    """256 KiB that a reader which starts again at each quote would chew on for minutes."""
    with pytest.raises(MalformedError):
        decode(text, Sample, depth=12)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(data, Sample, depth=2)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_is_another_value(at: int, byte: int) -> None:
    changed = GOOD[:at] + bytes([byte]) + GOOD[at + 1 :]
    try:
        assert encode(decode(changed, Sample, depth=2)) == changed
    except MalformedError:
        assert changed != GOOD


@given(st.binary(max_size=100))
def test_base64url_has_one_form(data: bytes) -> None:
    text = to_base64url(data)
    assert from_base64url(text) == data
    assert text == urlsafe_b64encode(data).decode().rstrip("=")


@pytest.mark.rule("malformed")
@pytest.mark.parametrize(
    "text", ["QQ==", "QR", "QUJ", "Q", "QUJD\n", " QUJD", "Q+JD", "Q/JD", "QÜJD", "QU.D", "=", "QUJDRA="]
)
def test_another_form_of_base64url_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        from_base64url(text)
