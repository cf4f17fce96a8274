"""The pages of a Control Room in a process that stays, for any engine that speaks at the socket in its folder: a line
of JSON in, a line of JSON out.

The tests' own process holds CALM's Django, and one process cannot hold two. The pages, their database and the way to
the engine are the real ones; the requests are those of Django's own client.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from carnet.control_room import pages_process
from carnet.control_room.pages.runtime_config import RuntimeConfig
from tests.support.headers import wrong_headers
from tests.support.tables import uneven

WHO = "kari"
SYSLOG = "syslog"  # a socket of datagrams in the folder
MOST = 1 << 17


def set_up(folder: Path) -> None:
    os.environ["CARNET_ROOM_SECOND_FACTOR"] = "optional"
    keys = {name: os.urandom(64) for name in ("signing", "wrapping", "sealing")}
    pages_process.set_up(RuntimeConfig(folder=str(folder), **keys))
    from django.core.management import call_command

    call_command("collectstatic", verbosity=0, interactive=False)
    from carnet.control_room.pages.models import Login, NoticeSettings

    login = Login(name=WHO)
    login.set_unusable_password()
    login.save()
    NoticeSettings.objects.create(syslog=str(folder / SYSLOG), syslog_notices=True)


def browse(paths: list[str], olf: str) -> dict[str, list[Any]]:
    """What each page answers: its status and its text. `olf`: a license file that is put under preview first."""
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test import Client

    from carnet.control_room.pages.models import Login

    browser = Client(headers={"host": "localhost"}, raise_request_exception=False)
    browser.force_login(Login.objects.get(name=WHO), "carnet.control_room.pages.sign_in.Backend")
    found = {}
    if olf:
        file = SimpleUploadedFile("answer.olf", base64.b64decode(olf))
        found["preview"] = _read(browser.post("/exchange/preview/", {"file": file}))
    found |= {path: _read(browser.get(path)) for path in paths}
    browser.post("/exchange/preview/leave/")
    return found


def _read(answer: Any) -> list[Any]:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    text = body.decode()
    if not answer.streaming and answer.headers.get("content-type", "").startswith("text/html"):
        assert wrong_headers(answer.headers) == []
        assert uneven(text) == []
    return [answer.status_code, text]


def notify(folder: Path) -> list[str]:
    """`control-room notify`: what came at a syslog, and what went wrong. No notice is kept as sent."""
    from carnet.control_room.pages.engine import engine
    from carnet.control_room.pages.models import NoticeSent
    from carnet.control_room.pages.notices import send_due
    from carnet.control_room.queries.questions import Status

    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as syslog:
        (folder / SYSLOG).unlink(missing_ok=True)
        syslog.bind(str(folder / SYSLOG))
        syslog.setblocking(False)
        with engine() as client:
            told = send_due(client, client.ask(Status()).clock.trusted)
        NoticeSent.objects.all().delete()
        assert told.failed == [], told
        return [syslog.recv(MOST).decode() for _ in told.sent]


def main() -> None:
    folder = Path(sys.argv[1])
    set_up(folder)
    answers = sys.stdout
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer: dict[str, Any] = {"pages": browse(order["paths"], order["olf"]), "notices": notify(folder)}
        except Exception as error:
            answer = {"fault": repr(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
