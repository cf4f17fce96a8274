"""Authenticated encryption that stands a repeat of randomness: AES-256-GCM with a synthetic nonce.

AES-GCM is broken where one key meets one nonce twice with different texts, and a random nonce does meet it twice where
a machine's memory is copied and both copies go on. So the nonce is computed from all that is encrypted, and from random
bytes: where those repeat, two different texts still get two nonces, and two equal ones the same box, which tells that
they are equal and nothing else. Both parts, HMAC and AES-GCM, are approved for FIPS 140 (docs/adr/0032).
"""

import hmac
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_SIZE, NONCE_SIZE, DRAW_SIZE, TAG_SIZE = 64, 12, 16, 16  # bytes


class Aead:
    """A key of 64 bytes: 32 for AES-256-GCM, 32 for the HMAC-SHA-256 that makes the nonces."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise ValueError(f"a key has {KEY_SIZE} bytes")
        self._cipher, self._nonces = AESGCM(key[:32]), hmac.new(key[32:], digestmod=sha256)

    def encrypt(self, draw: bytes, text: bytes, bound: bytes) -> bytes:
        """The box: nonce (12 bytes) ‖ ciphertext ‖ tag (16).

        `draw` is 16 random bytes, which may be the same for several texts. `bound` is additional data, which the box
        does not hold.
        """
        nonces = self._nonces.copy()
        nonces.update(b"%b%d|%b" % (draw, len(bound), bound))
        nonces.update(text)
        nonce = nonces.digest()[:NONCE_SIZE]
        return nonce + self._cipher.encrypt(nonce, text, bound)

    def decrypt(self, box: bytes, bound: bytes) -> bytes:
        """The text in a box.

        Raises:
            InvalidTag: It is not a box of this key with this additional data.
        """
        if len(box) < NONCE_SIZE + TAG_SIZE:
            raise InvalidTag
        return self._cipher.decrypt(box[:NONCE_SIZE], box[NONCE_SIZE:], bound)
