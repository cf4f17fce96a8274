"""The certificate and key of a server: what is wrong with which of the two, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from carnet.edge.tls import server_context
from carnet.errors import UsageError
from tests.support.certificates import self_signed

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
PKCS8, PLAIN = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return self_signed(tmp_path)


def _key(pair: tuple[Path, Path], encoding: serialization.Encoding, lock: bytes = b"") -> bytes:
    key = load_pem_private_key(pair[1].read_bytes(), None)
    return key.private_bytes(encoding, PKCS8, serialization.BestAvailableEncryption(lock) if lock else PLAIN)


def _pfx(pair: tuple[Path, Path]) -> bytes:
    key = load_pem_private_key(pair[1].read_bytes(), None)
    return pkcs12.serialize_key_and_certificates(b"x", key, _certificate(pair), None, PLAIN)  # type: ignore[arg-type]


def _certificate(pair: tuple[Path, Path]) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair[0].read_bytes())


def _other_key(pair: tuple[Path, Path]) -> bytes:
    folder = pair[0].with_name("other")
    folder.mkdir()
    return self_signed(folder)[1].read_bytes()


WRONG: list[tuple[int, Callable[[tuple[Path, Path]], bytes], str, str]] = [
    (0, lambda pair: _certificate(pair).public_bytes(DER), "in binary form", "openssl x509 -inform DER"),
    (0, _pfx, "in binary form", "openssl pkcs12"),
    (0, lambda pair: pair[1].read_bytes(), "is a private key (PEM), and not a certificate", "BEGIN CERTIFICATE"),
    (0, lambda _: b"", "is an empty file", "BEGIN CERTIFICATE"),
    (1, lambda pair: _key(pair, DER), "in binary form", "openssl pkey -inform DER"),
    (1, _pfx, "in binary form", "openssl pkcs12"),
    (1, lambda pair: pair[0].read_bytes(), "is a PEM file (certificate), and not a private key", "BEGIN PRIVATE KEY"),
    (1, lambda pair: _key(pair, PEM, b"locked"), "locked with a passphrase", "openssl pkey -in"),
    (1, _other_key, "is not that of the certificate", "Name the key"),
    (1, lambda pair: pair[1].read_bytes()[:90] + b"\n", "cannot be used together", "both as PEM"),
]


@pytest.mark.parametrize(("which", "made", "said", "mend"), WRONG)
def test_a_wrong_file_is_named_with_what_to_do(
    pair: tuple[Path, Path], which: int, made: Callable[[tuple[Path, Path]], bytes], said: str, mend: str
) -> None:
    pair[which].write_bytes(made(pair))
    with pytest.raises(UsageError) as fault:
        server_context(*pair)
    assert said in str(fault.value)
    assert str(pair[which]) in str(fault.value)
    assert mend in fault.value.next_step


@pytest.mark.security
@pytest.mark.rule("A2")
def test_a_key_that_everybody_may_read_is_not_used(pair: tuple[Path, Path]) -> None:
    assert server_context(*pair)
    for mode in (0o644, 0o602):
        pair[1].chmod(mode)
        with pytest.raises(UsageError, match="Everybody on this machine") as fault:
            server_context(*pair)
        assert fault.value.next_step == f"Run: chmod o= {pair[1]}"
    pair[1].chmod(0o640)
    assert server_context(*pair), "a group of the service's is usual"
