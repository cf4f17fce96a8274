"""The fields of a file as rows of label and value. None is left out: people read what leaves a site before it does."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec

from carnet.exchange.carried_license import CarriedLicense, open_carried
from carnet.exchange.envelope import JwsFields, words_of
from carnet.exchange.keys import AkpKey, OkpKey
from carnet.exchange.license_file_request import LicenseFileRequest, LineTotals
from carnet.exchange.reads import SiteReads, VendorReads
from carnet.exchange.verdicts import Refusal
from carnet.times import end, stamp

Row = tuple[str, str]

_NAMES = {
    "id": "identifier",
    "sha256": "SHA-256",
    "olf_id": "OLF",
    "license_guid": "License GUID",
    "content_sha256": "SHA-256 of what was issued",
    "detail_sha256": "SHA-256 of who acted and why",
    "sealed_sha256": "SHA-256 of the sealed body, opened",
    "system": "system clock",
    "trusted": "trusted time",
    "largest_set_back_s": "largest set back (seconds)",
    "extends": "proves that it extends",
}
_BY_NAME: dict[str, Callable[[Any], str]] = {  # by the name of the field itself
    "enrolment_secret": lambda _: "not shown",  # A2
    "blinding": lambda _: "32 random bytes",
    "sealed": lambda text: f"{len(text)} characters that only the Control Room's key opens",
    "valid_until": end,
}


def in_short(request: LicenseFileRequest) -> tuple[Row, ...]:
    """What a guard at the border wants to know first; every field follows after it."""
    room = request.control_room
    rows = [
        ("from", f"{room.name}, version {room.version}"),
        ("asks for", f"{request.kind.value} (#{request.sequence})"),
    ]
    if request.install_by:
        rows.append(("answer to be installed before", stamp(request.install_by)))
    rows.append(("reads", reads_words(request.reads)))
    if request.license:
        rows.append(("carries back", "the installed license file, opened (L6); see below"))
    rows += [(line.sku, _line(line)) for line in request.totals.record.body.lines]
    return tuple(rows)


def carried_rows(carried: CarriedLicense) -> tuple[Row, ...]:
    """The license file in an LFR, as it was opened at the site: what the vendor granted, in words (L6)."""
    opened = open_carried(carried)
    if isinstance(opened, Refusal):
        return (("the file", opened.message),)
    return (*rows_of(opened.olf), *rows_of(opened.body))


def reads_words(reads: SiteReads | VendorReads) -> str:
    """The versions that a side reads, in words: `tokens of version 1; OLFs of versions 1 and 2; …`."""
    parts = (f"{_FILES[name]} of {words_of(getattr(reads, name))}" for name in reads.__struct_fields__)
    return "; ".join(parts)


_FILES = {"token": "tokens", "olf": "OLFs", "key_set": "key sets", "lfr": "LFRs", "receipt": "receipts"}


def _line(line: LineTotals) -> str:
    kind, granted = line.metric.kind, line.metric.kind.amount(line.granted)
    if not kind.has_quantity:
        return granted
    if kind.counts_units:
        since = f" since {stamp(line.period_start)}" if line.period_start else ""
        owed = f", {line.owed:,} of them owed" if line.owed else ""
        reserved = f"; {line.reserved:,} reserved" if line.reserved else ""
        return f"{granted} granted, {line.consumed:,} consumed{since}{owed}{reserved}"
    return f"{granted} granted, {line.in_use:,} in use, {line.peak_in_use:,} at most"


def rows_of(fields: msgspec.Struct) -> tuple[Row, ...]:
    """Every field, parts of parts included, as (label, value)."""
    return tuple(_walk(fields, (), ""))


def _walk(value: Any, path: tuple[str, ...], field: str) -> Iterator[Row]:
    said = _BY_NAME[field](value) if field in _BY_NAME else _words(value)
    if said is not None:
        yield " · ".join(path), said
    elif isinstance(value, list):
        for number, item in enumerate(value, 1):
            rows = tuple(_walk(item, (), ""))
            whole = tuple(row for row in rows if " · " not in row[0])
            label = " · ".join((*path[:-1], f"{_one_of(path[-1])} {number}"))
            if whole == rows and len(rows) > 1:
                yield label, "; ".join(f"{name} {said}" for name, said in rows)
            else:
                yield from ((f"{label} · {name}" if name else label, said) for name, said in rows)
    else:
        for name in value.__struct_fields__:
            yield from _walk(getattr(value, name), (*path, _NAMES.get(name, name.replace("_", " "))), name)


def _one_of(name: str) -> str:
    return name if name.endswith("extends") else name.removesuffix("s")


def _words(value: Any) -> str | None:
    """One value in words; None where it has parts, which get rows of their own."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, OkpKey | AkpKey):
        return f"{value.alg} key, thumbprint {value.kid}"
    if isinstance(value, SiteReads | VendorReads):
        return reads_words(value)
    if isinstance(value, JwsFields):
        return f"a signed file of its own, {len(value.signatures)} signatures; see below"
    return _list_words(value) if isinstance(value, list | tuple) else _scalar(value)


def _list_words(value: Sequence[Any]) -> str | None:
    if not value:
        return "none"
    return None if isinstance(value[0], msgspec.Struct) else ", ".join(map(str, value))


def _scalar(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) else None
