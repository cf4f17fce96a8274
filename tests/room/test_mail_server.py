"""A7: the password of the site's mail server goes there alone, whatever an administrator types at the pages."""

import base64
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.room.site import Pages
from tests.support.kept_logs import secret

pytestmark = pytest.mark.security
NewSite = Callable[..., Pages]
SECRET = secret("a password for the mail server", "a mail password")


class _Listening(socketserver.StreamRequestHandler):
    """A mail server that asks who sends, and keeps all that it hears."""

    def handle(self) -> None:
        heard: list[bytes] = self.server.heard  # type: ignore[attr-defined]
        self.wfile.write(b"220 here\r\n")
        taking = False
        while line := self.rfile.readline():
            heard.append(line)
            word = line.strip().upper()
            if taking:
                taking = word != b"."
                if not taking:
                    self.wfile.write(b"250 ok\r\n")
            elif word.startswith(b"EHLO"):
                self.wfile.write(b"250-here\r\n250 AUTH PLAIN\r\n")
            elif word.startswith(b"AUTH"):
                self.wfile.write(b"235 in\r\n")
            elif word == b"DATA":
                taking = True
                self.wfile.write(b"354 go on\r\n")
            else:
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")


@contextmanager
def listening() -> Iterator[tuple[int, list[bytes]]]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Listening) as server:
        server.heard = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1], server.heard  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def password_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "mail.password"
    file.write_text(SECRET)
    monkeypatch.setenv("CARNET_ROOM_SMTP_PASSWORD_FILE", str(file))
    return file


def typed(port: int) -> dict[str, object]:
    """What an administrator types to have the password sent to a server of their own."""
    fields = {"mail_to": "eve@elsewhere.example", "mail_host": "127.0.0.1", "mail_port": port, "mail_security": "none"}
    return fields | {"mail_user": "room", "syslog_protocol": "udp"}


@pytest.mark.rule("A7")
def test_a_password_without_a_server_of_its_own_goes_nowhere(new_site: NewSite, password_file: Path) -> None:
    pages = new_site({"bot-creator": 3})
    pages.do_cycle(days=6)
    ada = pages.client("administrator")
    with listening() as (port, heard):
        assert ada.send_form("/settings/", typed(port)).status_code == 302
        page = ada.send_form("/settings/try/", follow_redirects=True)
        assert "does not say for which server" in page.text
        told = pages.command("notify", CARNET_ROOM_SMTP_PASSWORD_FILE=str(password_file))
        assert "does not say for which server" in " ".join(told.stdout.split())
    assert heard == []
    assert SECRET not in page.text + told.stdout + told.stderr


@pytest.mark.rule("A7")
def test_the_server_that_the_operator_named_is_not_changed_by_what_is_typed(
    new_site: NewSite, password_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening() as (named, heard), listening() as (elsewhere, stolen):
        world = {"HOST": "127.0.0.1", "PORT": str(named), "TLS": "none", "USER": "room"}
        for name, value in world.items():
            monkeypatch.setenv(f"CARNET_ROOM_SMTP_{name}", value)
        pages = new_site()
        ada = pages.client("administrator")
        form = ada.get("/settings/").text
        assert 'name="mail_to"' in form
        for field in ("mail_host", "mail_port", "mail_security", "mail_user"):
            assert f'name="{field}"' not in form
        assert ada.send_form("/settings/", typed(elsewhere)).status_code == 302
        assert ada.send_form("/settings/try/").status_code == 302
        assert stolen == []
        assert base64.b64encode(f"\0room\0{SECRET}".encode()) in b"".join(heard)
        assert b"eve@elsewhere.example" in b"".join(heard)


@pytest.mark.rule("A7")
def test_a_server_that_an_administrator_names_is_given_no_password(new_site: NewSite) -> None:
    pages = new_site()
    ada = pages.client("administrator")
    with listening() as (port, heard):
        assert ada.send_form("/settings/", typed(port)).status_code == 302
        assert ada.send_form("/settings/try/").status_code == 302
    assert b"AUTH" not in b"".join(heard)
    assert b"trial notice" in b"".join(heard)
