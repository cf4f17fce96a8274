"""E19: limits are kept where files are made. What a site could not read, or could not live with, is refused before it
is issued, with what to do.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from carnet.entitlements import COUNTED_IN_UNITS, MAX_TEXT, Line
from carnet.exchange.envelope import MAX_DEPTH, MAX_FILE
from carnet.exchange.license_file_request import MAX_TOTALS, LineTotals
from carnet.exchange.offline_license_file import (
    BOX,
    MAX_LINES,
    MAX_SEALED,
    STEP,
    AddedUnits,
    SealedBody,
)
from carnet.exchange.strict import MalformedError, decode, encode
from carnet.exchange.verdicts import Code, Refusal

_REST = 32 * 1024  # bytes of an OLF, at most, without what is sealed, what is added and the key set
_KEY_SET = 64 * 1024
_REST_OF_LFR = 64 * 1024  # with 34 proofs of a ledger of 10^7 records
_BLINDING = "A" * 43  # in a draft: as long as the real one


def of_file(
    name: str, body: Callable[[str], SealedBody], add: Sequence[AddedUnits], brings_key_set: bool
) -> Refusal | None:
    """Whether the site called `name` could read an OLF with this sealed `body` (made with a blinding) and these units
    to `add`."""
    draft = body(_BLINDING)
    if len(draft.lines) > MAX_LINES:
        return _too_many_lines(len(draft.lines))
    for what, text in _texts(draft):
        if len(text) > MAX_TEXT:
            return _too_long(what, len(text))
    try:
        plaintext = encode(draft)
        decode(plaintext, SealedBody, depth=MAX_DEPTH)
    except (MalformedError, ValueError) as error:
        return unreadable(name, str(error))
    packed = len(zlib.compress(plaintext, 9)) + STEP  # the blinding does not pack alike
    sealed = _base64(packed + -packed % STEP + BOX)
    whole = sealed + len(encode(list(add))) + _REST + (_KEY_SET if brings_key_set else 0)
    if max(len(plaintext), _base64(whole)) > MAX_FILE or sealed > MAX_SEALED:
        return _too_large(_base64(whole), brings_key_set)
    return None


def of_next_lfr(
    name: str, lines: Iterable[Line], stated: Iterable[LineTotals], add: Iterable[AddedUnits]
) -> Refusal | None:
    """Whether the site could still state its totals after it installed `lines`: with them it states each line of units
    of the enrolment (`stated`) that is not settled, and each that units are added to."""
    skus = {line.line_id: line.sku for line in lines}
    skus |= {total.line_id: total.sku for total in stated if total.metric.kind.counts_units}
    skus |= {added.line_id: added.sku for added in add}
    size = _base64(sum(len(sku) + _TOTALS for sku in skus.values()))
    if len(skus) <= MAX_TOTALS and size + _REST_OF_LFR <= MAX_FILE:
        return None
    return Refusal(
        Code.CANNOT_BE_INSTALLED,
        f"After this file {name} would have to state {len(skus)} lines in its next request; one request holds "
        f"at most {MAX_TOTALS} lines and {MAX_FILE:,} bytes.",
        "Ask for fewer lines now. Lines of units that have ended are settled by the next license file, and stated no "
        "more after its install.",
    )


def unreadable(name: str, why: str) -> Refusal:
    """What a limit of the format refuses. `why`: the reader's own words, with the field."""
    return Refusal(
        Code.CANNOT_BE_INSTALLED,
        f"{name} could not read the file: {why.rstrip('.')}.",
        "Shorten the name or lower the number that is named, in the catalogue, the account or the purchase.",
    )


def _texts(body: SealedBody) -> Iterator[tuple[str, str]]:
    yield "account", body.account_name
    for line in body.lines:
        yield f"name of {line.sku}", line.name
        yield f"unit of {line.sku}", line.unit


def _too_long(what: str, length: int) -> Refusal:
    return Refusal(
        Code.CANNOT_BE_INSTALLED,
        f"The {what} has {length} characters; a site reads at most {MAX_TEXT}.",
        "Shorten it, then issue the file.",
    )


def _too_many_lines(count: int) -> Refusal:
    return Refusal(
        Code.CANNOT_BE_INSTALLED,
        f"The file would have {count} lines; a site reads at most {MAX_LINES}.",
        "Leave out what is not needed. What starts later can come with a later license file.",
    )


def _too_large(size: int, brings_key_set: bool) -> Refusal:
    first = " Or carry the newest key set there as a file first: this one would bring it." if brings_key_set else ""
    return Refusal(
        Code.CANNOT_BE_INSTALLED,
        f"The file would have up to {size:,} bytes; a site reads at most {MAX_FILE:,}.",
        f"Ask for fewer lines, or shorten the names of the products in the catalogue.{first}",
        run="calm key export-set --out FILE" if brings_key_set else "",
    )


def _base64(size: int) -> int:
    return -(-size * 4 // 3)


_MUCH = 10**12
_TOTALS = len(  # bytes of a line's totals, without its product's name
    encode(
        LineTotals(
            line_id="0" * 36,
            sku=",",
            metric=COUNTED_IN_UNITS[0],
            granted=_MUCH,
            in_use=0,
            peak_in_use=0,
            consumed=_MUCH,
            period_start=datetime(2026, 1, 1, tzinfo=UTC),
            owed=_MUCH,
            reserved=_MUCH,
        )
    )
)
