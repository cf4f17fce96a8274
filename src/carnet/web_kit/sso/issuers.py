"""A5: an issuer that says who somebody is, as it is named by settings or by an account; nothing of it is asked here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from carnet.errors import UsageError
from carnet.printable import is_printable

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_LONGEST = 200  # characters of an address or a client id
OWN = "own"  # the id of the side's own issuer


@dataclass(frozen=True)
class Names:
    """Of a side's settings in the environment."""

    issuer: str
    client_id: str
    secret_file: str


@dataclass(frozen=True)
class Issuer:
    """`id`: as the way back names it. `key`: under which identities are bound; another address is another issuer, whose
    identities are bound to nobody."""

    id: str
    url: str
    client_id: str
    secret: str = field(repr=False)
    owner: str = ""  # the account; empty for the side's own people

    @property
    def key(self) -> str:
        return sha256(f"{self.owner}|{self.url}".encode()).hexdigest()[:24]

    def identity(self, subject: str) -> str:
        """Of somebody there, as it is bound: which issuer, and a digest of who it is to it."""
        return f"{self.key}:{sha256(subject.encode()).hexdigest()}"


def checked_url(text: str, *, loopback: bool) -> str:
    """An issuer's address as it is kept. `loopback`: plain HTTP is taken at this machine's own addresses.

    Raises:
        UsageError: It is not an HTTPS address without user, query and fragment.
    """
    url = text.strip()
    suffix = "/.well-known/openid-configuration"
    url = url[: -len(suffix)] if url.endswith(suffix) else url
    try:
        parts = urlsplit(url)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_fits = urlsplit(""), False
    plain = parts.scheme == "http" and loopback and parts.hostname in LOOPBACK
    odd = parts.username is not None or parts.query or parts.fragment or not url.isascii() or not is_printable(url)
    if not parts.hostname or not port_fits or odd or len(url) > _LONGEST or not (plain or parts.scheme == "https"):
        raise UsageError(
            f"“{text[:_LONGEST]}” is not the address of an issuer.",
            "Write it as the issuer does: https://HOST/PATH, without user, question mark and #.",
        )
    return url


def from_world(world: Mapping[str, str], names: Names, *, loopback: bool) -> Issuer | None:
    """The issuer that the environment names; None where it names none.

    Raises:
        UsageError: A part of it is missing, or cannot be read.
    """
    if not world.get(names.issuer):
        return None
    for name in (names.client_id, names.secret_file):
        if not world.get(name):
            raise UsageError(f"{names.issuer} names an issuer, and {name} is missing.", "See docs/settings.md.")
    file = Path(world[names.secret_file])
    try:
        secret = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The client secret cannot be read from {file}.", f"See {names.secret_file}.") from error
    return Issuer(OWN, checked_url(world[names.issuer], loopback=loopback), world[names.client_id], secret)
