"""What is asked of an issuer: over HTTPS, without redirects, for so long and so much and no more."""

import ipaddress
import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.conf import settings

from carnet.web_kit.sso.issuers import LOOPBACK

PATIENCE = 5.0  # seconds to connect, and for each part of an answer
WHOLE = 10.0  # seconds for all of it: an answer that drips is waited for no longer
MOST = 256 * 1024  # bytes of an answer
_PART = 16 * 1024  # bytes


class RefusedAnswerError(OAuth2Error):
    """An answer that is not taken. Its text says why, for whoever set the issuer up."""


def check_address(url: str) -> None:
    """Raises RefusedAnswerError for an address that is not asked."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if settings.SSO_LOOPBACK and host in LOOPBACK and parts.scheme in ("http", "https"):
        return
    if parts.scheme != "https" or not host:
        raise RefusedAnswerError("it names an address that is not HTTPS")


def _check_public(url: str) -> None:
    """An account's people name issuers: the vendor's own network is not asked for them (A7)."""
    host = urlsplit(url).hostname or ""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise requests.ConnectionError from error
    if not all(ipaddress.ip_address(str(each[4][0]).partition("%")[0]).is_global for each in found):
        raise RefusedAnswerError("it names an address that is not public")


class Session(requests.Session):
    """`public`: addresses of a private network are not asked. A name that is public when it is looked up and private
    a moment later gains nothing: the certificate must be of that name."""

    def __init__(self, *, public: bool) -> None:
        super().__init__()
        self.trust_env = False  # nothing of .netrc, and no proxy, is given the secret
        self.verify = getattr(settings, "SSO_CA", None) or True
        self._public = public

    def request(self, method: str | bytes, url: str | bytes, *words: Any, **how: Any) -> requests.Response:
        """Raises RefusedAnswerError, or what requests raises where nothing answers."""
        text = url.decode() if isinstance(url, bytes) else url
        check_address(text)
        if self._public and not settings.SSO_LOOPBACK:
            _check_public(text)
        how |= {"timeout": PATIENCE, "allow_redirects": False, "stream": True}
        return _within(WHOLE, lambda: self._whole(str(method), text, *words, **how))

    def _whole(self, method: str, url: str, *words: Any, **how: Any) -> requests.Response:
        answer = super().request(method, url, *words, **how)
        answer._content = _bounded(answer)  # noqa: SLF001 - as requests itself fills it in
        if answer.is_redirect:
            raise RefusedAnswerError("it sends elsewhere")
        return answer


def _within(seconds: float, ask: Callable[[], requests.Response]) -> requests.Response:
    """Its answer, or what it raised. Raises requests.Timeout: the thread that still waits then is nobody's."""
    found: list[requests.Response | Exception] = []

    def work() -> None:
        try:
            found.append(ask())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise requests.Timeout
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


def _bounded(answer: requests.Response) -> bytes:
    found = b""
    with answer:
        for part in answer.iter_content(_PART):
            found += part
            if len(found) > MOST:
                raise RefusedAnswerError(f"its answer has more than {MOST} bytes")
    return found
