"""E3: the text in an LFR that people or programs chose, each with its value, and what looks like a name of somebody or
something. The one place that says it: `carnet inspect`, the pages and `request generate` show what stands here.

Everything else in an LFR is a number, a time, a choice of a fixed list, an id, or a key, hash or proof; a test goes
through the whole schema. What looks random can hide a name where the software of the site was altered: that cannot be
seen.

Pure: fields in, words out.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from carnet.exchange.license_file_request import LicenseFileRequest

# Each field of the schema that holds such text, by its way through the file. Lists are left out of the way.
FIELDS = {
    "control_room.name": "name of the site",
    "control_room.version": "version",
    "totals.record.body.lines.sku": "products",
    "totals.record.body.refusals.code": "codes of refusals",
}
ALL_ELSE = "All else is numbers, times, ids, keys and proofs."

_TOKEN = re.compile(r"[^\s,;()<>\[\]{}\"'“”‘’«»|]+")
_EMAIL = re.compile(r"[^@\\/]+@[^@\\/]+")
_LOGON = re.compile(r"[\w.-]+\\[\w.$-]+")  # DOMAIN\user
_MAC = re.compile(r"(?i)([0-9a-f]{2}[:-]){5}[0-9a-f]{2}|([0-9a-f]{4}\.){2}[0-9a-f]{4}")
_DOTTED = re.compile(r"([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)+[a-z][a-z0-9-]+\.?")  # a host in its domain, and first.last
_MACHINE = re.compile(r"(?i)(desktop|laptop|win|server|srv|svr|host|vm|pc|nb|ws|dc)[-_]?([a-z]+[-_]?)?\d[a-z0-9_-]*")
_TITLE = re.compile(r"\b(Mr|Mrs|Ms|Dr|Prof|Herr|Frau|Mme|Sr|Sra)\.? [^\W\d_]")
_PORT = re.compile(r"^(\[.+\]|[^:]+):[0-9]{1,5}$")


@dataclass(frozen=True)
class FreeText:
    """One such field: how people call it, what stands in it, and what its text looks like, where that is telling."""

    field: str  # as in FIELDS
    label: str
    values: tuple[str, ...]

    @property
    def said(self) -> str:
        """The values in a row; `none` where there are none."""
        return ", ".join(self.values) or "none"

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence for each value that looks like somebody or something."""
        found = ((value, looks_like(value)) for value in self.values)
        return tuple(f"The {self.label}, “{value}”, looks like {what}." for value, what in found if what)


def free_texts(lfr: LicenseFileRequest) -> tuple[FreeText, ...]:
    """Every text in `lfr` that people or programs chose."""
    return tuple(
        FreeText(way, label, tuple(dict.fromkeys(_values(lfr, way.split("."))))) for way, label in FIELDS.items()
    )


def statement(lfr: LicenseFileRequest) -> str:
    """What leaves, in a sentence."""
    said = "; ".join(f"{text.label}: {text.said}" for text in free_texts(lfr))
    carried = " It carries the installed license file back, opened: what the vendor granted." if lfr.license else ""
    return f"Totals, and this text that people or programs chose: {said}. {ALL_ELSE}{carried}"


def warnings(lfr: LicenseFileRequest) -> tuple[str, ...]:
    """A sentence for each text that looks like a person, a machine or an address. Nothing is refused for it."""
    return tuple(sentence for text in free_texts(lfr) for sentence in text.warnings)


def looks_like(text: str) -> str:
    """What `text`, or a word in it, looks like; empty where it looks like nothing of the kind. Only shapes that are
    rarely anything else: a name of a person is not told from the name of a town."""
    found = next((what for token in _TOKEN.findall(text) if (what := _of_token(token))), "")
    return found or ("a person's name" if _TITLE.search(text) else "")


def _of_token(token: str) -> str:
    token = token.rstrip(".:!?") or token
    if _EMAIL.fullmatch(token):
        return "an e-mail address"
    if _LOGON.fullmatch(token):
        return "a user's name in a domain"
    if _is_address(token) or _MAC.fullmatch(token):
        return "an address of a network"
    host = port[1] if (port := _PORT.match(token)) else token
    if _DOTTED.fullmatch(host) or (_DOTTED.fullmatch(host.lower()) and host.isupper()):
        return "a host's or a user's name"
    return "a host's name" if _MACHINE.fullmatch(host) or host.lower() == "localhost" else ""


def _is_address(token: str) -> bool:
    bare = _PORT.sub(r"\1", token) if token.count(":") == 1 or token.startswith("[") else token
    try:
        ip_address(bare.partition("/")[0].strip("[]"))
    except ValueError:
        return False
    return bool(re.search(r"[.:]", bare))


def _values(value: object, way: list[str]) -> Iterable[str]:
    if isinstance(value, list):
        for each in value:
            yield from _values(each, way)
    elif way:
        yield from _values(getattr(value, way[0]), way[1:])
    else:
        yield str(value)
