"""What a forger does to a file: any bytes as payload, any header, any set of signatures, each made with real keys."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from carnet.exchange.envelope import Kind
from carnet.exchange.keys import Signer
from carnet.exchange.strict import from_base64url, to_base64url
from carnet.exchange.versioning import TABLES, versions_of


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def signed(payload: bytes, kind: str | Kind, signers: Sequence[Signer], v: object = None, **header: object) -> bytes:
    """A file with `payload` as it stands, good or not, signed by `signers` under whatever header is asked for.

    `v`: by default the newest version of the kind, which is what `samples` write; 1 of a kind that there is not.
    """
    body = to_base64url(payload)
    if v is None:
        v = versions_of(kind).newest if kind in TABLES else 1
    return compact({"payload": body, "signatures": [_signature(body, str(kind), s, v, header) for s in signers]})


def _signature(body: str, kind: str, signer: Signer, v: object, extra: dict[str, object]) -> dict[str, str]:
    fields = {"alg": signer.key.alg, "kid": signer.key.kid, "typ": kind, "v": v} | extra
    protected = to_base64url(compact(fields))
    return {"protected": protected, "signature": to_base64url(signer.sign(f"{protected}.{body}".encode()))}


def parts(raw: bytes) -> dict[str, Any]:
    return json.loads(raw)


def payload(raw: bytes) -> bytes:
    return from_base64url(parts(raw)["payload"])


def edit_envelope(raw: bytes, edit: Callable[[dict[str, Any]], object]) -> bytes:
    """The file with its envelope changed and nothing signed again."""
    jws = parts(raw)
    edit(jws)
    return compact(jws)


def edit_payload(raw: bytes, edit: Callable[[dict[str, Any]], object]) -> bytes:
    """The file with its payload changed and nothing signed again."""

    def change(jws: dict[str, Any]) -> None:
        fields = json.loads(from_base64url(jws["payload"]))
        edit(fields)
        jws["payload"] = to_base64url(compact(fields))

    return edit_envelope(raw, change)


def resign(raw: bytes, signers: Sequence[Signer], edit: Callable[[dict[str, Any]], object]) -> bytes:
    """The file with its payload changed, and signed again by `signers` as the version that it is."""
    fields = json.loads(payload(raw))
    edit(fields)
    return signed(compact(fields), kind_of(raw), signers, _header(raw)["v"])


def resign_bytes(raw: bytes, signers: Sequence[Signer], edit: Callable[[bytes], bytes]) -> bytes:
    """The same, on the payload's bytes, for what no JSON writer would write."""
    before = payload(raw)
    after = edit(before)
    assert after != before, "the edit found nothing to change"
    return signed(after, kind_of(raw), signers, _header(raw)["v"])


def edit_header(raw: bytes, number: int, edit: Callable[[dict[str, Any]], object]) -> bytes:
    """The file with one signature's header changed and nothing signed again."""

    def change(jws: dict[str, Any]) -> None:
        header = json.loads(from_base64url(jws["signatures"][number]["protected"]))
        edit(header)
        jws["signatures"][number]["protected"] = to_base64url(compact(header))

    return edit_envelope(raw, change)


def kind_of(raw: bytes) -> str:
    return str(_header(raw)["typ"])


def _header(raw: bytes) -> dict[str, Any]:
    """The protected header of the first signature."""
    return json.loads(from_base64url(parts(raw)["signatures"][0]["protected"]))
