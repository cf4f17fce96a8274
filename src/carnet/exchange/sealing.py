"""Sealing the body of an OLF to one Control Room: HPKE (RFC 9180), base mode, X-Wing, HKDF-SHA-256, AES-256-GCM.

`info` binds the box to the file, the Control Room and the sequence that it was made for; elsewhere it does not open.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from carnet.exchange.keys import AkpKey, Opener, sealing_public

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def seal(plaintext: bytes, key: AkpKey, info: bytes) -> bytes:
    """Encrypt to an X-Wing key, bound to `info`.

    Raises:
        ValueError: Nothing can be sealed to this key.
    """
    return _SUITE.encrypt(plaintext, sealing_public(key), info=info)


def unseal(box: bytes, opener: Opener, info: bytes) -> bytes | None:
    """The plaintext, or None where the box was not sealed to this key and this `info`."""
    try:
        return _SUITE.decrypt(box, opener.private, info=info)
    except (InvalidTag, ValueError):
        return None


def info_for(olf_id: str, control_room_id: str, sequence: int) -> bytes:
    """What a box is bound to: its OLF, its Control Room and its sequence."""
    return f"carnet-olf/1|{olf_id}|{control_room_id}|{sequence}".encode()
