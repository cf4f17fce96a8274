"""Hosts in FIPS mode: both sides work where scrypt, MD5 and what else no FIPS module has is refused, and say what to do
where keys were locked elsewhere. No such module is at hand, so Python's own start makes these calls fail."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from carnet.control_room.engine.founding import LOCK
from carnet.control_room.engine.sqlite import SqliteStore
from tests.calm.test_cli import free_port
from tests.journeys.commands import Done, Room, Story, Vendor
from tests.support.kept_logs import secret
from tests.support.own_site import ServeProcess

pytestmark = pytest.mark.server
PASSWORD = "a-long-password-of-nobody-9"
PLATFORM = """
import hashlib

def refused(*_, **__):
    raise ValueError("[digital envelope routines] unsupported")

def only_beside_security(real):
    return lambda *a, usedforsecurity=True, **k: refused() if usedforsecurity else real(*a, usedforsecurity=False, **k)

hashlib.scrypt = hashlib.blake2b = hashlib.blake2s = refused
hashlib.md5 = only_beside_security(hashlib.md5)
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import aead
from cryptography.hazmat.primitives.kdf import argon2, scrypt

class Refused:
    def __init__(self, *_, **__):
        raise UnsupportedAlgorithm("not supported by this version of OpenSSL")

argon2.Argon2id = scrypt.Scrypt = aead.ChaCha20Poly1305 = aead.AESGCMSIV = aead.AESOCB3 = Refused
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which each program of a test runs."""
    folder = tmp_path_factory.mktemp("platform")
    (folder / "sitecustomize.py").write_text(PLATFORM)
    return {"PYTHONPATH": str(folder)}


@dataclass(frozen=True)
class FipsVendor(Vendor):
    path: str = ""

    def run(self, *words: str) -> Done:
        return self.process(*words, PYTHONPATH=self.path)


@dataclass(frozen=True)
class FipsRoom(Room):
    path: str = ""

    def run(self, *words: str) -> Done:
        return self.process(*words, PYTHONPATH=self.path)


def on_fips(story: Story, platform: dict[str, str]) -> Story:
    """The same folders, once their machines are in FIPS mode."""
    path = platform["PYTHONPATH"]
    return replace(
        story, calm=FipsVendor(data=story.calm.data, path=path), site=FipsRoom(data=story.site.data, path=path)
    )


def stretched(calm: Vendor, site: Room) -> set[str]:
    """How the locks of both sides stretch a passphrase."""
    with closing(SqliteStore.open(site.data, writing=False)) as store:
        lock = store.document(LOCK)
        assert lock
    kept = [lock, *(path.read_bytes() for path in (calm.data / "keys").rglob("lock"))]
    assert len(kept) == 3
    return {json.loads(each)["kdf"] for each in kept}


@pytest.mark.rule("A2")
@pytest.mark.security
def test_keys_that_were_locked_elsewhere_are_refused_with_what_to_do(story: Story, platform: dict[str, str]) -> None:
    fips = on_fips(story, platform)
    for side, words in (
        (fips.site, ("request", "generate", "--out", str(story.gap / "x.lfr"))),
        (fips.calm, ("token", "download", "--account", "Northwind", "--out", str(story.gap / "x.token"))),
    ):
        done = side.run(*words)
        assert done.code not in (0, 3)
        assert "made with Argon2id, which this machine refuses (FIPS mode)" in done.err
        assert "set CARNET_FIPS=on and choose a new passphrase" in " ".join(done.err.split())
        assert "Traceback" not in done.err
    assert not [path for path in story.gap.iterdir() if path.name.startswith("x.")]


@pytest.mark.rule("A2")
def test_a_licensed_site_and_its_vendor_move_to_hosts_in_fips_mode(story: Story, platform: dict[str, str]) -> None:
    new = story.gap / "new passphrase"
    new.write_text("another passphrase, of the same people\n")
    new.chmod(0o600)
    for side in (story.site, story.calm):  # on the machines of before
        done = side.process("key", "passphrase", "--new-passphrase-file", str(new), CARNET_FIPS="on")
        assert done.code == 0, done
        (side.data / "passphrase").write_bytes(new.read_bytes())
    assert stretched(story.calm, story.site) == {"pbkdf2-sha256"}
    fips = on_fips(story, platform)
    fips.license()
    backup = str(story.gap / "site.backup")
    fips.site("backup", "--out", backup)
    fips.site("restore", backup)
    assert fips.state()["state"] == "active"
    fips.calm("backup", "--out", str(story.gap / "calm.backup"))


@pytest.mark.rule("A2")
def test_both_sides_begin_there_and_people_sign_in(tmp_path: Path, platform: dict[str, str]) -> None:
    path = platform["PYTHONPATH"]
    calm, site = FipsVendor(data=tmp_path / "calm", path=path), FipsRoom(data=tmp_path / "site", path=path)
    calm("init", "--vendor", "Automation Vendor")
    calm("trust", "export", "--out", str(tmp_path / "trust.json"))
    site("init", "--trust", str(tmp_path / "trust.json"), "--name", "Oslo Vault")
    assert stretched(calm, site) == {"pbkdf2-sha256"}
    site("person", "add", "kai", "--role", "administrator")
    with ExitStack() as ends:
        port = free_port()
        served = ServeProcess(site.data, options=("--pages", f"127.0.0.1:{port}"), world=platform)
        ends.callback(served.end)
        served.wait_for("The pages answer at ")
        room = f"http://127.0.0.1:{port}"
        link = site("person", "link", "kai", "--address", room)["link"]
        assert _signs_in(room, "/account/", link, "kai")
        bind = f"127.0.0.1:{free_port()}"
        portal = calm.start(
            "serve", "--plain-http", "--optional-second-factor", "--bind", bind, "--workers", "1", **platform
        )
        ends.callback(lambda: (portal.terminate(), portal.communicate(timeout=30)))
        assert portal.stdout
        next(line for line in portal.stdout if "CALM answers at" in line)
        link = calm("person", "link", "operator@localhost")["link"]
        assert _signs_in(f"http://{bind}", "/sign-in/", link, "operator@localhost")


def _signs_in(address: str, sign_in: str, link: str, name: str) -> bool:
    """Somebody chooses a password with their link, and signs in with it; a wrong one does not let them in."""
    secret(link.strip("/").rpartition("/")[2], "a link to choose a password")
    with httpx.Client(base_url=address, follow_redirects=True, trust_env=False, timeout=60) as browser:
        form = browser.get(link)
        chosen = _send(browser, form, password1=PASSWORD, password2=PASSWORD)
        assert chosen.status_code == 200, chosen.text
        wrong = _send(browser, browser.get(sign_in), login=name, password="wrong")
        assert "password" in wrong.text
        assert wrong.url.path == sign_in
        done = _send(browser, browser.get(sign_in), login=name, password=PASSWORD)
        assert done.status_code == 200, done.text
        for cookie in browser.cookies.jar:
            if cookie.name.endswith("session"):
                secret(str(cookie.value), "a session")
        return done.url.path != sign_in


def _send(browser: httpx.Client, page: httpx.Response, **data: Any) -> httpx.Response:
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token, page.text
    once = re.search(r'name="once" value="([^"]+)"', page.text)
    more = {"once": once[1]} if once else {}
    return browser.post(
        str(page.url),
        data={"csrfmiddlewaretoken": token[1], **more, **data},
        headers={"Origin": str(browser.base_url).rstrip("/")},
    )
