"""The vendor's signature over the list of checksums, in the forms that `openssl`, `ssh-keygen` and Carnet check.

All are Ed25519, which gives the same signature for the same list each time.
"""

import struct
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256, sha512
from pathlib import Path
from textwrap import wrap

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
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


class KeyFileError(Exception):
    """The file holds no key of the kind that releases are signed with."""


@dataclass(frozen=True)
class ReleaseKey:
    private: Ed25519PrivateKey

    @property
    def public(self) -> Ed25519PublicKey:
        return self.private.public_key()

    def pem(self) -> bytes:
        return self.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def ssh(self) -> str:
        return self.public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    def allowed_signers(self) -> bytes:
        return f'{SIGNER} namespaces="{NAMESPACE}" {self.ssh()}\n'.encode()

    def fingerprint(self) -> str:
        """SHA-256 of the key itself."""
        return sha256(self.public.public_bytes_raw()).hexdigest()

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)

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


def read_key(path: Path) -> ReleaseKey:
    """The vendor's key: Ed25519, PKCS #8, PEM. Raises KeyFileError."""
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise KeyFileError(f"{path} holds no private key in PEM that can be read: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} holds no Ed25519 key. Make one: openssl genpkey -algorithm ed25519 -out {path}")
    return ReleaseKey(key)


def read_public(path: Path) -> bytes:
    """A public key of the vendor's that the next release may be signed with; PEM. Raises KeyFileError."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{path} holds no public key in PEM: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{path} holds no Ed25519 key.")
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def trial_key(path: Path) -> ReleaseKey:
    """A key to try things out with, kept at `path` so that what is built next can be verified by what was before."""
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        write_file(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    return read_key(path)
