"""E19: each limit of a format is kept by whoever makes the file. The schemas are walked, so that none is forgotten."""

from collections.abc import Iterator

import msgspec
import pytest
from msgspec import inspect

from carnet.entitlements import MAX_QUANTITY, UnwritableError
from carnet.exchange.enablement_token import Token, write_token
from carnet.exchange.envelope import MAX_FILE, Header, JwsFields, Kind, readable
from carnet.exchange.key_set import KeySet
from carnet.exchange.license_file_request import MAX_CODES, MAX_TOTALS, LicenseFileRequest
from carnet.exchange.offline_license_file import MAX_SETTLED, OfflineLicenseFile, SealedBody
from carnet.exchange.receipt import Receipt
from carnet.exchange.verdicts import Code
from tests.vectors import samples

ROOTS = (Token, LicenseFileRequest, OfflineLicenseFile, SealedBody, Receipt, KeySet, JwsFields, Header)
PROOF = "A proof has a hash for each level of a tree: 64 levels are more records than can ever be."
KEYS = "A rotation makes two keys of each sort, and the old roots sign beside the new ones."
READS = "A release reads two versions of a kind."
WINDOWS = "`windows.changed` converts what two people propose into `Windows`, with its limits."
FIXED = "Of a fixed size."
DRAFT = "`limits.of_file` reads the draft of the sealed body as a site does, before anything is issued."
KEPT = {  # of each text and list that could be too long: who keeps its limit
    "AcceptedHistory.add": "`Plan.carried` takes as many acceptances as fit; `histories._save` splits a larger one.",
    "AkpKey.pub": FIXED,
    "CarriedLicense.body": "It is the body of a file that was installed; `readable` reads the LFR before it leaves.",
    "ControlRoomFields.name": "`is_site_name` refuses it at set-up.",
    "Extension.proof": PROOF,
    "Growth.proof": PROOF,
    "Header.alg": FIXED,
    "Header.typ": FIXED,
    "History.extends": "`lfr_draft.history` takes the newest 32 shown, the acknowledged one and the one asked for.",
    "JwsFields.payload": "A whole file is at most 256 KiB: `limits.of_file`, `limits.of_next_lfr` and `readable`.",
    "JwsFields.signatures": KEYS,
    "KeySet.issuers": KEYS,
    "KeySet.log_breaks": "`key_sets.make_broken` keeps the newest.",
    "KeySet.roots": KEYS,
    "Line.name": DRAFT,
    "Line.unit": DRAFT,
    "LogBreak.why": "`restorations.check_reason` refuses a longer one.",
    "LogProof.inclusion": PROOF,
    "LogRecord.kind": "The kinds of records are the code's own words.",
    "LogRecord.subject": "The id of the OLF.",
    "OfflineLicenseFile.sealed": "`limits.of_file` computes its length.",
    "SealedBody.account_name": DRAFT,
    "SealedBody.blinding": FIXED,
    "SealedBody.lines": "`limits.of_file` counts them.",
    "SealedBody.purchases": "There is one for each line.",
    "SealedBody.settled": "They are among the lines that an LFR states, and no LFR states more.",
    "SignatureFields.protected": FIXED,
    "SignatureFields.signature": FIXED,
    "SiteReads.key_set": READS,
    "SiteReads.olf": READS,
    "SiteReads.token": READS,
    "StatedTotals.proof": PROOF,
    "Token.account_name": "`accounts.add_account` refuses it; `readable` is asked before a token is handed out.",
    "Token.enrolment_secret": FIXED,
    "Totals.lines": "`limits.of_next_lfr` counts them before an OLF is issued, `GenerateRequest` before an LFR.",
    "Totals.refusals": "There are fewer codes than an LFR holds.",
    "VendorReads.lfr": READS,
    "VendorReads.receipt": READS,
    "Windows.deadline_notice_hours": WINDOWS,
    "Windows.expiry_notice_days": WINDOWS,
}
NUMBERS = {  # of each number with an end of its own
    "Header.v": "The versions of a kind are few.",
    "KeySet.threshold": "It is 1.",
    "Policy.grace_days": "`purchases.add_purchase` refuses more; `limits.of_file` reads the draft.",
    "Policy.overage_percent": "`purchases.add_purchase` refuses more; `limits.of_file` reads the draft.",
}


def limits(of: inspect.Type, path: str, seen: set[type]) -> Iterator[tuple[str, inspect.Type]]:
    """Each text, list and number within a struct, by the field that it stands in."""
    if isinstance(of, inspect.StructType):
        fields = of.fields if of.cls not in seen else ()
        seen.add(of.cls)
        for each in fields:
            yield from limits(each.type, f"{of.cls.__name__}.{each.encode_name}", seen)
    elif isinstance(of, inspect.UnionType):
        for each in of.types:
            yield from limits(each, path, seen)
    elif isinstance(of, inspect.ListType | inspect.VarTupleType):
        yield path, of
        yield from limits(of.item_type, path, seen)
    elif isinstance(of, inspect.StrType | inspect.IntType):
        yield path, of


def all_limits() -> list[tuple[str, inspect.Type]]:
    seen: set[type] = set()
    return [found for root in ROOTS for found in limits(inspect.type_info(root), root.__name__, seen)]


@pytest.mark.rule("E19")
def test_each_text_and_list_that_could_be_too_long_has_somebody_who_keeps_its_limit() -> None:
    bounded = {
        path
        for path, of in all_limits()
        if isinstance(of, inspect.ListType | inspect.VarTupleType)
        or (isinstance(of, inspect.StrType) and (of.max_length is not None or of.pattern is None))
    }
    assert bounded == set(KEPT)
    assert all(of.max_length for _, of in all_limits() if isinstance(of, inspect.ListType | inspect.VarTupleType))


@pytest.mark.rule("E19")
def test_each_number_is_a_quantity_or_somebody_keeps_its_limit() -> None:
    own = {path for path, of in all_limits() if isinstance(of, inspect.IntType) and of.le != MAX_QUANTITY}
    assert {path for path in own if not path.startswith(("Windows.", "SiteReads.", "VendorReads."))} == set(NUMBERS)


@pytest.mark.rule("E19")
def test_there_are_fewer_codes_than_an_lfr_holds_and_no_more_settled_lines_than_it_states() -> None:
    assert len(Code) <= MAX_CODES
    assert MAX_SETTLED == MAX_TOTALS


@pytest.mark.security
@pytest.mark.rule("E19")
def test_a_file_that_nobody_could_read_does_not_leave() -> None:
    vendor = samples.vendor()
    good = samples.make_token(vendor)
    assert readable(Kind.TOKEN, write_token(good, vendor.issuers))
    long = msgspec.structs.replace(good, account_name="N" * 201)
    with pytest.raises(UnwritableError, match="account_name"):
        readable(Kind.TOKEN, write_token(long, vendor.issuers))
    with pytest.raises(UnwritableError, match="larger"):
        readable(Kind.TOKEN, write_token(good, vendor.issuers) + b" " * MAX_FILE)
