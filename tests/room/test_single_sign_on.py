"""Single sign-on at the site, against a real provider on loopback: who gets in, and every answer that is not taken."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from carnet.control_room.pages import issuer as settings
from carnet.control_room.queries.questions import Records
from carnet.control_room.rules.granting.people import AddPerson, ChangePerson, Role
from carnet.control_room.rules.granting.two_people import Act, AskPersonAct, SettlePersonAct
from carnet.errors import UsageError
from carnet.exchange.verdicts import Code
from tests.browser.walking import one_time_password, this_step
from tests.room.site import PASSWORD, Browser, Pages, give_passwords, serve_pages
from tests.support.kept_logs import secret
from tests.support.openid import CLIENT, CLIENT_SECRET, DOWN, OpenIdProvider, openid_provider

pytestmark = pytest.mark.security
SECRET = re.compile(r'id="authenticator_secret" type="text" value="([A-Z2-7]+)"')


@dataclass
class Site:
    pages: Pages
    op: OpenIdProvider
    subjects: list[str] = field(default_factory=list)

    def leave(self, browser: Browser, path: str = "/account/issuer/", **fields: str) -> str:
        """Where the page leads that is shown on the way out."""
        page = browser.send_form(path, fields)
        assert page.status_code == 200, page.text
        found = re.search(r'content="0; url=([^"]+)"', page.text)
        assert found, page.text
        return unescape(found[1])

    def to_issuer(self, browser: Browser, user: str, path: str = "/account/issuer/", **fields: str) -> str:
        """The way back that the issuer answers with, for somebody who has a session there."""
        self.op.signs_in(user)
        browser.get("/account/")
        answer = httpx.get(self.leave(browser, path, **fields), trust_env=False)
        assert answer.status_code == 302, answer.text
        secret(httpx.URL(answer.headers["location"]).params["code"], "a code of the issuer")
        return answer.headers["location"]

    def sign_in(self, browser: Browser, user: str) -> httpx.Response:
        return browser.get(self.to_issuer(browser, user))

    def bind(self, browser: Browser, user: str) -> httpx.Response:
        return browser.get(self.to_issuer(browser, user, "/account/my/issuer/"), follow_redirects=True)

    def forget(self) -> None:
        """As if no key was ever fetched, and nothing was tried."""
        with closing(sqlite3.connect(self.pages.folder / "pages.sqlite3", timeout=10)) as db, db:
            db.execute("DELETE FROM web_cache")

    def refused(self, browser: Browser, answer: httpx.Response, status: int, words: str) -> None:
        """Nobody is signed in by it, and it says why."""
        assert (answer.status_code, words in answer.text) == (status, True), answer.text
        assert browser.get("/").status_code == 302

    def try_altered(self, words: str, name: str, change: Callable[[dict[str, Any]], Any]) -> None:
        """An answer of the endpoint `name` that is altered so."""
        self.op.altered = lambda of, answer: change(answer) if of == name else answer
        with self.pages.browser() as browser:
            self.refused(browser, self.sign_in(browser, "vic-there"), 403, words)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("sso")
    (folder / "secret").write_text(CLIENT_SECRET + "\n")
    with openid_provider() as op, pytest.MonkeyPatch.context() as world:
        for name, value in (
            ("ISSUER", op.url),
            ("CLIENT_ID", CLIENT),
            ("SECRET_FILE", str(folder / "secret")),
            ("LOOPBACK", "yes"),
        ):
            world.setenv(f"CARNET_ROOM_SSO_{name}", value)
        pages = serve_pages(folder / "site")
        try:
            named = settings.issuer()
            assert named
            op.know(f"{pages.address}/account/issuer/{named.id}/")
            for name in ("ben", "cleo"):
                pages.do(AddPerson(name, Role.ADMINISTRATOR, on_machine=True))
            pages.do(AddPerson("noor", Role.VIEWER, on_machine=True))  # of the test that binds an identity first
            give_passwords(pages, "ben", "cleo", "noor")
            yield Site(pages, op)
        finally:
            pages.end()


@pytest.fixture(autouse=True)
def _unaltered(site: Site) -> Iterator[None]:
    site.forget()
    yield
    site.op.altered = lambda _name, answer: answer


@pytest.mark.rule("A5")
def test_whoever_bound_an_identity_signs_in_by_it_and_nobody_else_does(site: Site) -> None:
    with site.pages.browser() as stranger:
        answer = site.sign_in(stranger, "noor-there")
        assert (answer.status_code, "not bound to a person who may sign in here" in answer.text) == (403, True)
        assert stranger.get("/").status_code == 302
    assert "Bound." in site.bind(site.pages.client("noor"), "noor-there").text
    with site.pages.browser() as browser:
        back = site.sign_in(browser, "noor-there")
        assert (back.status_code, back.headers["location"]) == (302, "/")
        assert browser.get("/").status_code == 200
        assert browser.get("/people/").status_code == 403
        kinds = [(each.kind, each.actor) for each in site.pages.ask(Records()).records[-9:]]
        assert ("access.noted", "noor") in kinds, kinds


def signed_as(site: Site, **claims: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda answer: site.op.signed_as(answer, **claims)


def later(seconds: int) -> int:
    return int(datetime.now(UTC).timestamp()) + seconds


@pytest.mark.rule("A5")
@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"aud": "another"}, "it is for another client"),
        ({"aud": [CLIENT, "another"]}, "it is for another client"),
        ({"azp": "another"}, "it is for another client"),
        ({"iss": "https://another.example"}, "it is of another issuer"),
        ({"nonce": "of-another-attempt"}, "it was made for another attempt"),
        ({"nonce": None}, "it was made for another attempt"),
        ({"exp": -61}, "it has expired"),
        ({"iat": -700}, "it has expired"),
        ({"iat": 90}, "it is of the future"),
        ({"nbf": 90}, "it is of the future"),
        ({"exp": "soon"}, "its times are not times"),
        ({"exp": None}, "it is not whole"),
        ({"sub": ""}, "its subject is not one"),
        ({"sub": "x" * 192}, "its subject is not one"),
    ],
)
def test_a_token_of_another_client_issuer_attempt_or_time_signs_nobody_in(
    site: Site, claims: dict[str, Any], words: str
) -> None:
    said = {name: later(at) if isinstance(at, int) else at for name, at in claims.items()}
    site.try_altered(words, "token", signed_as(site, **said))


@pytest.mark.rule("A5")
def test_a_minute_between_the_clocks_is_borne(site: Site) -> None:
    bound(site, "sara", "seat_manager", "sara-there")
    site.op.altered = lambda name, answer: (
        signed_as(site, exp=later(-30), iat=later(40))(answer) if name == "token" else answer
    )
    with site.pages.browser() as browser:
        assert site.sign_in(browser, "sara-there").status_code == 302
        assert browser.get("/").status_code == 200


def bound(site: Site, name: str, role: str, user: str) -> None:
    page = site.bind(site.pages.client(role), user)
    assert "Bound" in page.text, page.text


def unsigned(answer: dict[str, Any]) -> dict[str, Any]:
    claims = jwt.decode(answer["id_token"], options={"verify_signature": False})
    return answer | {"id_token": jwt.encode(claims, "", "none")}


def by_the_secret(answer: dict[str, Any]) -> dict[str, Any]:
    claims = jwt.decode(answer["id_token"], options={"verify_signature": False})
    return answer | {"id_token": jwt.encode(claims, CLIENT_SECRET, "HS256")}


def by_another_key(answer: dict[str, Any]) -> dict[str, Any]:
    head, body, signature = answer["id_token"].split(".")
    return answer | {"id_token": f"{head}.{body}.{signature[::-1]}"}


@pytest.mark.rule("A5")
@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("token", unsigned, "it is not signed as is asked for"),
        ("token", by_the_secret, "it is not signed as is asked for"),
        ("token", by_another_key, "its signature is not right"),
        ("token", lambda answer: answer | {"id_token": None}, "it holds no ID token"),
        ("keys", lambda _: {"keys": "none"}, "its keys cannot be read"),
        ("keys", lambda _: {"keys": []}, "the issuer has no such key"),
        ("keys", lambda _: b" " * 300_000, "more than"),
        ("provider_config", lambda answer: answer | {"issuer": "https://another.example"}, "another address"),
    ],
)
def test_an_answer_without_the_issuers_own_signature_or_keys_signs_nobody_in(
    site: Site, name: str, change: Any, words: str
) -> None:
    site.forget()
    if name == "provider_config":
        with site.pages.browser() as browser:
            browser.get("/account/")
            site.op.altered = lambda of, answer: change(answer) if of == name else answer
            site.refused(browser, browser.send_form("/account/issuer/"), 403, words)
        return
    site.try_altered(words, name, change)


@pytest.mark.rule("A5")
def test_keys_are_fetched_again_for_an_unknown_one_and_not_at_will(site: Site) -> None:
    site.forget()
    bound(site, "lena", "license_manager", "lena-there")
    with site.pages.browser() as browser:
        site.op.asked.clear()
        assert site.sign_in(browser, "lena-there").status_code == 302
        assert "keys" not in site.op.asked  # they are known
    site.op.turn_keys()
    with site.pages.browser() as browser:
        assert site.sign_in(browser, "lena-there").status_code == 302
        assert site.op.asked.count("keys") == 1
    site.op.turn_keys()
    for _ in range(2):
        with site.pages.browser() as browser:
            site.refused(browser, site.sign_in(browser, "lena-there"), 403, "the issuer has no such key")
    assert site.op.asked.count("keys") == 1
    site.forget()


@pytest.mark.rule("A5")
def test_an_answer_is_taken_once_and_in_the_browser_that_began(site: Site) -> None:
    bound(site, "audrey", "auditor", "audrey-there")
    with site.pages.browser() as browser, site.pages.browser() as thief:
        back = site.to_issuer(browser, "audrey-there")
        site.refused(thief, thief.get(back), 403, "was begun in another browser")
        assert browser.get(back).status_code == 302
        browser.send_form("/account/out/")
        site.refused(browser, browser.get(back), 403, "was used before")
    with site.pages.browser() as browser:  # the code of one attempt with the state of another
        first, second = (site.to_issuer(browser, "audrey-there") for _ in range(2))
        mixed = httpx.URL(second).copy_set_param("code", httpx.URL(first).params["code"])
        site.refused(browser, browser.get(str(mixed)), 403, "is not taken")


@pytest.mark.rule("A5")
def test_a_token_that_was_taken_before_signs_nobody_in_again(site: Site) -> None:
    kept: list[dict[str, Any]] = []

    def keep(answer: dict[str, Any]) -> dict[str, Any]:
        kept.append(answer)
        return kept[0]

    bound(site, "audrey", "auditor", "audrey-there")
    site.op.altered = lambda name, answer: keep(answer) if name == "token" else answer
    with site.pages.browser() as browser:
        assert site.sign_in(browser, "audrey-there").status_code == 302
    with site.pages.browser() as browser:
        site.refused(browser, site.sign_in(browser, "audrey-there"), 403, "it was made for another attempt")


def bindings(site: Site) -> list[Any]:
    with closing(sqlite3.connect(site.pages.folder / "pages.sqlite3", timeout=10)) as db:
        return db.execute("SELECT provider, uid, user_id FROM socialaccount_socialaccount ORDER BY id").fetchall()


@pytest.mark.rule("A3")
def test_one_identity_is_one_person(site: Site) -> None:
    bound(site, "sara", "seat_manager", "sara-there")
    known = bindings(site)
    for role, user in (("ben", "sara-there"), ("seat_manager", "sara-of-another-name")):
        answer = site.bind(site.pages.client(role), user)
        assert "This identity is somebody else" in answer.text or "Another identity of this issuer" in answer.text
    assert bindings(site) == known


@pytest.mark.rule("A3", "needs_second_person")
def test_two_people_are_two_identities_or_none_has_one(site: Site) -> None:
    """Whoever has one name by a password, and another by the issuer, is not two people."""
    ask = AskPersonAct(Act.ADD, "eve", "auditor", "the audit", "ben")
    with site.pages.engine() as engine:
        proposal = engine.execute(ask, "ben").proposal
        bound(site, "cleo", "cleo", "cleo-there")
        refused = engine.execute(SettlePersonAct(proposal, True, "cleo"), "cleo")
        assert (refused.code, "identity of the same issuer" in refused.message) == (Code.NEEDS_SECOND_PERSON, True)
        bound(site, "ben", "ben", "ben-there")
        assert engine.execute(SettlePersonAct(proposal, True, "cleo"), "cleo").name == "eve"


def timeless(page: str) -> str:
    return re.sub(r'"20\d\d-.*?"', "", page)


@pytest.mark.rule("A1")
def test_somebody_who_was_let_go_is_told_what_a_stranger_is_told(site: Site) -> None:
    site.pages.do(AddPerson("zoe", "viewer"))
    give_passwords(site.pages, "zoe")
    bound(site, "zoe", "zoe", "zoe-there")
    with site.pages.browser() as browser:
        stranger = site.sign_in(browser, "nobody-here").text
    site.pages.do(ChangePerson("zoe", None))
    with site.pages.browser() as browser:
        answer = site.sign_in(browser, "zoe-there")
        site.refused(browser, answer, 403, "not bound to a person who may sign in here")
        assert timeless(answer.text) == timeless(stranger)
    site.pages.do(AddPerson("zoe", "viewer"))  # who comes back has bound nothing
    with site.pages.browser() as browser:
        site.refused(browser, site.sign_in(browser, "zoe-there"), 403, "not bound to a person who may sign in here")


@pytest.mark.rule("A5")
def test_an_identity_is_bound_by_who_began_it_and_is_signed_in(site: Site) -> None:
    vic, ben = site.pages.client("viewer"), site.pages.client("ben")
    back = site.to_issuer(vic, "vics-other", "/account/my/issuer/")
    assert "was begun in another browser" in ben.get(back).text
    with site.pages.browser() as stranger:
        assert "was begun in another browser" in stranger.get(back).text
        stranger.get("/account/")
        assert stranger.send_form("/account/my/issuer/").headers["location"].startswith("/account/?next=")


@pytest.mark.rule("A5")
def test_the_way_back_leads_to_a_page_of_ours(site: Site) -> None:
    bound(site, "sara", "seat_manager", "sara-there")
    for path, to in (("/users/", "/users/"), ("https://evil.example/", "/"), ("//evil.example", "/"), ("/\\evil", "/")):
        with site.pages.browser() as browser:
            back = site.to_issuer(browser, "sara-there", next=path)
            assert browser.get(back).headers["location"] == to
    with site.pages.browser() as browser:
        site.op.signs_in("sara-there")
        browser.get("/account/")
        way = httpx.URL(site.leave(browser, "/account/issuer/?scope=email&auth_params=prompt%3Dnone&process=connect"))
        assert (way.params["scope"], way.params.get("prompt")) == ("openid", None)
        assert {"nonce", "state", "code_challenge"} <= set(way.params)


@pytest.mark.rule("A5")
def test_an_address_begins_twenty_times_a_minute(site: Site) -> None:
    with site.pages.browser() as browser:
        browser.get("/account/")
        assert [browser.send_form("/account/issuer/").status_code for _ in range(21)] == [*[200] * 20, 429]


@pytest.mark.rule("A5")
def test_an_issuer_that_is_down_is_said_and_passwords_go_on(site: Site) -> None:
    for answer, status, words in ((DOWN, 503, "does not answer"), (b"", 403, "does not say where it is asked")):
        with site.pages.browser() as browser:
            back = site.to_issuer(browser, "sara-there")
            site.op.altered = lambda _name, _answer, said=answer: said
            site.refused(browser, browser.get(back), status, words)
            site.refused(browser, browser.send_form("/account/issuer/"), status, words)
            assert browser.sign_in("ada").status_code == 302
            site.op.altered = lambda _name, answer: answer


def test_nothing_of_it_is_there_unless_an_issuer_is_named(tmp_path: Path) -> None:
    assert (settings.apps({}), settings.issuer({}), settings.settings({})) == ([], None, {})
    kept = tmp_path / "secret"
    kept.write_text("kept")
    whole = {"ISSUER": "https://id.site.example/realms/a", "CLIENT_ID": "carnet", "SECRET_FILE": str(kept)}
    named = {f"CARNET_ROOM_SSO_{name}": value for name, value in whole.items()}
    found = settings.issuer(named)
    assert found
    assert "kept" not in repr(found)
    for name, wrong in (
        ("ISSUER", "http://id.site.example"),
        ("ISSUER", "http://127.0.0.1:1"),
        ("ISSUER", "https://me@id.site.example"),
        ("ISSUER", "https://id.site.example/?realm=a"),
        ("CLIENT_ID", ""),
        ("SECRET_FILE", str(tmp_path / "none")),
    ):
        with pytest.raises(UsageError):
            settings.settings(named | {f"CARNET_ROOM_SSO_{name}": wrong})


@pytest.mark.rule("A5")
def test_a_sign_in_there_long_ago_is_not_a_fresh_one_here(site: Site) -> None:
    bound(site, "vic", "viewer", "vic-there")
    for ago, status in ((0, 200), (3600, 302), (None, 302)):
        at = None if ago is None else later(-ago)
        site.op.altered = lambda name, answer, at=at: (
            signed_as(site, auth_time=at)(answer) if name == "token" else answer
        )
        with site.pages.browser() as browser:
            assert site.sign_in(browser, "vic-there").status_code == 302
            page = browser.send_form("/account/my/issuer/")
            assert page.status_code == status, ago
            assert page.headers.get("location", "/account/again/").startswith("/account/again/")


@pytest.mark.rule("A5")
def test_a_second_factor_is_asked_for_here_whatever_the_issuer_says(site: Site) -> None:
    site.pages.do(AddPerson("mia", "viewer"))
    give_passwords(site.pages, "mia")
    mia, path = site.pages.client("mia"), "/account/my/one-time-password/"
    mia.send_form("/account/again/", {"password": PASSWORD})
    found = SECRET.search(mia.get(path).text)
    assert found
    code = one_time_password(secret(found[1], "the key of an authenticator app"), this_step())
    assert mia.send_form(path, {"code": code}).status_code == 302
    bound(site, "mia", "mia", "mia-there")
    site.op.altered = lambda name, answer: (
        signed_as(site, amr=["mfa", "otp"], acr="phrh")(answer) if name == "token" else answer
    )
    with site.pages.browser() as browser:
        assert site.sign_in(browser, "mia-there").headers["location"].startswith("/account/second-factor/")
        assert browser.get("/").status_code == 302
        recovery = one_time_password(found[1], this_step() + 1)
        assert browser.send_form("/account/second-factor/", {"code": recovery}).status_code == 302
        assert browser.get("/").status_code == 200


@pytest.mark.rule("A5")
def test_a_name_that_is_locked_at_an_address_is_locked_for_the_issuer_too(site: Site) -> None:
    bound(site, "audrey", "auditor", "audrey-there")
    with site.pages.browser() as browser:
        for _ in range(6):
            browser.sign_in("audrey", "a wrong password")
        site.refused(browser, site.sign_in(browser, "audrey-there"), 429, "Too many tries")
