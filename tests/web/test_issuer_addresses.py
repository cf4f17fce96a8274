"""A7: where the server asks on behalf of an account: at public addresses, over HTTPS, without following elsewhere."""

import pytest
import requests

from carnet.errors import UsageError
from carnet.web_kit.sso.fetch import RefusedAnswerError, Session
from carnet.web_kit.sso.issuers import checked_url

pytestmark = pytest.mark.security
PRIVATE = ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "[::1]", "[fd00::1]", "0.0.0.0", "localhost"]


@pytest.mark.rule("A7")
@pytest.mark.parametrize("host", PRIVATE)
def test_no_address_of_a_private_network_is_asked_for_an_account(host: str) -> None:
    with Session(public=True) as session, pytest.raises(RefusedAnswerError, match="not public"):
        session.get(f"https://{host}:9/")


@pytest.mark.rule("A7")
@pytest.mark.parametrize("url", ["http://192.0.2.1/", "http://localhost/", "ftp://192.0.2.1/", "file:///etc/passwd"])
def test_no_address_without_tls_is_asked(url: str) -> None:
    for public in (True, False):
        with Session(public=public) as session, pytest.raises((RefusedAnswerError, requests.RequestException)):
            session.get(url)


@pytest.mark.rule("A5")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "id.example",
        "http://id.example",
        "https://",
        "https://me:too@id.example",
        "https://id.example/?a=b",
        "https://id.example/#a",
        "https://id.example:none/",
        "https://id.exam\u200bple/",
        "https://[::1",
        "https://" + "x" * 300,
    ],
)
def test_an_issuer_has_an_https_address(text: str) -> None:
    with pytest.raises(UsageError):
        checked_url(text, loopback=False)


def test_the_address_of_its_own_description_names_the_issuer() -> None:
    asked = "https://id.example/realms/a/.well-known/openid-configuration"
    assert checked_url(f" {asked} ", loopback=False) == "https://id.example/realms/a"
