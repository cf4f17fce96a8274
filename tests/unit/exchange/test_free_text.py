"""E3: no text leaves a site in an LFR that is not bounded, listed with its value, and marked where it is telling."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from carnet.control_room.rules import site_state
from carnet.exchange import free_text
from carnet.exchange.free_text import FIELDS, free_texts, looks_like, statement, warnings
from carnet.exchange.inspect import FREE_TEXT, Inspection, as_text, inspect
from carnet.exchange.license_file_request import LicenseFileRequest, SiteState, is_site_name, read_lfr, write_lfr
from carnet.exchange.verdicts import Code, Refusal
from tests.vectors import forge, samples

SITE = samples.site()
ROOT = Path(__file__).parents[3]

# What a text of the schema may be without being listed: its pattern leaves no room for words.
NO_WORDS = {
    r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$": "an id",
    r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|acknowledged|since)$": "an id, or one of two words",
    r"^[A-Za-z0-9_-]{43}$": "a key, hash or proof of 32 bytes",
    r"^[A-Za-z0-9_-]+$": "a key; the reader seals to it, or judges a signature by it",
}
# Of these the reader asks what they are by another field of the file.
FOLLOWS = {"ledger.checkpoint.origin": "the site's id", "issuing_log.origin": "the name of the vendor's log"}
# L6: the vendor's own files and words, which its signatures and the hash in them prove.
_JWS = ("payload", "signatures.protected", "signatures.signature")
PROVEN = {"license.body", *(f"license.{file}.{field}" for file in ("file", "key_set") for field in _JWS)}


def texts(shape: Any, way: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every text in the schema: the way to it, and what msgspec knows of it."""
    if isinstance(shape, msgspec.inspect.StructType):
        for field in shape.fields:
            yield from texts(field.type, (*way, field.encode_name))
    elif isinstance(shape, msgspec.inspect.UnionType):
        for each in shape.types:
            yield from texts(each, way)
    elif isinstance(shape, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
        yield from texts(shape.item_type, way)
    elif isinstance(shape, msgspec.inspect.Metadata):
        yield from texts(shape.type, way)
    elif isinstance(shape, msgspec.inspect.StrType):
        yield ".".join(way), shape
    else:
        fixed = (
            msgspec.inspect.IntType,
            msgspec.inspect.BoolType,
            msgspec.inspect.NoneType,
            msgspec.inspect.DateTimeType,
            msgspec.inspect.EnumType,
            msgspec.inspect.LiteralType,
        )
        assert isinstance(shape, fixed), (way, shape, "a kind of field that this test does not know")


SCHEMA = dict(texts(msgspec.inspect.type_info(LicenseFileRequest)))


@pytest.mark.security
@pytest.mark.rule("E3")
def test_each_text_of_the_schema_is_listed_or_has_no_room_for_words() -> None:
    """A new field of free text fails here until it is listed where people read what leaves."""
    free = {way for way, shape in SCHEMA.items() if way not in {*FOLLOWS, *PROVEN} and shape.pattern not in NO_WORDS}
    assert free == set(FIELDS)
    assert {*FOLLOWS, *PROVEN} < set(SCHEMA)


@pytest.mark.rule("E3")
@pytest.mark.parametrize("way", [*FIELDS, *FOLLOWS])
def test_each_text_that_is_listed_is_bounded(way: str) -> None:
    pattern = SCHEMA[way].pattern
    assert pattern
    for text in ("a" * 65, "1" * 65, "a-" * 40, "", " ", "a\nb", "ada@plant.example", "PLANT\\ada"):
        fits = re.search(pattern, text) and len(text) <= (SCHEMA[way].max_length or 64) and text.isprintable()
        assert not fits, text


def of(request: LicenseFileRequest) -> bytes:
    return write_lfr(request, [SITE.signer])


def edited(edit: Any) -> bytes:
    return forge.resign(samples.request(SITE), [SITE.signer], edit)


def _with(*way: str | int, value: object) -> Any:
    def edit(payload: Any) -> None:
        at = payload
        for step in way[:-1]:
            at = at[step]
        at[way[-1]] = value

    return edit


HIDDEN = {
    "name too long": _with("control_room", "name", value="A" * 65),
    "an e-mail address for a name": _with("control_room", "name", value="ada@plant.example"),
    "a logon for a name": _with("control_room", "name", value="PLANT\\ada"),
    "a space before the name": _with("control_room", "name", value=" Plant"),
    "a blank name": _with("control_room", "name", value="\u3164"),
    "a name for the state": _with("state", value="ada lovelace"),
    "somebody who states the totals": _with("totals", "record", "actor", value="ada"),
    "a sentence for a code": _with("totals", "record", "body", "refusals", 0, "code", value="Ada Lovelace, srv01"),
    "a code without end": _with("totals", "record", "body", "refusals", 0, "code", value="a" * 41),
    "another name for the ledger": _with("ledger", "checkpoint", "origin", value="srv01"),
    "another name for the vendor's log": _with("issuing_log", value={"origin": "srv01", "size": 1, "root": "A" * 43}),
    "a file by a name": _with("ledger", "extends", value=[{"of": "ada", "size": 3, "proof": []}]),
    "a sentence for a proof": _with("enrolment", "proof", value="Ada Lovelace works at srv01.plant.example.."),
    "a sentence for a hash": _with("totals", "proof", value=["Ada Lovelace works at srv01.plant.example.."]),
}


@pytest.mark.security
@pytest.mark.rule("E3", "malformed")
@pytest.mark.parametrize("where", HIDDEN)
def test_no_name_hides_in_a_field_of_an_lfr(where: str) -> None:
    raw = edited(HIDDEN[where])
    for answer in (read_lfr(raw), inspect(raw)):
        assert isinstance(answer, Refusal), where
        assert answer.code is Code.MALFORMED


@pytest.mark.security
@pytest.mark.rule("E3")
def test_a_name_that_leaves_is_said_with_its_value_and_marked() -> None:
    """It was said of every LFR that it names nobody."""
    named = samples.make_request(SITE, control_room=replace(SITE.fields, name="srv01.plant.example"))
    found = inspect(of(named))
    assert isinstance(found, Inspection)
    rows = dict(next(section.rows for section in found.sections if section.title == FREE_TEXT))
    assert rows["name of the site"] == "srv01.plant.example"
    assert rows["version"] == "40.0.0"
    assert rows["codes of refusals"] == "exhausted"
    assert all(line.sku in rows["products"] for line in named.totals.record.body.lines)
    assert rows["note"] == "The name of the site, “srv01.plant.example”, looks like a host's or a user's name."
    assert "srv01.plant.example" in statement(named)
    assert statement(named).endswith(free_text.ALL_ELSE)
    assert warnings(named) == (rows["note"],)
    assert "none" not in as_text(found).partition("This is all")[0].split("names of users")[-1][:20]
    plain = samples.make_request(SITE)
    assert warnings(plain) == ()
    assert [text.field for text in free_texts(plain)] == list(FIELDS)


LOOKS = {
    "an e-mail address": ["ada@plant.example", "Plant (ada.l@x.org)", "“ada@plant”"],
    "a user's name in a domain": ["PLANT\\ada", "plant.local\\svc-bot$"],
    "an address of a network": [
        "10.0.0.12", "Plant 192.168.7.1:8443", "10.1.0.0/16", "fe80::1", "[2001:db8::7]:443", "::1",
        "00:1A:2b:3c:4d:5e", "001a.2b3c.4d5e",
    ],
    "a host's or a user's name": [
        "srv01.plant.example", "ada.lovelace", "SRV01.PLANT.EXAMPLE", "Site on vault.corp:8443.", "a_b.c-d.local",
    ],
    "a host's name": ["localhost", "DESKTOP-4F7K2Q", "srv-lic01", "Plant VM12", "dc1", "PC-0042", "win-oslo7"],
    "a person's name": ["Dr. Berger Works", "Mrs Smith", "Herr Ö"],
}  # fmt: skip
LOOKS_NOT = [
    "", "Plant 7", "Oslo Vault", "Frankfurt", "Werk Süd (Halle 3)", "R&D, Bldg. 4", "No. 7: east", "v2.1",
    "St. Pauli", "40.0.0", "40", "bot-creator", "api-task-concurrency", "exhausted", "too_large", "東京 第二",
    "Control Room", "Line 1/2", "Unit 12:30", "Windows 7 lab", "PCB line", "O'Hare #2", "Host City", "Wine cellar 3",
]  # fmt: skip


@pytest.mark.rule("E3")
@pytest.mark.parametrize(("what", "text"), [(what, text) for what, all_of in LOOKS.items() for text in all_of])
def test_what_looks_like_somebody_or_something_is_told(what: str, text: str) -> None:
    assert looks_like(text) == what


@pytest.mark.rule("E3")
@pytest.mark.parametrize("text", LOOKS_NOT)
def test_what_looks_like_nothing_of_the_kind_is_not(text: str) -> None:
    assert looks_like(text) == ""


@given(st.text(max_size=64))
@pytest.mark.rule("E3")
def test_any_name_can_be_judged(name: str) -> None:
    assert looks_like(name) in ("", *LOOKS)
    fields = replace(SITE.fields, name="Plant") if not is_site_name(name) else None
    if fields is None:
        try:
            asked = samples.make_request(SITE, control_room=replace(SITE.fields, name=name))
        except ValueError:
            return  # not in Unicode form NFC
        assert not isinstance(read_lfr(of(asked)), Refusal), "what a site may be called, an LFR can hold"


@pytest.mark.rule("S")
def test_a_site_has_no_state_that_an_lfr_cannot_say() -> None:
    names = ("NEW", "ENABLED", "ACTIVE", "EXPIRING", "GRACE", "EXPIRED", "LOCKED", "RELEASED")
    assert {getattr(site_state, name) for name in names} == set(get_args(SiteState))


@pytest.mark.rule("E3")
def test_the_document_lists_the_same_fields() -> None:
    page = (ROOT / "docs/formats/license-file-request.md").read_text()
    part = page.partition("## Text that people or programs chose")[2].partition("\nThe leaf")[0]
    assert dict(re.findall(r"^\| `([a-z_.]+)` \| (.+) \|$", part, re.MULTILINE)) == FIELDS


@pytest.mark.security
@pytest.mark.rule("E3")
def test_one_place_says_what_leaves() -> None:
    """No page and no command has a sentence of its own about names of people and machines."""
    for path in (ROOT / "src/carnet").rglob("*"):
        if path.suffix == ".html" or (path.suffix == ".py" and "cli" in path.parts):
            text = path.read_text()
            assert not re.search(r"(?i)no user, host|totals only[:.]|names of users, hosts", text), path
