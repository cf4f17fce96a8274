"""A path below which a server answers: a proxy gives it to several servers of one name. It is a setting, and no header
says it: links in mails and cookies depend on it.
"""

import re

from carnet.errors import UsageError

_FORM = re.compile(r"(/[A-Za-z0-9._~-]+)+")


def checked_prefix(text: str) -> str:
    """`/licensing`, or nothing. Raises UsageError."""
    prefix = text.rstrip("/")
    if prefix and (not _FORM.fullmatch(prefix) or {".", ".."} & set(prefix.split("/"))):
        raise UsageError(f"“{text}” is not a path prefix.", "Write it as /licensing.")
    return prefix


def stripped(path: bytes, prefix: bytes) -> bytes:
    """A path as the server knows it, whether the proxy left the prefix there or took it off."""
    rest = path[len(prefix) :]
    if not prefix or not path.startswith(prefix) or rest[:1] not in (b"", b"/", b"?"):
        return path
    return rest if rest[:1] == b"/" else b"/" + rest
