"""Text that others wrote, as people may be shown it: one filter for every way out, one question for every way in (N3).

A terminal, a log, a mail or a page obeys some characters instead of showing them: escape codes (C0, C1), line breaks,
what turns the direction of writing, what has no width, tags, private and unassigned characters. Each of these is shown
as its number, `\\u202e` or `\\U000e0041`: a person sees that it is there, and which one. Nothing is left out, so that
two texts that differ still differ when they are shown. A backslash that somebody typed looks the same; it does nothing.

Also shown as numbers: characters that look like no character at all, marks beyond `MOST_MARKS` on one letter, and a
variation selector after another one. Writing systems that need marks keep theirs.

Not judged here: letters that look like other letters, and the natural order of Arabic and Hebrew.
"""

import codecs
import io
import re
import unicodedata
from collections.abc import Iterator
from typing import TextIO

MOST_MARKS = 8  # on one letter; written languages need four or five
FIELD = 200  # characters that are shown of one value
SENTENCE = 2_000  # characters that are shown of a message

# `str.isprintable` takes these for printable, and nothing is seen of them.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_SELECTOR = re.compile(f"[{_SELECTORS}]")
# Text without a match is printable where `str.isprintable` says so: most text is judged without a look at each sign.
_DOUBTFUL = re.compile(f"[{''.join(sorted(_BLANK))}]|[{_SELECTORS}]{{2}}|[^\\x00-\u02ff]{{{MOST_MARKS + 1}}}")

_ASCII = re.compile(r"[\x00-\x7f]+")
_CONTROL = {
    "": re.compile(r"[\x00-\x1f\x7f]"),
    "\n": re.compile(r"[\x00-\x09\x0b-\x1f\x7f]"),
    "\n\t": re.compile(r"[\x00-\x08\x0b-\x1f\x7f]"),
}


def is_printable(text: str) -> bool:
    """Whether `printable` leaves all of a text as it is: it is one line, and each of its characters is seen."""
    if not text.isprintable():
        return False
    return text.isascii() or _DOUBTFUL.search(text) is None or printable(text) == text


def printable(text: str, most: int | None = None) -> str:
    """`text` on one line, with each character that is not seen as its number. `most`: characters; a longer text is cut,
    and ends in `…`."""
    found = _shown(text if most is None else text[: most + 1], "")
    return found if most is None or len(found) <= most else f"{found[: most - 1]}…"


def printable_lines(text: str) -> str:
    """The same for text of several lines: line feeds and tabs stay. For text whose lines are ours."""
    return _shown(text.replace("\r\n", "\n"), "\n\t")


def printable_json(text: str) -> str:
    """JSON that means the same, with each character that is not seen as JSON's own escape."""
    return _shown(text, "\n", for_json=True)


def ascii_json(text: str) -> str:
    """The same JSON in ASCII alone, for pipes and terminals of any encoding."""
    return text if text.isascii() else "".join(sign if sign.isascii() else _in_json(sign) for sign in text)


_PLAIN = str.maketrans(
    dict(zip("“”„‘’–—\u2212·×", '"""\'\'---.x', strict=True)) | {"…": "...", "→": "->", "≥": ">=", "≤": "<="}
)


def show_replaced(stream: TextIO) -> None:
    """Let a stream replace what its encoding lacks, instead of failing: signs that have a plain one by that, all else
    by its number. A command that acted must be able to say so on any terminal."""
    codecs.register_error("carnet", _replaced)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="carnet")


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end].translate(_PLAIN)
    return "".join(sign if sign.isascii() else _number(sign) for sign in missing), error.end


def _shown(text: str, kept: str, *, for_json: bool = False) -> str:
    if _is_plain(text, kept):
        return text
    number = _in_json if for_json else _number
    return "".join(sign if good or sign in kept else number(sign) for sign, good in _judged(text))


def _is_plain(text: str, kept: str) -> bool:
    """Whether a quick look says that each character is seen. A page is nearly all ASCII, and is judged as bytes would
    be; what is not stays in its runs, each beside a space."""
    if _CONTROL[kept].search(text):
        return False
    rest = "" if text.isascii() else _ASCII.sub(" ", text)
    return rest.isprintable() and _DOUBTFUL.search(rest) is None


def _judged(text: str) -> Iterator[tuple[str, bool]]:
    """Each character, and whether it is seen."""
    marks, before = 0, ""
    for sign in text:
        marks = marks + 1 if unicodedata.category(sign)[0] == "M" else 0
        twice = bool(_SELECTOR.match(before) and _SELECTOR.match(sign))
        yield sign, sign.isprintable() and sign not in _BLANK and marks <= MOST_MARKS and not twice
        before = sign


def _number(sign: str) -> str:
    code = ord(sign)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _in_json(sign: str) -> str:
    """JSON writes a character beyond the first 65,536 as a pair (RFC 8259, section 7)."""
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
