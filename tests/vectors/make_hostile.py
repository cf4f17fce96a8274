"""Makes the hostile corpus: for each kind of file, the good one and what a forger or a bad stick makes of it.

Run `python -m tests.vectors.make_hostile` to write tests/vectors/hostile anew. Keys, identifiers and times come from
fixed seeds; the signatures of ML-DSA-65 and the sealed bodies are randomised where they are made, so that the files
differ from run to run and their verdicts do not. What is too large is made by the test that reads it (`oversized`).

In the folder: NAME.KIND (the files), expected.json (name to verdict, `good` for none), trust.json and key-set.jws (the
vendor's, version 2), key-set-1.jws (an older one), keys.json (the seeds of every private key, for tests only).
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from carnet.exchange.envelope import Kind
from carnet.exchange.key_set import write_key_set
from carnet.exchange.keys import Signer
from carnet.exchange.strict import encode, from_base64url, to_base64url
from carnet.exchange.versioning import versions_of
from tests.vectors import forge, samples

FOLDER = Path(__file__).parent / "hostile"
VERSION = 2

BY_VENDOR = ("token", "olf", "keyset")

Case = tuple[str, bytes, str]
Edit = Callable[[dict[str, Any]], object]

VENDOR = samples.vendor(version=VERSION)
OLDER = samples.vendor(version=VERSION - 1)
STRANGER = samples.vendor("stranger", version=VERSION)
SITE = samples.site()
ELSEWHERE = samples.site("elsewhere")


def corpus() -> Iterator[Case]:
    request = samples.request(SITE)
    goods = {
        "token": (samples.token(VENDOR), VENDOR.issuers, STRANGER.issuers),
        "lfr": (request, [SITE.signer], [ELSEWHERE.signer]),
        "olf": (
            samples.license_file(VENDOR, SITE, request, body=samples.make_body(3)),
            VENDOR.issuers,
            STRANGER.issuers,
        ),
        "receipt": (samples.receipt(SITE), [SITE.signer], [ELSEWHERE.signer]),
        "keyset": (VENDOR.raw_key_set, VENDOR.roots, STRANGER.roots),
    }
    for kind, (good, signers, strangers) in goods.items():
        yield f"good.{kind}", good, "good"
        for name, raw, verdict in _for_any(good, signers, strangers, by_vendor=kind in BY_VENDOR):
            yield f"{name}.{kind}", raw, verdict
    yield from _wrong_kinds({kind: good for kind, (good, _, _) in goods.items()})
    yield from _tokens(goods["token"][0])
    for kind in ("token", "olf"):
        good, _, strangers = goods[kind]
        yield f"one-signature-more.{kind}", _with_more(good, strangers[:1]), "unknown_signer"
        yield from _windows(good, goods[kind][1], kind)
    yield from _windows(request, [SITE.signer], "lfr")
    yield from _requests(request)
    yield from _numbers_and_texts(request)
    yield from _words(request)
    yield from _license_files(goods["olf"][0])
    yield from _key_sets()


def _for_any(good: bytes, signers: list[Signer], strangers: list[Signer], *, by_vendor: bool) -> Iterator[Case]:
    yield "empty", b"", "malformed"
    yield "truncated", good[: len(good) // 2], "malformed"
    yield "last-byte-missing", good[:-1], "malformed"
    yield "trailing-newline", good + b"\n", "malformed"
    yield "byte-order-mark", b"\xef\xbb\xbf" + good, "malformed"
    yield "not-utf8", b"\xff" + good[1:], "malformed"
    yield "pretty-printed", json.dumps(json.loads(good), indent=1).encode(), "malformed"
    yield "null", b"null", "malformed"
    yield from _envelopes(good, signers)
    yield from _payloads(good, signers)
    yield "flipped-in-payload", _flip(good, good.index(b'"payload":"') + 400), "malformed"
    yield "flipped-in-signature", _flip_signature(good, 0), "bad_signature"
    yield (
        "re-signed-by-a-stranger",
        forge.signed(forge.payload(good), forge.kind_of(good), strangers),
        ("unknown_signer" if by_vendor else "bad_signature"),
    )
    if len(signers) > 1:
        yield "ed25519-stripped", forge.edit_envelope(good, lambda jws: jws["signatures"].pop(0)), "bad_signature"
        yield "ml-dsa-stripped", forge.edit_envelope(good, lambda jws: jws["signatures"].pop(1)), "bad_signature"
        yield "ml-dsa-broken", _flip_signature(good, 1), "bad_signature"
        yield "signatures-swapped", _swap_signatures(good), "bad_signature"


def _envelopes(good: bytes, signers: list[Signer]) -> Iterator[Case]:
    kind = forge.kind_of(good)
    yield "no-signature", forge.edit_envelope(good, lambda jws: jws["signatures"].clear()), "malformed"
    yield "same-signature-twice", _repeat(good), "malformed"
    yield "duplicate-payload-key", good.replace(b'{"payload":', b'{"payload":"e30","payload":', 1), "malformed"
    yield "unprotected-header", _set_unprotected(good), "malformed"
    yield "unknown-envelope-field", forge.edit_envelope(good, lambda jws: jws.update(note="x")), "malformed"
    yield "header-crit", forge.signed(forge.payload(good), kind, signers, crit=["exp"]), "malformed"
    yield "header-jwk", forge.signed(forge.payload(good), kind, signers, jwk={"kty": "OKP"}), "malformed"
    yield "alg-none", forge.edit_header(good, 0, lambda header: header.update(alg="none")), "bad_signature"
    yield "alg-hs256", forge.edit_header(good, 0, lambda header: header.update(alg="HS256")), "bad_signature"
    yield "alg-eddsa", forge.signed(forge.payload(good), kind, signers, alg="EdDSA"), "bad_signature"
    for version in (0, versions_of(kind).newest + 1):  # E17
        raw = forge.signed(forge.payload(good), kind, signers, v=version)
        yield f"version-{version}", raw, "unsupported_version"
    yield "version-1.0", forge.signed(forge.payload(good), kind, signers, v=1.0), "malformed"
    yield "version-text", forge.signed(forge.payload(good), kind, signers, v="1"), "malformed"
    yield "unknown-type", forge.signed(forge.payload(good), "carnet-other+jws", signers), "wrong_type"
    padded = forge.edit_envelope(good, lambda jws: jws.update(payload=jws["payload"] + "="))
    yield "base64-padded", padded, "malformed"
    yield "base64-loose-bits", _loose_bits(good), "malformed"
    yield "base64-standard-alphabet", _standard_alphabet(good), "malformed"


def _payloads(good: bytes, signers: list[Signer]) -> Iterator[Case]:
    """Signed by the right keys all the same: what a signer that is not ours might write."""

    def bytewise(edit: Callable[[bytes], bytes]) -> bytes:
        return forge.resign_bytes(good, signers, edit)

    yield "payload-is-a-list", bytewise(lambda _: b"[]"), "malformed"
    yield "payload-spaced", bytewise(lambda text: text.replace(b",", b", ", 1)), "malformed"
    yield "unknown-field", bytewise(lambda text: text[:-1] + b',"extra":1}'), "malformed"
    yield "duplicate-field", bytewise(_duplicate_first_field), "malformed"
    yield "field-missing", forge.resign(good, signers, lambda fields: fields.popitem()), "malformed"
    yield "fields-reordered", bytewise(_reorder), "malformed"


def _numbers_and_texts(good: bytes) -> Iterator[Case]:
    """For one kind of file: all are decoded by the same code. The longest ones are here too."""

    def bytewise(edit: Callable[[bytes], bytes]) -> bytes:
        return forge.resign_bytes(good, [SITE.signer], edit)

    yield "nested-100000.lfr", b"[" * 100_000, "malformed"
    yield "quotes-without-end.lfr", b'"\\' * 20_000, "malformed"
    yield "payload-nested-100000.lfr", bytewise(lambda _: b"[" * 100_000), "malformed"
    yield "payload-without-end.lfr", bytewise(lambda _: b'"\\' * 20_000), "malformed"
    for name, number in (
        ("float", b"1.0"),
        ("exponent", b"1e0"),
        ("minus-zero", b"-0"),
        ("negative", b"-1"),
        ("two-to-53", b"9007199254740992"),
        ("400-digits", b"9" * 400),
        ("5000-digits", b"9" * 5000),
        ("nan", b"NaN"),
        ("as-text", b'"1"'),
        ("true", b"true"),
    ):
        yield f"number-{name}.lfr", bytewise(lambda text, number=number: _first_number(text, number)), "malformed"
    for name, text in (
        ("nul", b"\\u0000"),
        ("escaped-letter", b"\\u0041"),
        ("lone-surrogate", b"\\ud800"),
        ("raw-control", b"\x01"),
        ("not-nfc", "e\u0301".encode()),
        ("bidi-override", "\u202e".encode()),
        ("overlong-utf8", b"\xc0\xaf"),
    ):
        yield f"text-{name}.lfr", bytewise(lambda whole, text=text: _in_first_text(whole, text)), "malformed"
    for name, time in (("offset", b"+00:00"), ("fraction", b".0Z"), ("local", b""), ("lower-case", b"z")):
        edit = lambda text, time=time: text.replace(b':00Z"', b":00" + time + b'"', 1)  # noqa: E731
        yield f"time-{name}.lfr", bytewise(edit), "malformed"


def _words(good: bytes) -> Iterator[Case]:
    """What paints a terminal where it is quoted (N3), and names in fields that have no place for one (E3)."""
    paints = "\x1b[2J\x1b[H All signatures hold.\r\n\u202e\u2028"
    yield "field-that-paints.lfr", forge.edit_envelope(good, lambda jws: jws.update({paints: 1})), "malformed"
    yield "type-that-paints.lfr", forge.signed(forge.payload(good), paints, [SITE.signer]), "malformed"

    def edited(edit: Edit) -> bytes:
        return forge.resign(good, [SITE.signer], edit)

    for name, text in (
        ("long", "A" * 65),
        ("an-address", "ada@plant.example"),
        ("a-logon", "PLANT\\ada"),
        ("blank", "\u3164"),
    ):
        yield f"name-{name}.lfr", edited(lambda f, text=text: f["control_room"].update(name=text)), "malformed"
    yield "state-a-person.lfr", edited(lambda f: f.update(state="ada")), "malformed"
    yield "actor-a-person.lfr", edited(lambda f: f["totals"]["record"].update(actor="ada")), "malformed"
    yield "ledger-of-a-host.lfr", edited(lambda f: f["ledger"]["checkpoint"].update(origin="srv01")), "malformed"
    sentence = {"code": "Ada Lovelace, srv01", "count": 1}
    body = lambda f: f["totals"]["record"]["body"]  # noqa: E731
    yield "code-a-sentence.lfr", edited(lambda f: body(f)["refusals"].append(sentence)), "malformed"


def _wrong_kinds(goods: dict[str, bytes]) -> Iterator[Case]:
    kinds = list(goods)
    for number, kind in enumerate(kinds):
        other = kinds[(number + 1) % len(kinds)]
        yield f"is-a-{other}.{kind}", goods[other], "wrong_type"


def _tokens(good: bytes) -> Iterator[Case]:
    yield "with-an-older-key-set.token", samples.token(OLDER), "key_set_too_old"
    yield "with-a-strangers-key-set.token", samples.token(STRANGER), "unknown_signer"
    inner = lambda fields: fields.update(key_set=json.loads(STRANGER.raw_key_set))  # noqa: E731
    yield "key-set-exchanged.token", forge.resign(good, VENDOR.issuers, inner), "unknown_signer"
    signed_by_roots = forge.signed(forge.payload(good), Kind.TOKEN, VENDOR.roots)
    yield "signed-by-the-roots.token", signed_by_roots, "unknown_signer"
    forged: Edit = lambda fields: fields.update(account_name="Another Account")  # noqa: E731
    yield "another-account.token", forge.edit_payload(good, forged), "bad_signature"


def _windows(good: bytes, signers: list[Signer], kind: str) -> Iterator[Case]:
    """E18: windows out of their bounds, or that contradict themselves, signed by the right keys all the same."""
    for name, changes in (
        ("cycle-of-91-days", {"cycle_days": 91}),
        ("newest-longer-than-the-cycle", {"newest_request_hours": 169}),
        ("steps-that-rise", {"expiry_notice_days": [7, 30]}),
        ("steps-too-many", {"deadline_notice_hours": [*range(13, 0, -1)]}),
        ("no-steps", {"deadline_notice_hours": []}),
        ("unknown-window", {"grace_hours": 5}),
    ):
        edit: Edit = lambda fields, changes=changes: fields["windows"].update(changes)  # type: ignore[misc]  # noqa: E731
        yield f"windows-{name}.{kind}", forge.resign(good, signers, edit), "malformed"
    if kind == "lfr":
        other: Edit = lambda fields: fields["windows"].update(newest_request_hours=72)  # noqa: E731
        yield "windows-of-another-deadline.lfr", forge.resign(good, signers, other), "malformed"


def _requests(good: bytes) -> Iterator[Case]:
    def again(edit: Edit) -> bytes:
        return forge.resign(good, [SITE.signer], edit)

    key = SITE.opener.key.pub
    low_order = to_base64url(from_base64url(key)[:1184] + bytes(32))
    yield "totals-altered.lfr", forge.edit_payload(good, _lower_totals), "bad_signature"
    yield "sealing-key-signs.lfr", again(lambda f: _sealing(f)["sealing_key"].update(alg="ML-DSA-65")), "malformed"
    yield "sealing-key-of-low-order.lfr", again(lambda f: _sealing(f)["sealing_key"].update(pub=low_order)), "malformed"
    yield "sealing-key-short.lfr", again(lambda f: _sealing(f)["sealing_key"].update(pub=key[:1600])), "malformed"
    yield "release-with-a-cycle.lfr", again(lambda f: f.update(kind="release")), "malformed"
    new_keys = {"signing_key": ELSEWHERE.signer.key, "sealing_key": ELSEWHERE.opener.key}
    unsigned = again(lambda f: f.update(new_keys=json.loads(encode(new_keys))))
    yield "new-key-did-not-sign.lfr", unsigned, "bad_signature"
    yield "another-rooms-key.lfr", again(lambda f: _other_key(f)), "bad_signature"


def _license_files(good: bytes) -> Iterator[Case]:
    later: Edit = lambda fields: fields.update(valid_until="2030-01-01T00:00:00Z")  # noqa: E731
    yield "lasting-longer.olf", forge.edit_payload(good, later), "bad_signature"
    yield "signed-by-the-room.olf", forge.signed(forge.payload(good), Kind.OLF, [SITE.signer]), "unknown_signer"
    old_issuers = forge.signed(forge.payload(good), Kind.OLF, OLDER.issuers)
    yield "signed-by-retired-issuers.olf", old_issuers, "unknown_signer"
    yield "key-set-older.olf", _olf_with(OLDER.raw_key_set, OLDER.issuers), "key_set_too_old"
    yield "key-set-of-a-stranger.olf", _olf_with(STRANGER.raw_key_set, STRANGER.issuers), "unknown_signer"
    newer = samples.vendor("stranger", version=VERSION + 1)
    yield "newer-key-set-of-a-stranger.olf", _olf_with(newer.raw_key_set, newer.issuers), "unknown_signer"


def _key_sets() -> Iterator[Case]:
    yield "older.keyset", OLDER.raw_key_set, "key_set_too_old"
    other = samples.make_key_set(VENDOR.roots, STRANGER.issuers, VERSION)
    yield "same-version-other-content.keyset", write_key_set(other, VENDOR.roots), "bad_signature"
    newer = samples.make_key_set(STRANGER.roots, STRANGER.issuers, VERSION + 1)
    yield "newer-signed-by-its-own-roots-only.keyset", write_key_set(newer, STRANGER.roots), "unknown_signer"
    yield "newer-signed-by-old-roots-only.keyset", write_key_set(newer, VENDOR.roots), "bad_signature"
    half = [*STRANGER.roots, VENDOR.roots[0]]
    yield "newer-signed-by-half-the-old-roots.keyset", write_key_set(newer, half), "bad_signature"
    yield "signed-by-issuers.keyset", forge.signed(encode(newer), Kind.KEY_SET, VENDOR.issuers), "unknown_signer"
    whole = [*STRANGER.roots, *VENDOR.roots]
    twice = forge.resign(write_key_set(newer, whole), whole, lambda f: f["roots"].append(f["roots"][0]))
    yield "one-root-twice.keyset", twice, "malformed"
    no_ml_dsa = forge.resign(write_key_set(newer, whole), whole, lambda f: f["issuers"].pop(1))
    yield "no-ml-dsa-issuer.keyset", no_ml_dsa, "malformed"
    too_high = forge.resign(write_key_set(newer, whole), whole, lambda f: f.update(threshold=2))
    yield "threshold-above-its-roots.keyset", too_high, "malformed"


def _flip(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 0x80]) + raw[at + 1 :]


def _flip_signature(raw: bytes, number: int) -> bytes:
    def flip(jws: dict[str, Any]) -> None:
        value = from_base64url(jws["signatures"][number]["signature"])
        jws["signatures"][number]["signature"] = to_base64url(value[:20] + bytes([value[20] ^ 1]) + value[21:])

    return forge.edit_envelope(raw, flip)


def _swap_signatures(raw: bytes) -> bytes:
    def swap(jws: dict[str, Any]) -> None:
        one, other = jws["signatures"]
        one["signature"], other["signature"] = other["signature"], one["signature"]

    return forge.edit_envelope(raw, swap)


def _with_more(good: bytes, signers: list[Signer]) -> bytes:
    more = forge.parts(forge.signed(forge.payload(good), forge.kind_of(good), signers))
    return forge.edit_envelope(good, lambda jws: jws["signatures"].extend(more["signatures"]))


def _repeat(good: bytes) -> bytes:
    return forge.edit_envelope(good, lambda jws: jws["signatures"].append(jws["signatures"][0]))


def _set_unprotected(good: bytes) -> bytes:
    return forge.edit_envelope(good, lambda jws: jws["signatures"][0].update(header={"kid": "x"}))


def _loose_bits(good: bytes) -> bytes:
    """The last character of a signature says bits that no byte holds: another text for the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    def loosen(jws: dict[str, Any]) -> None:
        text = jws["signatures"][0]["signature"]  # of 64 bytes: its last character has four loose bits
        jws["signatures"][0]["signature"] = text[:-1] + alphabet[alphabet.index(text[-1]) | 1]

    return forge.edit_envelope(good, loosen)


def _standard_alphabet(good: bytes) -> bytes:
    def change(jws: dict[str, Any]) -> None:
        header = jws["signatures"][0]
        text = header["signature"]
        header["signature"] = "+/" + text[2:]

    return forge.edit_envelope(good, change)


def _duplicate_first_field(text: bytes) -> bytes:
    end = text.index(b",")
    return b"{" + text[1:end] + b"," + text[1:]


def _reorder(text: bytes) -> bytes:
    fields = json.loads(text)
    return forge.compact(dict(reversed(fields.items())))


def _first_number(text: bytes, number: bytes) -> bytes:
    return re.sub(rb'(":)[0-9]+(?=[,}])', lambda found: found[1] + number, text, count=1)


def _in_first_text(whole: bytes, text: bytes) -> bytes:
    at = whole.index(b':"') + 2
    return whole[:at] + text + whole[at:]


def _lower_totals(fields: dict[str, Any]) -> None:
    fields["totals"]["record"]["body"]["lines"][5]["consumed"] = 1


def _sealing(fields: dict[str, Any]) -> dict[str, Any]:
    return fields["control_room"]


def _other_key(fields: dict[str, Any]) -> None:
    fields["control_room"]["signing_key"] = json.loads(encode(ELSEWHERE.signer.key))


def _olf_with(key_set: bytes, issuers: list[Signer]) -> bytes:
    good = samples.license_file(VENDOR, SITE, samples.request(SITE), body=samples.make_body(3))
    return forge.resign(good, issuers, lambda fields: fields.update(key_set=json.loads(key_set)))


def oversized(good: bytes, most: int) -> bytes:
    return good + b" " * (most + 1 - len(good))


def _seeds(signers: list[Signer]) -> list[dict[str, str]]:
    return [{"alg": signer.alg, "seed": signer.seed.hex()} for signer in signers]


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    expected = {}
    for name, raw, verdict in corpus():
        assert name not in expected, name
        (FOLDER / name).write_bytes(raw)
        expected[name] = verdict
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    (FOLDER / "trust.json").write_bytes(encode(VENDOR.trust))
    (FOLDER / "key-set.jws").write_bytes(VENDOR.raw_key_set)
    (FOLDER / "key-set-1.jws").write_bytes(OLDER.raw_key_set)
    keys = {
        "vendor": {"roots": _seeds(VENDOR.roots), "issuers": _seeds(VENDOR.issuers)},
        "stranger": {"roots": _seeds(STRANGER.roots), "issuers": _seeds(STRANGER.issuers)},
        "site": {"id": SITE.id, "signer": SITE.signer.seed.hex(), "opener": SITE.opener.seed.hex()},
        "enrolment_secret": samples.SECRET,
    }
    (FOLDER / "keys.json").write_text(json.dumps(keys, indent=1) + "\n")


if __name__ == "__main__":
    main()
