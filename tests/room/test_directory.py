"""Sign-in against the site's own directory: it says whether a password is right, the ledger says who may what."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from carnet.control_room.pages import directory as settings
from carnet.control_room.rules.granting.people import AddPerson
from carnet.errors import UsageError
from tests.room.site import Pages, free_port, serve_pages
from tests.support.directory import ROOT, ROOT_PASSWORD, SUFFIX, Directory, directory
from tests.support.kept_logs import secret

PASSWORD = secret("of the directory, long enough", "a password")


@pytest.fixture(scope="module")
def ldap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    with directory(tmp_path_factory.mktemp("directory"), free_port()) as found:
        for name in ("dora", "unknown"):
            found.add(name, PASSWORD)
        yield found


@pytest.fixture(params=["template", "search"])
def pages(
    request: pytest.FixtureRequest, ldap: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pages]:
    secret = tmp_path / "bind"
    secret.write_text(ROOT_PASSWORD)
    ways = {
        "template": {"USER_DN": f"uid=%(user)s,ou=people,{SUFFIX}"},
        "search": {"SEARCH": f"ou=people,{SUFFIX}", "BIND_DN": ROOT, "BIND_PASSWORD_FILE": str(secret)},
    }
    monkeypatch.setenv("CARNET_ROOM_LDAP", ldap.url)
    monkeypatch.setenv("CARNET_ROOM_LDAP_CA", str(ldap.certificate))
    for name, value in ways[request.param].items():
        monkeypatch.setenv(f"CARNET_ROOM_LDAP_{name}", value)
    served = serve_pages(tmp_path / "site")
    try:
        yield served
    finally:
        served.end()


@pytest.mark.rule("A1")
def test_the_directory_knows_the_password_and_the_ledger_the_person(pages: Pages) -> None:
    with pages.browser() as browser:
        assert browser.sign_in("dora", PASSWORD).status_code == 200  # the ledger does not know her
        pages.do(AddPerson("dora", "viewer"))
        for wrong in ("", "another password indeed"):
            assert browser.sign_in("dora", wrong).status_code == 200
        assert browser.sign_in("Dora", PASSWORD).status_code == 302
        assert browser.get("/").status_code == 200
        assert browser.get("/people/").status_code == 403
    with pages.browser() as browser:
        assert browser.sign_in("unknown", PASSWORD).status_code == 200
        assert browser.sign_in("*)(uid=dora", PASSWORD).status_code == 200
        assert browser.sign_in("ada").status_code == 302  # a password kept here goes on beside the directory


def test_a_directory_that_is_down_refuses_and_leaves_the_own_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARNET_ROOM_LDAP", f"ldaps://127.0.0.1:{free_port()}")
    monkeypatch.setenv("CARNET_ROOM_LDAP_USER_DN", f"uid=%(user)s,ou=people,{SUFFIX}")
    served = serve_pages(tmp_path / "site")
    try:
        served.do(AddPerson("dora", "viewer"))
        with served.browser() as browser:
            assert browser.sign_in("dora", PASSWORD).status_code == 200
            assert browser.sign_in("ada").status_code == 302
        assert PASSWORD not in "".join(served.process.log)
    finally:
        served.end()


@contextmanager
def counting() -> Iterator[tuple[int, list[str]]]:
    """A port where each connection is counted, and ended."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        came: list[str] = []

        def count() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    came.append("one")
                    connection.close()

        thread = threading.Thread(target=count)
        thread.start()
        try:
            yield listener.getsockname()[1], came
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.rule("A6")
@pytest.mark.security
@pytest.mark.parametrize("way", ["USER_DN", "SEARCH"])
def test_the_directory_is_asked_as_often_about_a_name_that_the_ledger_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """What is asked takes time; it is counted. The name itself is not sent."""
    places = {"USER_DN": f"uid=%(user)s,ou=people,{SUFFIX}", "SEARCH": f"ou=people,{SUFFIX}"}
    with counting() as (port, came):
        monkeypatch.setenv("CARNET_ROOM_LDAP", f"ldaps://127.0.0.1:{port}")
        monkeypatch.setenv(f"CARNET_ROOM_LDAP_{way}", places[way])
        served = serve_pages(tmp_path / "site")
        try:
            counts = []
            for name in ("ada", "nobody-here"):
                with served.browser() as browser:
                    before = len(came)
                    assert browser.sign_in(name, PASSWORD).status_code == 200
                    counts.append(len(came) - before)
        finally:
            served.end()
    assert counts[0] == counts[1] > 0


def test_no_directory_is_asked_unless_one_is_named() -> None:
    assert settings.settings({}) == {}


@pytest.mark.parametrize(
    "world",
    [
        {},
        {"CARNET_ROOM_LDAP_USER_DN": "uid=dora,dc=site"},
        {"CARNET_ROOM_LDAP_USER_DN": "uid=%(user)s,cn=%(user)s"},
        {"CARNET_ROOM_LDAP_SEARCH": "dc=site", "CARNET_ROOM_LDAP_FILTER": "(uid=%(name)s)"},
    ],
)
def test_a_directory_that_cannot_be_asked_is_said_at_the_start(world: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        settings.settings({"CARNET_ROOM_LDAP": "ldaps://dir.site"} | world)
