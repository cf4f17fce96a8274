"""TLS in front of everything: served directly with a certificate, and behind nginx as docs/guides/tls.md has it."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from carnet.sdk import Client
from tests.room.site import PEOPLE, QUANTITIES, At, Pages, free_port, serve
from tests.support.certificates import self_signed
from tests.support.nginx import proxy
from tests.support.own_site import licensed_site
from tests.support.vendor_simulator import Vendor

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "tls.md"
YEAR = 31_536_000  # seconds


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def trusted(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[0]))


@pytest.fixture(scope="module")
def direct(
    certificate: tuple[Path, Path], trusted: ssl.SSLContext, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pages]:
    vendor, port = Vendor(), free_port()
    own = licensed_site(tmp_path_factory.mktemp("direct") / "site", QUANTITIES, vendor)
    options = ("--certificate", str(certificate[0]), "--private-key", str(certificate[1]))
    pages = serve(own, vendor, *options, at=At(port, f"https://127.0.0.1:{port}", trusted))
    yield pages
    pages.end()


@pytest.fixture(scope="module")
def proxied(
    certificate: tuple[Path, Path], trusted: ssl.SSLContext, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pages]:
    folder, vendor = tmp_path_factory.mktemp("proxied"), Vendor()
    own = licensed_site(folder / "site", QUANTITIES, vendor)
    https, rest, at = free_port(), free_port(), free_port()
    options = ("--plain-http-behind-a-proxy", "--port", str(rest))
    with proxy(folder / "nginx", _as_the_guide_says(certificate, https, rest, at)):
        pages = serve(own, vendor, *options, at=At(at, f"https://127.0.0.1:{https}", trusted))
        pages.port = https  # bots come the same way
        yield pages
        pages.end()


@pytest.fixture(scope="module")
def below(
    certificate: tuple[Path, Path], trusted: ssl.SSLContext, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pages]:
    """Below a path that the proxy has for several servers; as the guide says, with it before both locations."""
    folder, vendor = tmp_path_factory.mktemp("below"), Vendor()
    own = licensed_site(folder / "site", QUANTITIES, vendor)
    https, rest, at = free_port(), free_port(), free_port()
    example = _as_the_guide_says(certificate, https, rest, at)
    for theirs in ("^/(api/", "location / {"):
        assert example.count(theirs) == 1
        example = example.replace(theirs, theirs.replace("/", "/licensing/", 1))
    options = ("--plain-http-behind-a-proxy", "--port", str(rest), "--path-prefix", "/licensing")
    with proxy(folder / "nginx", example):
        pages = serve(own, vendor, *options, at=At(at, f"https://127.0.0.1:{https}/licensing", trusted))
        pages.port = https
        yield pages
        pages.end()


def _as_the_guide_says(certificate: tuple[Path, Path], https: int, rest: int, pages: int) -> str:
    """Its example, with the places of this test in it."""
    (example,) = re.findall(r"```nginx\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    places = {
        "listen 443": f"listen 127.0.0.1:{https}",
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "control-room.example.com": "127.0.0.1",
        "/etc/carnet/server.pem": str(certificate[0]),
        "/etc/carnet/server.key": str(certificate[1]),
        "127.0.0.1:8650": f"127.0.0.1:{rest}",
        "127.0.0.1:8651": f"127.0.0.1:{pages}",
    }
    for theirs, ours in places.items():
        assert theirs in example, theirs
        example = example.replace(theirs, ours)
    return example


@pytest.fixture(params=["direct", "proxied"])
def pages(request: pytest.FixtureRequest) -> Pages:
    found: Pages = request.getfixturevalue(request.param)
    return found


@pytest.mark.rule("A2")
def test_people_sign_in_and_their_cookies_go_over_https_alone(pages: Pages) -> None:
    with pages.browser() as browser:
        answer = browser.sign_in(PEOPLE["viewer"])
        assert answer.status_code == 302
        assert all("secure" in cookie.lower().split("; ") for cookie in answer.headers.get_list("set-cookie"))
        assert {cookie.name for cookie in browser.cookies.jar if cookie.secure} >= {
            "__Host-room_session",
            "__Host-room_csrf",
        }
        session = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("__Host-room_session"))
        assert {"httponly", "samesite=lax", "path=/"} <= set(session.lower().split("; "))
        assert "domain" not in session.lower()
        page = browser.get("/")
        assert page.status_code == 200
        assert page.headers["strict-transport-security"].startswith(f"max-age={YEAR}")


def test_whoever_is_sent_on_stays_on_https_and_at_this_address(pages: Pages) -> None:
    with pages.browser() as browser:
        answer = browser.get("/", follow_redirects=True)
        assert answer.status_code == 200
        assert {str(each.url).partition("/account")[0].rstrip("/") for each in [*answer.history, answer]} == {
            pages.address
        }


@pytest.mark.rule("A1")
@pytest.mark.parametrize("origin", ["http://127.0.0.1", "https://elsewhere.example", "null"])
def test_a_form_from_another_origin_is_refused(pages: Pages, origin: str) -> None:
    with pages.browser() as browser:
        browser.get("/account/")
        headers = {"X-CSRFToken": browser.cookies["__Host-room_csrf"], "Origin": origin, "Referer": origin}
        answer = browser.post("/account/", data={"login": "vic", "password": "whatever"}, headers=headers)
        assert answer.status_code == 403
        seen = "without saying from which address" if origin == "null" else f"from {origin}"
        assert f"The request came {seen}, and this server answers for {pages.address}." in answer.text


def test_a_name_that_is_none_of_its_own_is_said_with_those_that_are(direct: Pages) -> None:
    there = {"Host": "other.example.com"}
    answer = httpx.get(f"{direct.address}/account/", headers=there, verify=direct.trusts, trust_env=False)
    assert answer.status_code == 400
    assert "asked for as other.example.com, and it answers for localhost, 127.0.0.1, [::1]." in answer.text


def test_bots_come_over_tls_with_the_sdk(pages: Pages, certificate: tuple[Path, Path]) -> None:
    with Client(f"https://127.0.0.1:{pages.port}", pages.own.key, ca=certificate[0]) as client:
        before = client.status()
        client.consume("document-pages", 1)
        assert client.has_feature("automator-ai")
        after = client.status()
    assert _consumed(after) - _consumed(before) == 1


def test_whoever_watches_the_server_finds_what_the_guide_names(pages: Pages, certificate: tuple[Path, Path]) -> None:
    guide = GUIDE.with_name("site-administrator.md").read_text()
    (line,) = (line for line in guide.splitlines() if "Prometheus" in line)
    named = re.findall(r"`(?:GET )?(/[a-z0-9/]+)`", line)
    assert len(named) == 3
    trusted = ssl.create_default_context(cafile=str(certificate[0]))
    with httpx.Client(base_url=f"https://127.0.0.1:{pages.port}", verify=trusted, trust_env=False) as client:
        found = {path: client.get(path, headers={"Authorization": f"Bearer {pages.own.key}"}) for path in named}
    assert {path: answer.status_code for path, answer in found.items()} == dict.fromkeys(named, 200)
    assert not any("<html" in answer.text for answer in found.values())


def _consumed(status: object) -> int:
    return next(p.consumed for p in status.products if p.sku == "document-pages")  # type: ignore[attr-defined]


def test_no_door_speaks_less_than_tls_1_2(pages: Pages) -> None:
    for port in {pages.port, httpx.URL(pages.address).port}:
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises((ssl.SSLError, OSError)):
            old.wrap_socket(plain)


@pytest.mark.rule("A2")
def test_no_page_is_answered_over_http(pages: Pages) -> None:
    """A door that speaks TLS says nothing; what stands behind a proxy sends the browser to https."""
    for port in {pages.port, httpx.URL(pages.address).port}:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/account/", trust_env=False)
        except httpx.HTTPError:
            continue
        assert (answer.status_code, "<form" in answer.text) == (400, False)  # nginx: plain HTTP on a TLS port


def test_the_door_behind_the_proxy_sends_whoever_finds_it_to_https(proxied: Pages) -> None:
    behind = f"http://{_bind(proxied)}"
    answer = httpx.get(f"{behind}/account/", trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (301, behind.replace("http:", "https:") + "/account/")


def _bind(pages: Pages) -> str:
    words = list(pages.process.process.args)  # type: ignore[call-overload]
    return str(words[words.index("--pages") + 1])


def test_below_a_path_prefix_pages_files_forms_cookies_and_links_stay_below_it(below: Pages) -> None:
    host = below.address.removesuffix("/licensing")
    with below.browser() as browser:
        sign_in = browser.get("/", follow_redirects=True)
        assert str(sign_in.url).startswith(f"{below.address}/account/")
        answer = browser.sign_in(PEOPLE["administrator"])
        assert (answer.status_code, answer.headers["location"]) == (302, "/licensing/")
        cookies = answer.headers.get_list("set-cookie")
        assert all("path=/licensing/" in cookie.lower().split("; ") for cookie in cookies), cookies
        assert {cookie.name for cookie in browser.cookies.jar} >= {"__Secure-room_session", "__Secure-room_csrf"}
        page = browser.get("/")
        named = set(re.findall(r'(?:href|src|action|hx-get|hx-post)="(/[^"]*)"', page.text))
        assert named
        assert {each for each in named if not each.startswith("/licensing/")} == set()
        for each in sorted(named):
            if "/static/" in each:
                assert browser.get(host + each).status_code == 200, each
        assert 'href="/licensing/"' in browser.get("/nowhere").text
        made = browser.send_form("/people/", {"name": "ida", "role": "viewer"})
        (link,) = re.findall(rf"{below.address}/[^\s<\"]*choose[^\s<\"]*", made.text)
        assert browser.get(link, follow_redirects=True).status_code == 200
    told = below.command("person", "link", "ida", "--address", below.address)
    with below.browser() as browser:
        assert browser.get(told.stdout.strip(), follow_redirects=True).status_code == 200


def test_below_a_path_prefix_bots_and_who_watches_find_all(below: Pages, certificate: tuple[Path, Path]) -> None:
    with Client(f"https://127.0.0.1:{below.port}/licensing", below.own.key, ca=certificate[0]) as client:
        before = _consumed(client.status())
        client.consume("document-pages", 1)
        assert _consumed(client.status()) - before == 1
    bearer = {"Authorization": f"Bearer {below.own.key}"}
    with httpx.Client(base_url=below.address, verify=below.trusts, trust_env=False, headers=bearer) as watcher:
        found = {path: watcher.get(path).status_code for path in ("/health", "/live", "/metrics")}
        assert set(found.values()) == {200}, found
        assert watcher.get("/api/v1/openapi.json").json()["servers"] == [{"url": "/licensing"}]


def test_a_header_says_nothing_where_no_proxy_stands(direct: Pages) -> None:
    with direct.browser() as browser:
        answer = browser.get("/account/", headers={"X-Forwarded-Proto": "http", "X-Forwarded-For": "192.0.2.1"})
        assert answer.status_code == 200


@pytest.mark.rule("A1")
def test_one_who_guesses_behind_the_proxy_locks_out_no_others(proxied: Pages) -> None:
    """20 sign-ins a minute may fail from one address: the browser's, and not the proxy's, which all share."""
    guesser = httpx.HTTPTransport(verify=proxied.trusts, local_address="127.0.0.2")
    with proxied.browser(transport=guesser) as browser:
        for number in range(21):
            answer = browser.sign_in(f"nobody-{number}", "a wrong password indeed")
        assert "Too many" in answer.text
        assert "Too many" in browser.sign_in(PEOPLE["viewer"]).text
    with proxied.browser() as browser:
        assert browser.sign_in(PEOPLE["viewer"]).status_code == 302
