"""Strict reading: one way to write a value, and nothing else is read.

A document is decoded into its struct and encoded again; only the very same bytes pass. That refuses duplicate keys,
other number forms, white space, reordered or unknown fields and odd escapes at one stroke, with a single parser, so
that two readers can never disagree about what was signed. Size and nesting are bounded before anything is parsed.
"""

import re
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TypeVar

import msgspec

T = TypeVar("T")

# Linear on any input: the string's body gives nothing back, and one without an end is taken to the end of the data.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


class MalformedError(ValueError):
    """What was read is not what its format says. It becomes the verdict `malformed` where a file is opened."""


def decode(data: bytes, shape: type[T], *, depth: int) -> T:
    """Read `data` as `shape`, nested at most `depth` deep.

    Raises:
        MalformedError: It is nested deeper, not in Unicode form NFC, not of this shape, or not in its one written
            form.
    """
    if _nesting(data, depth) > depth:
        raise MalformedError(f"it is nested deeper than {depth}")
    try:
        if not unicodedata.is_normalized("NFC", data.decode()):
            raise MalformedError("its text is not in Unicode form NFC")
        value = msgspec.json.decode(data, type=shape)
        if encode(value) != data:
            raise MalformedError("it is not written in the one form that is read: fields, numbers or spaces differ")
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MalformedError(_words(error)) from error
    return value


_PLACE = re.compile(r"at `\$\.?([^`]+)`")
_FIELD = re.compile(r"(missing required|unknown) field `([^`]+)`")


def _words(error: Exception) -> str:
    """What is wrong, in words of ours: a parser speaks to who wrote the program, not to who carries the file."""
    if isinstance(error, UnicodeError):
        return "it is not text in UTF-8"
    if not isinstance(error, msgspec.ValidationError):
        return "it is cut, or was altered"
    place, field = _PLACE.search(str(error)), _FIELD.search(str(error))
    within = f" in “{place[1]}”" if place else ""
    if field and field[1] == "unknown":
        return f"it has a field “{field[2]}”{within} that is not known"
    if field:
        return f"the field “{field[2]}”{within} is missing"
    return f"its field “{place[1]}” is not what it must be" if place else "it is not what it must be"


def encode(value: object) -> bytes:
    """A value in its one written form: JSON without spaces, fields in their order."""
    return msgspec.json.encode(value)


def to_base64url(data: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Decode base64url without padding.

    Raises:
        MalformedError: `text` is not the canonical form of its bytes.
    """
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise MalformedError("base64url cannot be decoded") from error
    if to_base64url(data) != text:
        raise MalformedError("base64url is not in its canonical form")
    return data


def _nesting(data: bytes, limit: int) -> int:
    deepest = level = 0
    for token in _STRING_OR_BRACKET.finditer(data):
        opening = token[0]
        if opening in (b"{", b"["):
            level += 1
            deepest = max(deepest, level)
            if deepest > limit:
                break
        elif opening in (b"}", b"]"):
            level -= 1
    return deepest
