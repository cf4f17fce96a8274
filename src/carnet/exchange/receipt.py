"""The receipt, site to vendor, optional: proof that an OLF was installed, without waiting for the next LFR (H2)."""

from dataclasses import dataclass

from carnet.entitlements import (
    Count,
    Fields,
    Time,
    Uuid,
)
from carnet.exchange.envelope import (
    Envelope,
    Kind,
    bad_signature,
    open_envelope,
    read_payload,
    verify_all,
    write_envelope,
)
from carnet.exchange.history import History
from carnet.exchange.keys import OkpKey, Signer
from carnet.exchange.verdicts import Refusal


class Receipt(Fields, frozen=True):
    olf_id: Uuid
    sequence: Count
    control_room_id: Uuid
    signing_key: OkpKey
    installed_at: Time
    ledger: History  # its checkpoint includes the installation


@dataclass(frozen=True)
class ReadReceipt:
    receipt: Receipt
    envelope: Envelope
    signer: str


def write_receipt(receipt: Receipt, signer: Signer, version: int | None = None) -> bytes:
    return write_envelope(Kind.RECEIPT, receipt, [signer], version)


def read_receipt(raw: bytes) -> ReadReceipt | Refusal:
    """Form, and the signature by the key it names itself. Whether that key is the Control Room's is CALM's to judge."""
    envelope = open_envelope(raw, Kind.RECEIPT)
    if isinstance(envelope, Refusal):
        return envelope
    receipt = read_payload(envelope, Receipt)
    if isinstance(receipt, Refusal):
        return receipt
    if verify_all(envelope, [receipt.signing_key]):
        return bad_signature(Kind.RECEIPT, "it is not signed by the key that it names")
    return ReadReceipt(receipt, envelope, receipt.signing_key.kid)
