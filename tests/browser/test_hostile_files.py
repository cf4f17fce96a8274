"""Files that are none of the exchange's, sent as a form sends them: each is refused with its verdict, nothing is stored
but the refusal, and the site's next good file is taken as ever. How long each took is printed."""

import io
import re
import time
import zipfile
from collections.abc import Iterator

import httpx
import pytest

from tests.browser.clerk import PASSWORD
from tests.browser.office import Customer, Office, now
from tests.support.site_simulator import Site

PAGE = b"<!doctype html><script>alert(1)</script><h1>A license file request</h1>"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def customer(office: Office) -> Customer:
    return office.customer(bot_creator=10)


@pytest.fixture(scope="module")
def site(customer: Customer) -> Site:
    return customer.site({"bot-creator": 2})


@pytest.fixture(scope="module")
def client(office: Office, customer: Customer) -> Iterator[httpx.Client]:
    """A program that signs in as a browser does."""
    with httpx.Client(base_url=office.address, timeout=30, trust_env=False) as client:
        fields = {"login": customer.clara, "password": PASSWORD, "csrfmiddlewaretoken": csrf(client, "/sign-in/")}
        assert client.post("/sign-in/", data=fields).status_code == 302
        yield client


def csrf(client: httpx.Client, path: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(path).text)
    assert found
    return found[1]


def zipped() -> bytes:
    """A zip bomb of 10 MB, in a few kB."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("request.lfr", b"0" * 10 * MIB)
    return raw.getvalue()


def hostile(site: Site, olf: bytes) -> dict[str, tuple[str, bytes, str]]:
    """What it is → the door, the bytes, and the verdict."""
    lfr, receipt = site.fork().request(now()), site.fork().receipt(now())
    return {
        "10 MB of zeros": ("request", bytes(10 * MIB), "too_large"),
        "10 MB of brackets": ("request", b"[" * 10 * MIB, "too_large"),
        "nothing at all": ("request", b"", "malformed"),
        "a license file as a request": ("request", olf, "wrong_type"),
        "a receipt as a request": ("request", receipt, "wrong_type"),
        "a request as a receipt": ("receipt", lfr, "wrong_type"),
        "a zip": ("request", zipped(), "wrong_type"),
        "a web page named .lfr": ("request", PAGE, "wrong_type"),
        "a zip as a receipt": ("receipt", zipped(), "wrong_type"),
        "10 MB as a receipt": ("receipt", bytes(10 * MIB), "too_large"),
    }


@pytest.mark.rule("E13", "too_large", "malformed", "wrong_type")
def test_each_is_refused_and_nothing_else_is_stored(
    office: Office, customer: Customer, site: Site, client: httpx.Client
) -> None:
    olf = customer.answer(site, {"bot-creator": 3})
    before = office.do("refused")
    for what, (door, raw, verdict) in hostile(site, olf).items():
        fields = {"csrfmiddlewaretoken": csrf(client, customer.room)}
        started = time.monotonic()
        answer = client.post(f"{customer.room}{door}/", data=fields, files={"file": ("plant.lfr", raw)})
        print(f"{what}: {verdict}, {len(raw):,} bytes, {(time.monotonic() - started) * 1000:.0f} ms")
        assert (what, answer.status_code) == (what, 422)
        assert f'<span class="code">{verdict}</span>' in answer.text, what
        assert "alert(1)" not in answer.text
        after = office.do("refused")
        assert (after["requests"], after["files"]) == (before["requests"], before["files"])
        added = after["refused"][len(before["refused"]) :]
        assert [one[2] for one in added] == [verdict], what
        assert added[0][3] <= 1024 * 1024 + 1, "no more is kept than it takes to see that it is too large"
        before = after
    site.install(olf, now())
    assert office.do("take", guid=customer.guid, raw=site.request(now()).hex())["lfr"]


def test_more_than_a_form_may_have_is_not_read(client: httpx.Client, customer: Customer) -> None:
    fields = {"csrfmiddlewaretoken": csrf(client, customer.room)}
    answer = client.post(f"{customer.room}request/", data=fields, files={"file": ("plant.lfr", bytes(17 * MIB))})
    assert answer.status_code == 413


def test_a_refused_file_is_never_shown_in_place(office: Office, client: httpx.Client, customer: Customer) -> None:
    fields = {"csrfmiddlewaretoken": csrf(client, customer.room)}
    client.post(f"{customer.room}request/", data=fields, files={"file": ("page.lfr", PAGE)})
    number = office.do("refused")["refused"][-1][0]
    answer = client.get(f"/refused/{number}/file/")
    assert answer.content == PAGE
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
