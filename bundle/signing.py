"""The vendor's signatures over a release, in the forms that `openssl`, `ssh-keygen` and Carnet check.

A release key is two private keys: Ed25519, which every tool knows, and ML-DSA-65, which a quantum computer does not
break. Carnet requires both signatures. Ed25519 gives the same signature for the same bytes each time, ML-DSA-65 does
not.
"""

import re
import struct
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256, sha512
from pathlib import Path
from textwrap import wrap

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from carnet.files import write_file

NAMESPACE = "carnet-bundle"  # ssh signatures for anything else say something else
SIGNER = "vendor"  # how the list of allowed signers calls the key
MAKE_ONE = "Make one: python -m bundle --make-key FILE"

_PEM = re.compile(rb"-----BEGIN ([A-Z ]+)-----\s.*?-----END \1-----\s*", re.DOTALL)


class KeyFileError(Exception):
    """The file holds no key of the kind that releases are signed with."""


@dataclass(frozen=True)
class ReleaseKey:
    """What the vendor signs releases with: both private keys, kept in one file."""

    private: Ed25519PrivateKey = field(repr=False)
    lattice: MLDSA65PrivateKey = field(repr=False)

    @staticmethod
    def generate() -> "ReleaseKey":
        return ReleaseKey(Ed25519PrivateKey.generate(), MLDSA65PrivateKey.generate())

    @property
    def public(self) -> Ed25519PublicKey:
        return self.private.public_key()

    def pem(self) -> bytes:
        """The Ed25519 public key, for `openssl`."""
        return _public_pem(self.public)

    def both_pem(self) -> bytes:
        """Both public keys, Ed25519 first: what an installed release checks the next one with."""
        return self.pem() + _public_pem(self.lattice.public_key())

    def private_pem(self) -> bytes:
        """Both private keys, Ed25519 first, so that `openssl pkey` reads that one."""
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return self.private.private_bytes(*form) + self.lattice.private_bytes(*form)

    def ssh(self) -> str:
        return self.public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    def allowed_signers(self) -> bytes:
        return f'{SIGNER} namespaces="{NAMESPACE}" {self.ssh()}\n'.encode()

    def fingerprint(self) -> str:
        """SHA-256 of the Ed25519 public key itself, in hex: what people compare."""
        return sha256(self.public.public_bytes_raw()).hexdigest()

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature: 64 bytes."""
        return self.private.sign(message)

    def lattice_sign(self, message: bytes) -> bytes:
        """The ML-DSA-65 signature: 3,309 bytes, other ones each time."""
        return self.lattice.sign(message)

    def ssh_sign(self, message: bytes) -> bytes:
        """An armored SSHSIG, as `ssh-keygen -Y sign` writes it (OpenSSH, PROTOCOL.sshsig)."""
        kind, namespace, hashed = b"ssh-ed25519", NAMESPACE.encode(), b"sha512"
        said = b"SSHSIG" + _strings(namespace, b"", hashed, sha512(message).digest())
        public = _strings(kind, self.public.public_bytes_raw())
        signature = _strings(kind, self.private.sign(said))
        blob = b"SSHSIG" + struct.pack(">I", 1) + _strings(public, namespace, b"", hashed, signature)
        lines = wrap(b64encode(blob).decode(), 70)
        return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""]).encode()


def _strings(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _public_pem(key: Ed25519PublicKey | MLDSA65PublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def read_key(path: Path) -> ReleaseKey:
    """The vendor's key: an Ed25519 and an ML-DSA-65 private key, PKCS #8, PEM, in one file. Raises KeyFileError."""
    try:
        keys = [load_pem_private_key(found[0], None) for found in _PEM.finditer(path.read_bytes())]
    except (OSError, ValueError, TypeError) as error:
        raise KeyFileError(f"{path} holds a private key that cannot be read: {error}") from error
    if len(keys) == 2 and isinstance(keys[0], Ed25519PrivateKey) and isinstance(keys[1], MLDSA65PrivateKey):
        return ReleaseKey(keys[0], keys[1])
    raise KeyFileError(f"{path} does not hold an Ed25519 and then an ML-DSA-65 private key in PEM. {MAKE_ONE}")


def read_public(path: Path) -> bytes:
    """The public keys, PEM, that a later release may be signed with: Ed25519, then ML-DSA-65. Raises KeyFileError."""
    try:
        keys = [load_pem_public_key(found[0]) for found in _PEM.finditer(path.read_bytes())]
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{path} holds a public key that cannot be read: {error}") from error
    if len(keys) == 2 and isinstance(keys[0], Ed25519PublicKey) and isinstance(keys[1], MLDSA65PublicKey):
        return _public_pem(keys[0]) + _public_pem(keys[1])
    raise KeyFileError(f"{path} does not hold an Ed25519 and then an ML-DSA-65 public key in PEM.")


def make_key(path: Path) -> ReleaseKey:
    """A new release key in `path`, for its owner alone, and its public keys in `path`.pub. Raises KeyFileError."""
    if path.exists():
        raise KeyFileError(f"{path} is there already; a release key replaces no other.")
    key = ReleaseKey.generate()
    write_file(path, key.private_pem(), 0o600)
    write_file(path.with_name(f"{path.name}.pub"), key.both_pem())
    return key


def trial_key(path: Path) -> ReleaseKey:
    """A key to try things out with, kept at `path` so that what is built next can be verified by what was before."""
    if not path.exists():
        write_file(path, ReleaseKey.generate().private_pem(), 0o600)
    return read_key(path)
