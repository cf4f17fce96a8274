"""Authenticated encryption that stands a repeat of randomness: AES-256-GCM with a synthetic nonce.

AES-GCM is broken where one key meets one nonce twice with different texts, and a random nonce does meet it twice where
a machine's memory is copied and both copies go on. So the nonce is computed from all that is encrypted, and from random
bytes: where those repeat, two different texts still get two nonces, and two equal ones the same box, which tells that
they are equal and nothing else. Both parts, SHA-256 and AES-GCM, are approved for FIPS 140 (docs/adr/0032).
"""

from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_SIZE, NONCE_SIZE, DRAW_SIZE, TAG_SIZE = 64, 12, 16, 16  # bytes


class Aead:
    """A key of 64 bytes: 32 for AES-256-GCM, 32 that go before what is hashed to a nonce.

    SHA-256 over a secret and then the text, cut to 96 of its 256 bits, is a pseudo-random function: what is cut off
    hides the state from which a longer text could be hashed on (Coron and others, CRYPTO 2005, "chop").
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise ValueError(f"a key has {KEY_SIZE} bytes")
        self._cipher, self._nonces = AESGCM(key[:32]), key[32:]

    def encrypt(self, draw: bytes, text: bytes, bound: bytes) -> bytes:
        """The box: nonce (12 bytes) ‖ ciphertext ‖ tag (16).

        `draw` is 16 random bytes, which may be the same for several texts. `bound` is additional data, which the box
        does not hold.
        """
        hashed = b"".join((self._nonces, draw, b"%d|" % len(bound), bound, text))
        nonce = sha256(hashed).digest()[:NONCE_SIZE]
        return nonce + self._cipher.encrypt(nonce, text, bound)

    def decrypt(self, box: bytes, bound: bytes) -> bytes:
        """The text in a box.

        Raises:
            InvalidTag: It is not a box of this key with this additional data.
        """
        if len(box) < NONCE_SIZE + TAG_SIZE:
            raise InvalidTag
        return self._cipher.decrypt(box[:NONCE_SIZE], box[NONCE_SIZE:], bound)
