"""API keys, people and roles, and the settings of notices, as an administrator sets them up at the pages."""

import socket
import socketserver
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from carnet.control_room.queries.questions import Records
from carnet.control_room.rules.granting.api_keys import ListApiKeys
from carnet.control_room.rules.granting.people import FindPerson, ListPeople
from tests.room.site import PASSWORD, Pages

OTHERS = ("license_manager", "seat_manager", "auditor", "viewer")


@pytest.mark.rule("A1", "A2")
def test_an_api_key_is_shown_once_works_and_is_revoked(site: Pages) -> None:
    ada = site.client("administrator")
    fields = {"name": "invoice bots", "permissions": ["take"], "products": ["unattended-bot-runner"]}
    made = ada.send_form("/keys/", fields)
    key = made.text.split('id="key">')[1].split("<")[0]
    assert made.headers["cache-control"] == "no-store"
    assert key not in ada.get("/keys/").text
    headers = {"authorization": f"Bearer {key}"}
    rest = f"http://127.0.0.1:{site.port}/api/v1"
    body = {"sku": "unattended-bot-runner", "holder": "bot-1"}
    taken = httpx.post(f"{rest}/seats/acquire", json=body, headers=headers, trust_env=False)
    assert taken.status_code == 200, taken.text
    (found,) = [one for one in site.ask(ListApiKeys()).keys if one.name == "invoice bots"]
    assert (found.products, found.permissions) == (["unattended-bot-runner"], ["take"])
    assert ada.send_form(f"/keys/{found.key_id}/revoke/").status_code == 302
    again = httpx.post(f"{rest}/seats/acquire", json=body, headers=headers, trust_env=False)
    assert again.status_code == 401


def test_a_key_that_may_nothing_is_not_made(site: Pages) -> None:
    ada, before = site.client("administrator"), site.size
    assert ada.send_form("/keys/", {"name": "x"}).status_code == 422
    assert ada.send_form("/keys/nothing/revoke/").status_code == 422
    assert "refused" in [record.kind for record in site.ask(Records(3)).records]
    assert site.size == before + 1  # the refusal's own record


@pytest.mark.rule("A1")
def test_somebody_is_added_chooses_a_password_and_gets_another_role(site: Pages) -> None:
    ada = site.client("administrator")
    added = ada.send_form("/people/", {"name": "Gerd.K", "role": "viewer"})
    link = added.text.split('id="link">')[1].split("<")[0]
    with site.browser() as gerd:
        form = gerd.get(link, follow_redirects=True)
        gerd.send_form(form.url.path, {"password1": PASSWORD, "password2": PASSWORD})
        assert gerd.sign_in("gerd.k").status_code == 302
        assert gerd.get("/users/file/").status_code == 403
        assert ada.send_form("/people/change/", {"name": "gerd.k", "role": "seat_manager"}).status_code == 302
        assert gerd.get("/users/file/").status_code == 200
        assert ada.send_form("/people/change/", {"name": "gerd.k", "role": ""}).status_code == 302
        assert gerd.get("/users/file/").status_code == 302
    assert site.ask(FindPerson("gerd.k")).code == "not_found"


@pytest.mark.rule("A1")
def test_somebody_who_was_deactivated_is_reactivated_on_the_page_with_a_new_link(site: Pages) -> None:
    ada = site.client("administrator")
    assert ada.send_form("/people/", {"name": "hedda", "role": "viewer"}).status_code == 200
    assert ada.send_form("/people/change/", {"name": "hedda", "role": ""}).status_code == 302
    page = ada.get("/people/").text
    assert 'aria-label="New role of hedda"' in page
    assert "Reactivate" in page
    back = ada.send_form("/people/", {"name": "hedda", "role": "viewer"})
    assert back.status_code == 200
    assert "/account/choose/" in back.text
    found = next(each for each in site.ask(ListPeople()).people if each.name == "hedda")
    assert found.role == "viewer"


@pytest.mark.rule("A1")
def test_the_only_administrator_cannot_be_let_go_by_a_slip(site: Pages) -> None:
    answer = site.client("administrator").send_form("/people/change/", {"name": "ada", "role": "viewer"})
    assert (answer.status_code, "only administrator" in answer.text) == (422, True)
    assert site.ask(FindPerson("ada")).role == "administrator"


@pytest.mark.rule("A1")
@pytest.mark.parametrize("role", OTHERS)
def test_others_set_up_nothing(site: Pages, role: str) -> None:
    browser, before, people = site.client(role), site.size, site.ask(ListPeople())
    for path in ("/keys/", "/people/", "/settings/"):
        assert browser.get(path).status_code == 403
    for path, data in (
        ("/keys/", {"name": "mine", "permissions": ["take"]}),
        ("/people/", {"name": "mate", "role": "administrator"}),
        ("/people/change/", {"name": "vic", "role": "administrator"}),
        ("/people/link/", {"name": "ada"}),
        ("/settings/", {"mail_to": "me@elsewhere.example", "mail_host": "elsewhere.example"}),
        ("/settings/try/", {}),
        ("/settings/backup/", {}),
    ):
        assert browser.send_form(path, data).status_code == 403, path
    assert (site.size, site.ask(ListPeople())) == (before, people)


def test_a_form_from_elsewhere_is_refused(site: Pages) -> None:
    ada, before = site.client("administrator"), site.size
    answer = ada.post("/people/", data={"name": "mate", "role": "administrator"})
    assert answer.status_code == 403
    assert site.size == before


class _Mailbox(socketserver.StreamRequestHandler):
    """Takes mail as an SMTP server does, without asking who sends it."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline().strip().upper():
            if line.startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                text = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    text += part
                self.server.mails.append(text.decode())  # type: ignore[attr-defined]
            self.wfile.write(b"221 bye\r\n" if line == b"QUIT" else b"250 ok\r\n")
            if line == b"QUIT":
                return


@contextmanager
def mailbox() -> Iterator[tuple[int, list[str]]]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mailbox) as server:
        server.mails = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1], server.mails  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def syslog() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.settimeout(20)
        yield taken


@pytest.mark.rule("S", "L1")
def test_notices_go_by_mail_and_syslog_each_once_with_the_checkpoint(new_site: Callable[..., Pages]) -> None:
    pages = new_site({"bot-creator": 3})
    pages.do_cycle(days=6)
    with mailbox() as (port, mails), syslog() as taken:
        fields = {
            "mail_to": "ops@site.example\nsecurity@site.example",
            "mail_from": "room@site.example",
            "mail_host": "127.0.0.1",
            "mail_port": port,
            "mail_security": "none",
            "syslog": f"127.0.0.1:{taken.getsockname()[1]}",
            "syslog_protocol": "udp",
            "syslog_notices": "on",
            "syslog_checkpoints": "on",
        }
        saved = pages.client("administrator").send_form("/settings/", fields)
        assert saved.status_code == 302, saved.text
        assert pages.client("administrator").send_form("/settings/try/").status_code == 302
        assert (len(mails), b"trial notice" in taken.recv(4096)) == (1, True)
        told = pages.command("notify")
        assert told.returncode == 0, told.stderr
        lines = [taken.recv(4096).decode() for _ in range(2)]
        assert (len(mails), "ops@site.example, security@site.example" in mails[1]) == (2, True)
        assert f"checkpoint {pages.folder_id}" in lines[1]
        vendor = pages.vendor.trust.vendor
        assert all(f"\nControl Room, licensed by {vendor}" in each.replace("\r", "") for each in mails)
        again = pages.command("notify")
        assert "No notice is due." in again.stdout
        assert len(mails) == 2


def test_a_notice_that_cannot_be_sent_is_tried_again(new_site: Callable[..., Pages]) -> None:
    pages = new_site({"bot-creator": 3})
    pages.do_cycle(days=6)
    with mailbox() as (port, _):
        pass  # nobody listens there any more
    fields = {"mail_to": "ops@site.example", "mail_host": "127.0.0.1", "mail_port": port, "mail_security": "none"}
    fields |= {"syslog_protocol": "udp"}
    assert pages.client("administrator").send_form("/settings/", fields).status_code == 302
    for _ in range(2):
        assert "Not sent, tried again with the next run" in pages.command("notify").stdout
    with mailbox() as (port, mails):
        assert pages.client("administrator").send_form("/settings/", fields | {"mail_port": port}).status_code == 302
        assert "Sent: " in pages.command("notify").stdout
        assert len(mails) == 1


def test_a_password_of_the_mail_server_that_is_no_text_is_told_and_nothing_is_sent(
    new_site: Callable[..., Pages], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "password"
    secret.write_bytes(b"\xff\xfe")
    with mailbox() as (port, mails):
        monkeypatch.setenv("CARNET_ROOM_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("CARNET_ROOM_SMTP_PORT", str(port))
        monkeypatch.setenv("CARNET_ROOM_SMTP_TLS", "none")
        monkeypatch.setenv("CARNET_ROOM_SMTP_PASSWORD_FILE", str(secret))
        pages = new_site({"bot-creator": 3})
        pages.do_cycle(days=6)
        fields = {"mail_to": "ops@site.example", "syslog_protocol": "udp"}
        assert pages.client("administrator").send_form("/settings/", fields).status_code == 302
        told = pages.command("notify")
        assert "CARNET_ROOM_SMTP_PASSWORD_FILE names is not text" in told.stdout, told
        assert mails == []


def test_a_notice_whose_run_ended_in_between_is_sent_by_a_later_one(new_site: Callable[..., Pages]) -> None:
    pages = new_site({"bot-creator": 3})
    pages.do_cycle(days=6)
    with mailbox() as (port, mails):
        fields = {"mail_to": "ops@site.example", "mail_host": "127.0.0.1", "mail_port": port, "mail_security": "none"}
        fields |= {"syslog_protocol": "udp"}
        assert pages.client("administrator").send_form("/settings/", fields).status_code == 302
        assert "Sent: " in pages.command("notify").stdout
        for minutes, sends in ((14, False), (16, True)):
            with closing(sqlite3.connect(pages.folder / "pages.sqlite3")) as kept, kept:
                left = f"datetime(claimed_at, '-{minutes} minutes')"
                kept.execute(f"UPDATE pages_noticesent SET sent_at = NULL, claimed_at = {left}")
            assert ("Sent: " in pages.command("notify").stdout) is sends
        assert len(mails) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"mail_to": "nonsense", "mail_host": "x.example"},
        {"mail_to": "ops@site.example", "mail_host": ""},
        {"syslog": "no address"},
        {"syslog": "host:99999"},
        {"syslog": "", "syslog_checkpoints": "on"},
        {"mail_security": "rot13"},
        {"mail_port": "-1"},
    ],
)
def test_settings_that_cannot_work_are_not_saved(site: Pages, fields: dict[str, str]) -> None:
    ada, before = site.client("administrator"), site.size
    usual = {"mail_port": "587", "mail_security": "starttls", "syslog_protocol": "udp"}
    assert ada.send_form("/settings/", usual | fields).status_code == 422
    assert site.size == before
