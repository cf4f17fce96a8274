"""The receipt, site to vendor, optional: it proves that an OLF was installed, before the next LFR does (H2)."""

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
    """What a site states after an install. The checkpoint of `ledger` includes the installation.

    Raises:
        ValueError: The checkpoint is named after another ledger.
    """

    olf_id: Uuid
    sequence: Count
    control_room_id: Uuid
    signing_key: OkpKey
    installed_at: Time
    ledger: History  # its checkpoint includes the installation

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ledger.checkpoint.origin != self.control_room_id:
            raise ValueError("its checkpoint is named after another ledger")


@dataclass(frozen=True)
class ReadReceipt:
    """A receipt whose form and own signature are good. `signer` is the thumbprint of the key that signed it."""

    receipt: Receipt
    envelope: Envelope
    signer: str


def write_receipt(receipt: Receipt, signer: Signer, version: int | None = None) -> bytes:
    """The bytes of a receipt, in `version` (the newest for None)."""
    return write_envelope(Kind.RECEIPT, receipt, [signer], version)


def read_receipt(raw: bytes) -> ReadReceipt | Refusal:
    """Check form and signature, by the key that the receipt names itself. Whether it is the Control Room's, CALM
    judges.

    Refused as `bad_signature`, or as `open_envelope` does.
    """
    envelope = open_envelope(raw, Kind.RECEIPT)
    if isinstance(envelope, Refusal):
        return envelope
    receipt = read_payload(envelope, Receipt)
    if isinstance(receipt, Refusal):
        return receipt
    if verify_all(envelope, [receipt.signing_key]):
        return bad_signature(Kind.RECEIPT, "it is not signed by the key that it names")
    return ReadReceipt(receipt, envelope, receipt.signing_key.kid)
