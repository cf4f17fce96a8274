"""The certificate and key that a server is given: a context, or a sentence that says which of the two is wrong, for
what, and what to do. One place for every server of both sides.
"""

import ssl
import stat
from pathlib import Path
from typing import NoReturn

from carnet.errors import UsageError
from carnet.exchange.file_kinds import kind_of

_CERTIFICATE, _KEY = b"-----BEGIN CERTIFICATE-----", b"PRIVATE KEY-----"
_DER = b"0"  # what the binary form of a certificate, a key or a PFX begins with (a SEQUENCE)
_LOCKED = (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED")


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer, with this certificate (its chain behind it) and its key, both PEM.

    Raises:
        UsageError: One of them cannot be used; or others than its owner and group can read the key.
    """
    _check_certificate(certificate, _read(certificate))
    _check_key(key, _read(key))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # never asks on a terminal
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        _raise_unusable(certificate, key, error)
    return context


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}.", "The user that the server runs as must be able to read it."
        ) from error


def _check_certificate(path: Path, raw: bytes) -> None:
    if _CERTIFICATE in raw:
        return
    if raw[:1] == _DER:
        _raise_binary(path, f"openssl x509 -inform DER -in {path} -out server.pem", "-nokeys -out server.pem")
    raise UsageError(
        f"{path} is {_named(raw)}, and not a certificate (PEM).",
        "Name the file that begins with -----BEGIN CERTIFICATE-----, with the chain behind it.",
    )


def _check_key(path: Path, raw: bytes) -> None:
    if any(sign in raw for sign in _LOCKED):
        raise UsageError(
            f"The key {path} is locked with a passphrase, and the server does not ask for one.",
            f"Unlock it into a file of the service's user alone: openssl pkey -in {path} -out server.key",
        )
    if _KEY not in raw:
        if raw[:1] == _DER:
            der = f"openssl pkey -inform DER -in {path} -out server.key"
            _raise_binary(path, der, "-nodes -nocerts -out server.key")
        raise UsageError(
            f"{path} is {_named(raw)}, and not a private key (PEM).",
            "Name the file that begins with -----BEGIN PRIVATE KEY-----.",
        )
    if stat.S_IMODE(path.stat().st_mode) & stat.S_IRWXO:
        raise UsageError(f"Everybody on this machine may read or change the key {path}.", f"Run: chmod o= {path}")


def _raise_binary(path: Path, der: str, pfx: str) -> NoReturn:
    raise UsageError(
        f"{path} is in binary form (DER, or PFX), and the server reads PEM.",
        f"Convert DER with: {der}; or PFX with: openssl pkcs12 -in {path} {pfx}",
    )


def _raise_unusable(certificate: Path, key: Path, error: Exception) -> NoReturn:
    if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
        raise UsageError(
            f"The key {key} is not that of the certificate {certificate}.",
            "Name the key that the certificate was requested with. In the certificate's file the server's own stands "
            "first, before its chain.",
        ) from error
    raise UsageError(
        f"The certificate {certificate} and the key {key} cannot be used together: one is not whole, or too weak.",
        "Give a certificate with its chain, and its own key without a passphrase, both as PEM.",
    ) from error


def _named(raw: bytes) -> str:
    kind = kind_of(raw)
    return kind.words if kind else "something else"
