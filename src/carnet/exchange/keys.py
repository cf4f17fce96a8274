"""Keys as files write them (JWK), their names (RFC 7638 thumbprints), and signing and checking with them.

Public: Ed25519 (RFC 9864), ML-DSA-65 (RFC 9964), and X-Wing for sealing. Private keys exist only as `Signer` and
`Opener`, which never print themselves; both are made from seeds, so that randomness stays an argument.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey
from msgspec import Meta

from carnet.entitlements import Fields
from carnet.exchange.strict import encode, from_base64url, to_base64url

ED25519 = "Ed25519"
ML_DSA_65 = "ML-DSA-65"
X_WING = "X-Wing"

_PROBE = X25519PrivateKey.from_private_bytes(bytes(32))  # not a secret: it finds public keys that cannot be used

RandomBytes = Callable[[int], bytes]
Thumbprint = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$")]


class OkpKey(Fields, frozen=True, tag_field="kty", tag="OKP"):
    """An Ed25519 public key."""

    crv: Literal["Ed25519"]
    alg: Literal["Ed25519"]
    x: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$")]

    @property
    def kid(self) -> str:
        """The thumbprint: SHA-256 in base64url, 43 characters."""
        return _thumbprint({"crv": self.crv, "kty": "OKP", "x": self.x})


class AkpKey(Fields, frozen=True, tag_field="kty", tag="AKP"):
    """An ML-DSA-65 public key, or an X-Wing public key (ML-KEM-768 encapsulation key, then X25519)."""

    alg: Literal["ML-DSA-65", "X-Wing"]
    pub: Annotated[str, Meta(min_length=1600, max_length=2700, pattern=r"^[A-Za-z0-9_-]+$")]

    @property
    def kid(self) -> str:
        """The thumbprint: SHA-256 in base64url, 43 characters."""
        return _thumbprint({"alg": self.alg, "kty": "AKP", "pub": self.pub})


PublicKey = OkpKey | AkpKey


def check_signature(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """True where `signature` over `message` is by `key`. False for a key that does not sign (X-Wing)."""
    try:
        if isinstance(key, OkpKey):
            Ed25519PublicKey.from_public_bytes(from_base64url(key.x)).verify(signature, message)
        elif key.alg == ML_DSA_65:
            MLDSA65PublicKey.from_public_bytes(from_base64url(key.pub)).verify(signature, message)
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=1024)  # a Control Room's key is read at each of its requests
def sealing_public(key: AkpKey) -> MLKEM768X25519PublicKey:
    """The X-Wing key to seal to.

    Raises:
        ValueError: It is not an X-Wing key, or nothing can be sealed to it.
    """
    raw = from_base64url(key.pub)
    if key.alg != X_WING or len(raw) != 1216:
        raise ValueError("not an X-Wing public key")
    curve = X25519PublicKey.from_public_bytes(raw[1184:])
    _PROBE.exchange(curve)  # raises ValueError for a point of low order
    return MLKEM768X25519PublicKey(MLKEM768PublicKey.from_public_bytes(raw[:1184]), curve)


@dataclass(frozen=True)
class Signer:
    """A private signing key, Ed25519 or ML-DSA-65. `seed` is 32 bytes for either."""

    alg: str
    seed: bytes = field(repr=False)
    key: PublicKey = field(init=False)
    _private: Ed25519PrivateKey | MLDSA65PrivateKey = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.alg == ED25519:
            ed = Ed25519PrivateKey.from_private_bytes(self.seed)
            public: PublicKey = OkpKey(crv="Ed25519", alg="Ed25519", x=to_base64url(ed.public_key().public_bytes_raw()))
            self._set(ed, public)
        else:
            ml = MLDSA65PrivateKey.from_seed_bytes(self.seed)
            self._set(ml, AkpKey(alg="ML-DSA-65", pub=to_base64url(ml.public_key().public_bytes_raw())))

    def _set(self, private: Ed25519PrivateKey | MLDSA65PrivateKey, public: PublicKey) -> None:
        object.__setattr__(self, "_private", private)
        object.__setattr__(self, "key", public)

    def sign(self, message: bytes) -> bytes:
        """The signature: 64 bytes of Ed25519, 3,309 of ML-DSA-65."""
        return self._private.sign(message)


@dataclass(frozen=True)
class Opener:
    """A private X-Wing key. `seed` is 96 bytes: 64 for ML-KEM-768, 32 for X25519."""

    seed: bytes = field(repr=False)
    key: AkpKey = field(init=False)
    private: MLKEM768X25519PrivateKey = field(init=False, repr=False)

    def __post_init__(self) -> None:
        kem, curve = (
            MLKEM768PrivateKey.from_seed_bytes(self.seed[:64]),
            X25519PrivateKey.from_private_bytes(self.seed[64:]),
        )
        raw = kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
        object.__setattr__(self, "private", MLKEM768X25519PrivateKey(kem, curve))
        object.__setattr__(self, "key", AkpKey(alg="X-Wing", pub=to_base64url(raw)))


def new_signer(alg: str, random: RandomBytes) -> Signer:
    """A new signing key. `alg` is `ED25519` or `ML_DSA_65`; `random(n)` gives n random bytes."""
    return Signer(alg, random(32))


def new_opener(random: RandomBytes) -> Opener:
    """A new X-Wing key. `random(n)` gives n random bytes."""
    return Opener(random(96))


def grouped(thumbprint: str) -> str:
    """A thumbprint as people compare it by eye: `Ab3d 9xYz …`, eleven groups of four; large and small letters count."""
    return " ".join(thumbprint[at : at + 4] for at in range(0, len(thumbprint), 4))


def _thumbprint(members: dict[str, str]) -> str:
    return to_base64url(sha256(encode(msgspec.to_builtins(members, order="sorted"))).digest())
