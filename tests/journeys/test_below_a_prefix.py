"""CALM below a path that a proxy has for several servers: nothing leads out of it, and its cookies are for it alone."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import httpx
import pytest

from carnet.edge.prefix import checked_prefix, stripped
from carnet.errors import UsageError
from tests.journeys.commands import Story
from tests.support.kept_logs import secret

pytestmark = pytest.mark.server
PASSWORD = "a long and private phrase"


@pytest.fixture
def address(story: Story) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{probe.getsockname()[1]}"
    words = ("--plain-http", "--optional-second-factor", "--bind", bind, "--workers", "1")
    server = story.calm.start("serve", *words, "--path-prefix", "/licensing")
    assert server.stdout
    try:
        said = next(line for line in server.stdout if "CALM answers at" in line)
        assert f"http://{bind}/licensing." in said
        yield f"http://{bind}/licensing"
    finally:
        server.terminate()
        server.communicate(timeout=30)


def _send(browser: httpx.Client, page: httpx.Response, **data: str) -> httpx.Response:
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token, page.text
    origin = str(browser.base_url.copy_with(path="/")).rstrip("/")
    fields = {"csrfmiddlewaretoken": token[1], **data}
    return browser.post(str(page.url), data=fields, headers={"Origin": origin})


def test_the_portal_stays_below_its_prefix(story: Story, address: str) -> None:
    link = story.calm.process("person", "link", "operator@localhost", "--json", CARNET_CALM_PREFIX="/licensing")
    (path,) = re.findall(r'"link": "([^"]+)"', link.out)
    secret(path.strip("/").rpartition("/")[2], "a link to choose a password")
    assert path.startswith("/licensing/")
    with httpx.Client(base_url=address, follow_redirects=True, trust_env=False, timeout=60) as browser:
        form = browser.get(path.removeprefix("/licensing"))
        assert _send(browser, form, password1=PASSWORD, password2=PASSWORD).status_code == 200
        home = _send(browser, browser.get("/"), login="operator@localhost", password=PASSWORD)
        assert (home.status_code, home.url.path.startswith("/licensing/")) == (200, True), home.text
        named = set(re.findall(r'(?:href|src|action|hx-get|hx-post)="(/[^"]*)"', home.text))
        assert named
        assert {each for each in named if not each.startswith("/licensing/")} == set()
        for each in (each for each in named if "/static/" in each):
            assert browser.get(each.removeprefix("/licensing")).status_code == 200, each
        assert {cookie.path for cookie in browser.cookies.jar} == {"/licensing/"}
        for cookie in browser.cookies.jar:
            secret(str(cookie.value), "a cookie")
        paths = browser.get("/api/v1/openapi.json").json()["paths"]
        assert all(each.startswith("/licensing/api/v1/") for each in paths)


@pytest.mark.parametrize("wrong", ["licensing", "/a b", "/../x", "//", "/a?b", "https://a/b"])
def test_what_is_no_prefix_is_refused(wrong: str) -> None:
    with pytest.raises(UsageError):
        checked_prefix(wrong if wrong != "//" else "//x")


def test_a_path_is_known_with_its_prefix_and_without() -> None:
    prefix = checked_prefix("/licensing/").encode()
    for path, known in (
        (b"/licensing/health", b"/health"),
        (b"/licensing", b"/"),
        (b"/licensing?next=/", b"/?next=/"),
        (b"/health", b"/health"),
        (b"/licensings/x", b"/licensings/x"),
    ):
        assert stripped(path, prefix) == known
    assert stripped(b"/x", b"") == b"/x"
