"""Where the server is and how it is trusted."""

import os
import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

# The server ends connections without a request after 75 seconds at the earliest.
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=60)


def options(url: str, ca: str | os.PathLike[str] | None, *, plain_http: bool) -> dict[str, Any]:
    """The options of the httpx client. It uses no proxy and no .netrc of the environment: the key goes to `url` alone.

    Raises:
        ValueError: The address has the wrong form, or others could read the API key on the wire.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("An address is https://HOST[:PORT].")
    if parts.scheme == "http" and not plain_http and not _is_loopback(parts.hostname):
        raise ValueError("Others could read the API key on the wire: use https, or say plain_http=True.")
    verify: Any = _context(ca) if parts.scheme == "https" else False  # without TLS there is nothing to verify
    return {"base_url": url.rstrip("/"), "verify": verify, "limits": LIMITS, "trust_env": False}


def _context(ca: str | os.PathLike[str] | None) -> ssl.SSLContext:
    """The authorities that the machine trusts; or, where `ca` is given (PEM, file or folder), those alone."""
    if ca is None:
        return ssl.create_default_context()
    folder = Path(ca).is_dir()
    return ssl.create_default_context(cafile=None if folder else ca, capath=ca if folder else None)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The options `url`, `api_key` and `ca` from the variables CARNET_*. Raises ValueError where one is missing."""
    url = environment.get("CARNET_URL")
    key, file = environment.get("CARNET_API_KEY"), environment.get("CARNET_API_KEY_FILE")
    if not url or not (key or file):
        raise ValueError("Set CARNET_URL, and CARNET_API_KEY or CARNET_API_KEY_FILE.")
    return {"url": url, "api_key": key or Path(str(file)).read_text(), "ca": environment.get("CARNET_CA") or None}


def reason(error: httpx.HTTPError) -> tuple[str, bool]:
    """Why no answer came, as a sentence, and whether the request may have reached the server."""
    sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    said = str(error) or type(error).__name__
    return f"The server could not be asked: {said}.", sent
