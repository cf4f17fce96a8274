"""What a file is that is not the one that was asked for: a table of first bytes, for people who chose the wrong one.

Nothing is believed by it. It gives a refusal the words that help, where a reader could only say that it cannot read.
"""

import re
from dataclasses import dataclass

HEAD = 4096  # bytes that are looked at
_AGAIN = "Choose the file as CALM or the Control Room wrote it."
_UNPACK = "Take the file out of it first, and choose that one."
_SAVED = "Do not open and save it: copy the file itself again from where it was made."
_COPY = "Copy it again from where it was made, and let the stick be ejected before it is pulled out."
_PICTURE = "Choose the file itself, not a picture of it."


@dataclass(frozen=True)
class FileKind:
    """`words`: what it is, with its article. `mend`: what to do. `foreign`: it never was the right file; else it is
    that file, perhaps, and was changed on the way."""

    words: str
    mend: str = _AGAIN
    foreign: bool = True


EMPTY = FileKind("an empty file, of 0 bytes", _COPY, foreign=False)
_ZEROS = FileKind("a file of zeros alone: the copy was not finished", _COPY, foreign=False)
_UTF16 = FileKind("text in UTF-16, as an editor or PowerShell saves it", _SAVED, foreign=False)
_BOM = FileKind("text with a byte order mark, as an editor saves it", _SAVED, foreign=False)
_OFFICE = FileKind("an office document")
_MAIL = FileKind("an e-mail", "Save the file that is attached to it, and choose that one.")
_HTML = FileKind("a web page (HTML)", "A page was saved in its place, perhaps that of a sign-in: download it again.")
_BINARY_KEY = FileKind("a certificate or key in binary form (DER or PFX)")

_STARTS: tuple[tuple[bytes, FileKind], ...] = (
    (b"%PDF-", FileKind("a PDF document")),
    (b"\x89PNG\r\n\x1a\n", FileKind("a picture (PNG)", _PICTURE)),
    (b"\xff\xd8\xff", FileKind("a picture (JPEG)", _PICTURE)),
    (b"GIF8", FileKind("a picture (GIF)", _PICTURE)),
    (b"\x1f\x8b", FileKind("a gzip archive", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", FileKind("a 7-Zip archive", _UNPACK)),
    (b"Rar!\x1a", FileKind("a RAR archive", _UNPACK)),
    (b"BZh", FileKind("a bzip2 archive", _UNPACK)),
    (b"\xfd7zXZ\x00", FileKind("an xz archive", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", FileKind("a zstd archive", _UNPACK)),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind("an Outlook message or an old office document", _MAIL.mend)),
    (b"SQLite format 3\x00", FileKind("an SQLite database")),
    (b"carnet-control-room-backup ", FileKind("a backup of a Control Room")),
    (b"carnet-calm-backup ", FileKind("a backup of CALM")),
    (b"\x00\x05\x16\x07", FileKind("a side file of macOS", "Choose the file without “._” before its name.")),
    (b"\x4c\x00\x00\x00\x01\x14\x02\x00", FileKind("a shortcut of Windows", "Choose the file that it points to.")),
    (b"\x7fELF", FileKind("a program")),
    (b"MZ", FileKind("a program of Windows")),
    (b"\xff\xfe", _UTF16),
    (b"\xfe\xff", _UTF16),
    (b"\xef\xbb\xbf", _BOM),
    (b"ssh-", FileKind("a public key (SSH)")),
    (b"cnk_", FileKind("an API key")),
)
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_HEADERS = (
    rb"(?:From |Return-Path:|Received:|Delivered-To:|MIME-Version:|Message-ID:|Subject:|X-[\w-]+:|From:|To:|Date:)"
)
_MAIL_HEAD = re.compile(_HEADERS + rb".*\r?\n(?:[\w-]+:|[ \t])", re.IGNORECASE)


def kind_of(raw: bytes) -> FileKind | None:
    """What the bytes of a file begin as, or None where the table does not know. Exchange files are not in it."""
    head = raw[:HEAD]
    if not head:
        return EMPTY
    if not head.strip(b"\x00"):
        return _ZEROS
    found = next((kind for start, kind in _STARTS if head.startswith(start)), None)
    return found or _archive(head) or _text(head) or _binary(head)


def wrong_file(raw: bytes, wanted: str) -> tuple[str, str] | None:
    """For readers of text that people make (CSV, a catalogue): what the file is instead, in a sentence, and what to do;
    None where it may be one. Never a codec's or a parser's words."""
    kind = kind_of(raw)
    if kind is not None and kind is not _BOM:
        return f"The file is {kind.words}, and not {wanted}.", kind.mend
    try:
        raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return f"The file is not text in UTF-8, and so not {wanted}.", "Save it again as text in UTF-8."
    return None


def _archive(head: bytes) -> FileKind | None:
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        inside = (b"[Content_Types].xml", b"mimetypeapplication/vnd.oasis", b"word/", b"xl/")
        return _OFFICE if any(name in head for name in inside) else FileKind("a zip archive", _UNPACK)
    return FileKind("a tar archive", _UNPACK) if head[257:262] == b"ustar" else None


def _text(head: bytes) -> FileKind | None:
    text = head.lstrip()
    if text[:15].lower().startswith((b"<!doctype html", b"<html")):
        return _HTML
    if text.startswith(b"<?xml"):
        return FileKind("an XML file")
    if pem := _PEM.search(head):
        words = pem[1].decode().lower()
        return FileKind("a private key (PEM)" if "private key" in words else f"a PEM file ({words})")
    if _MAIL_HEAD.match(text):
        return _MAIL
    is_ledger = text.startswith(b'{"index": ')
    return FileKind("an export of a ledger") if is_ledger else None


def _binary(head: bytes) -> FileKind | None:
    if head[0] == 0x30 and head[1:2] in (b"\x80", b"\x81", b"\x82", b"\x83"):
        return _BINARY_KEY
    if head[1::2][:64].strip(b"\x00") == b"" or head[0::2][:64].strip(b"\x00") == b"":
        return _UTF16 if len(head) > 3 else None
    return None
