"""Single sign-on at CALM, against a real provider on loopback: an account's people by the issuer that their
administrator named, staff by the vendor's own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any

import httpx
import pytest

from carnet.calm.portal import issuer as settings
from carnet.errors import UsageError
from tests.browser.clerk import OLGA, PASSWORD
from tests.browser.office import Customer, Office
from tests.support.kept_logs import secret
from tests.support.openid import CLIENT, CLIENT_SECRET, OpenIdProvider, claims_of, openid_provider

pytestmark = [pytest.mark.security, pytest.mark.server]


class Browser(httpx.Client):
    def send_form(self, path: str, **fields: str) -> httpx.Response:
        headers = {"X-CSRFToken": self.cookies.get("calm_csrf") or "", "Origin": str(self.base_url).rstrip("/")}
        return self.post(path, data=fields, headers=headers)

    def sign_in(self, email: str) -> "Browser":
        self.get("/sign-in/")
        assert self.send_form("/sign-in/", login=email, password=PASSWORD).status_code == 302
        return self

    def to_issuer(self, op: OpenIdProvider, user: str, path: str, **fields: str) -> str:
        op.signs_in(user)
        self.get("/sign-in/")
        page = self.send_form(path, **fields)
        assert page.status_code == 200, page.text
        found = re.search(r'content="0; url=([^"]+)"', page.text)
        assert found, page.text
        answer = httpx.get(unescape(found[1]), trust_env=False)
        assert answer.status_code == 302, answer.text
        secret(httpx.URL(answer.headers["location"]).params["code"], "a code of the issuer")
        return str(answer.headers["location"])

    def by_issuer(self, op: OpenIdProvider, user: str, address: str) -> httpx.Response:
        return self.get(self.to_issuer(op, user, "/sign-in/issuer/", address=address))

    def bind(self, op: OpenIdProvider, user: str) -> str:
        return self.get(self.to_issuer(op, user, "/my/issuer/"), follow_redirects=True).text


@dataclass
class Scene:
    office: Office
    op: OpenIdProvider
    customer: Customer
    other: Customer

    @contextmanager
    def browser(self, email: str = "") -> Iterator[Browser]:
        with Browser(base_url=self.office.address, trust_env=False, timeout=30) as made:
            yield made.sign_in(email) if email else made

    @property
    def page(self) -> str:
        return f"/accounts/{self.customer.account}/single-sign-on/"

    def named(self, browser: Browser, **changed: str) -> httpx.Response:
        domain = self.customer.clara.partition("@")[2]
        fields = {"url": self.op.url, "client_id": CLIENT, "secret": CLIENT_SECRET, "domains": domain}
        return browser.send_form(self.page, **fields | changed)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("sso")
    (folder / "secret").write_text(CLIENT_SECRET)
    with openid_provider() as op, pytest.MonkeyPatch.context() as world:
        for name, value in (
            ("SSO", "on"),
            ("SSO_LOOPBACK", "yes"),
            ("SSO_ISSUER", op.url),
            ("SSO_CLIENT_ID", CLIENT),
            ("SSO_SECRET_FILE", str(folder / "secret")),
            ("SSO_DOMAINS", "vendor.example"),
        ):
            world.setenv(f"CARNET_CALM_{name}", value)
        office = Office(folder)
        try:
            office.found()
            office.serve()
            made = Scene(office, op, office.customer(approved=False), office.customer(approved=False))
            op.know(
                *(f"{office.address}/sign-in/issuer/{each}/" for each in ("own", made.customer.account)),
            )
            yield made
        finally:
            office.close()


@pytest.mark.rule("A5", "A7")
def test_an_administrator_names_the_issuer_of_the_accounts_people(scene: Scene) -> None:
    with scene.browser(scene.customer.clara) as clara, scene.browser() as stranger:
        page = clara.get(scene.page)
        assert f"{scene.office.address}/sign-in/issuer/{scene.customer.account}/" in page.text
        vera_at = scene.other.vera.partition("@")[2]
        for wrong in (
            {"url": "http://192.0.2.1"},
            {"domains": vera_at},
            {"domains": "vendor.example"},
            {"domains": "nobody.example"},
            {"secret": ""},
        ):
            assert scene.named(clara, **wrong).status_code == 422, wrong
        assert scene.named(clara).status_code == 302
        shown = clara.get(scene.page).text
        assert (scene.op.url in shown, CLIENT_SECRET in shown) == (True, False)
        for file in scene.office.folder.glob("calm.sqlite3*"):
            assert CLIENT_SECRET.encode() not in file.read_bytes()
        assert "Bound." in clara.bind(scene.op, "clara-there")
        answer = stranger.by_issuer(scene.op, "clara-there", scene.customer.clara)
        assert (answer.status_code, answer.headers["location"]) == (302, "/")
        assert stranger.get(scene.customer.page).status_code == 200
    with scene.browser() as browser:
        browser.get("/sign-in/")
        unknown = browser.send_form("/sign-in/issuer/", address=scene.other.vera)
        assert (unknown.status_code, "there is no issuer" in unknown.text) == (404, True)
        answer = browser.by_issuer(scene.op, "vera-there", scene.customer.vera)  # an address alone is nobody
        assert (answer.status_code, "not bound to a person" in answer.text) == (403, True)


@pytest.mark.rule("A1")
def test_staff_and_customers_and_viewers_name_nothing_of_others(scene: Scene) -> None:
    for who, status in ((scene.customer.vera, 403), (scene.other.clara, 404), (OLGA, 200)):
        with scene.browser(who) as browser:
            before = browser.get(scene.page)
            assert before.status_code == status
            assert 'name="client_id"' not in before.text
            assert scene.named(browser, client_id="mine").status_code == status
    with scene.browser(scene.customer.clara) as clara:
        assert 'value="mine"' not in clara.get(scene.page).text


@pytest.mark.rule("A5")
def test_an_identity_of_one_issuer_is_nobody_at_another(scene: Scene) -> None:
    """The same provider, and so the same subject: as the account's issuer, and as the vendor's."""
    with scene.browser(scene.customer.clara) as clara:
        scene.named(clara)
        clara.bind(scene.op, "clara-there")
    with scene.browser() as browser:
        answer = browser.by_issuer(scene.op, "clara-there", OLGA)
        assert (answer.status_code, "not bound to a person" in answer.text) == (403, True)
    with scene.browser(OLGA) as olga:
        assert "Bound." in olga.bind(scene.op, "olga-there")
    with scene.browser() as browser:
        assert browser.by_issuer(scene.op, "olga-there", OLGA).status_code == 302
        assert browser.get("/inbox/").status_code == 200
    with scene.browser() as browser:
        assert browser.by_issuer(scene.op, "olga-there", scene.customer.clara).status_code == 403


@pytest.mark.rule("A5")
def test_another_issuer_knows_nobody_who_was_bound_at_the_one_before(scene: Scene) -> None:
    with openid_provider() as hostile, scene.browser(scene.customer.clara) as clara:
        hostile.know(f"{scene.office.address}/sign-in/issuer/{scene.customer.account}/")
        subjects: list[str] = []

        def heard(name: str, answer: dict[str, Any]) -> dict[str, Any]:
            if name == "token":
                subjects.append(claims_of(answer)["sub"])
            return answer

        scene.named(clara)
        scene.op.altered = heard
        clara.bind(scene.op, "clara-there")
        assert scene.named(clara, url=hostile.url).status_code == 302
        with scene.browser() as browser:
            hostile.altered = lambda name, answer: (
                hostile.signed_as(answer, sub=subjects[-1]) if name == "token" else answer
            )
            answer = browser.by_issuer(hostile, "clara-there", scene.customer.clara)
            assert (answer.status_code, "not bound to a person" in answer.text) == (403, True)
        assert clara.send_form(scene.page, remove="yes").status_code == 302
        with scene.browser() as browser:
            browser.get("/sign-in/")
            assert browser.send_form("/sign-in/issuer/", address=scene.customer.clara).status_code == 404


def test_nothing_of_it_is_there_unless_it_is_on() -> None:
    assert (settings.apps({}), settings.staff_issuer({}), settings.settings({})) == ([], None, {})
    named: dict[str, Any] = {"CARNET_CALM_SSO": "on", "CARNET_CALM_SSO_ISSUER": "https://id.vendor.example"}
    for world in ({"CARNET_CALM_SSO": "perhaps"}, named, named | {"CARNET_CALM_SSO_CLIENT_ID": "c"}):
        with pytest.raises(UsageError):
            settings.settings(world)


LOADED = """
import sys, django
django.setup()
from django.urls import get_resolver
names = [name for name in get_resolver().reverse_dict if isinstance(name, str)]
ours = ("allauth.socialaccount", "requests", "carnet.web_kit.sso.provider")
print([name for name in sys.modules if name.startswith(ours)])
print([name for name in names if name in ("sso-begin", "sso-mine", "openid_connect_callback", "account-issuer")])
"""


@pytest.mark.parametrize("switch", ["off", "on"])
def test_nothing_of_it_is_loaded_or_reached_unless_it_is_on(switch: str) -> None:
    world = os.environ | {"DJANGO_SETTINGS_MODULE": "carnet.calm.portal.settings", "CARNET_CALM_SSO": switch}
    done = subprocess.run([sys.executable, "-c", LOADED], env=world, capture_output=True, text=True, check=True)
    loaded, reached = done.stdout.splitlines()
    assert (loaded == "[]", reached == "[]") == (switch == "off", switch == "off")
