"""Sending what is due, each notice once, by the ways that are set: mail, and a syslog of the site.

Which notices are due is `queries.notices`' to say. A notice is claimed, sent, and noted as sent; one that could not
be sent gives its claim back, and is tried again with the next run. So is one whose run ended in between.
"""

import errno
import logging
import logging.handlers
import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.core.mail import EmailMessage, get_connection
from django.db import IntegrityError, transaction

from carnet.control_room.engine.backup import TRUST
from carnet.control_room.local_api.client import EngineClient
from carnet.control_room.local_api.pages_acts import Told
from carnet.control_room.pages.models import NoticeSent, NoticeSettings
from carnet.control_room.pages.runtime_config import runtime_config
from carnet.control_room.queries.notices import DueNotices, Notice
from carnet.control_room.queries.questions import Checkpoint
from carnet.exchange.key_set import Trust, read_trust
from carnet.printable import SENTENCE, printable

MAIL_HOST = "CARNET_ROOM_SMTP_HOST"
MAIL_PORT, MAIL_TLS, MAIL_USER = "CARNET_ROOM_SMTP_PORT", "CARNET_ROOM_SMTP_TLS", "CARNET_ROOM_SMTP_USER"
MAIL_KEY = "CARNET_ROOM_SMTP_PASSWORD_FILE"  # names the file that holds it
PATIENCE = 20  # seconds for a mail server or a syslog
LOST_SUBJECT = "Control Room: the second factors of {name} were removed"
LOST = """{by} removed the second factors of {name} at the Control Room. The password and every session of
{name} ended too. {name} chooses another password with a new link or entry code, and sets up a second factor again.

If {name} did not lose a second factor, tell another administrator at once.
"""
STALE = timedelta(minutes=15)  # a run that claimed a notice and did not send it by then has ended
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")
Send = Callable[[str, str], None]  # subject, text; raises OSError


def settings() -> NoticeSettings:
    return NoticeSettings.objects.order_by("pk").first() or NoticeSettings()


def send_due(client: EngineClient, now: datetime) -> Told:
    """`now`: trusted time."""
    chosen = settings()
    ways = _ways(chosen)
    due = client.ask(DueNotices(tuple(NoticeSent.objects.exclude(sent_at=None).values_list("notice", flat=True))))
    sent: list[str] = []
    failed: list[str] = []
    for notice in due.notices if ways else ():
        problems = _send_once(notice, ways, now)
        if problems is not None:
            (failed if problems else sent).append("; ".join([notice.subject, *problems]))
    line, problem = _checkpoint(client, chosen)
    return Told(list(ways), sent, failed + ([problem] if problem else []), line)


def try_out(name: str) -> list[str]:
    """What went wrong, in words; nothing where all ways worked."""
    ways = _ways(settings())
    if not ways:
        return ["Nothing is sent: no address and no syslog is set."]
    return _send(ways, f"{name}: a trial notice", "Somebody at this Control Room tried out where notices go.")


def _ways(chosen: NoticeSettings) -> dict[str, Send]:
    ways: dict[str, Send] = {}
    if chosen.mail_to and (chosen.mail_host or is_server_given()):
        ways["mail"] = lambda subject, text: _mail(chosen, subject, text)
    if chosen.syslog and chosen.syslog_notices:
        ways["syslog"] = lambda subject, text: _syslog(chosen, f"{subject}. {text}")
    return ways


def _send_once(notice: Notice, ways: dict[str, Send], now: datetime) -> list[str] | None:
    """What went wrong; None where another run has it. A notice that went out by one way is not sent again."""
    claim = _claim(notice, now)
    if claim is None:
        return None
    problems = None
    try:
        problems = _send(ways, notice.subject, notice.text)
    finally:
        if problems is None or len(problems) == len(ways):
            claim.delete()
    if len(problems) < len(ways):
        claim.sent_at = now
        claim.save(force_update=True)
    return problems


def _claim(notice: Notice, now: datetime) -> NoticeSent | None:
    stale = NoticeSent.objects.filter(notice=notice.id, sent_at=None, claimed_at__lte=now - STALE)
    if stale.update(claimed_at=now):
        return NoticeSent.objects.get(notice=notice.id)
    try:
        with transaction.atomic():
            return NoticeSent.objects.create(notice=notice.id, claimed_at=now)
    except IntegrityError:
        return None


def _send(ways: dict[str, Send], subject: str, text: str) -> list[str]:
    problems = []
    for way, send in ways.items():
        try:
            send(subject, text)
        except OSError as error:  # an SMTPException is one
            problems.append(f"By {way}: {error.strerror or type(error).__name__}.")
    return problems


@dataclass(frozen=True)
class MailServer:
    """A7: a password comes with the address that it is for."""

    host: str
    port: int
    security: str
    user: str = ""
    password: str = field(default="", repr=False)


def is_server_given() -> bool:
    """Whether the server's operator named the mail server; then no page names another."""
    return bool(os.environ.get(MAIL_HOST))


def mail_server(chosen: NoticeSettings) -> MailServer:
    """The one that the environment names, with its password; else the one of the pages' settings, which gets none.

    Raises OSError where there is a password and nothing says whose.
    """
    world = os.environ
    if not is_server_given():
        if world.get(MAIL_KEY):
            raise OSError(errno.EINVAL, f"{MAIL_KEY} names a password, and {MAIL_HOST} does not say for which server")
        return MailServer(chosen.mail_host, chosen.mail_port, chosen.mail_security)
    port = world.get(MAIL_PORT, "587")
    if not port.isascii() or not port.isdigit():
        raise OSError(errno.EINVAL, f"{MAIL_PORT} is not a port")
    security = world.get(MAIL_TLS, "starttls")
    if security not in ("starttls", "tls", "none"):
        raise OSError(errno.EINVAL, f"{MAIL_TLS} is none of starttls, tls and none")
    return MailServer(world[MAIL_HOST], int(port), security, world.get(MAIL_USER, ""), _password())


def tell_factors_removed(name: str, by: str) -> str:
    """A3: by mail to the person, where the name is an address, else to who gets the notices. What came of it, in a
    sentence."""
    chosen = settings()
    to = [name] if "@" in name else chosen.mail_to.splitlines()
    if not to or not (chosen.mail_host or is_server_given()):
        return f"No mail server or no address is set: tell {name} yourself that this was done."
    try:
        _mail(chosen, LOST_SUBJECT.format(name=name), LOST.format(name=name, by=by), to)
    except OSError as error:
        return f"The mail could not be sent ({type(error).__name__}): tell {name} yourself that this was done."
    return f"A mail to {', '.join(to)} says that this was done."


def _mail(chosen: NoticeSettings, subject: str, text: str, to: list[str] | None = None) -> None:
    server = mail_server(chosen)
    connection = get_connection(
        "carnet.web_kit.mail.Smtp",
        host=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        use_tls=server.security == "starttls",
        use_ssl=server.security == "tls",
        timeout=PATIENCE,
    )
    sender = chosen.mail_from or f"control-room@{socket.gethostname()}"
    signed = f"{text.rstrip()}\n\nControl Room{_by_vendor()}\n"
    EmailMessage(subject, signed, sender, to or chosen.mail_to.splitlines(), connection=connection).send()


def _by_vendor() -> str:
    """Whose product it is that writes, as the trust file beside the ledger has it; nothing where that is not there."""
    file = runtime_config().data / TRUST
    trust = read_trust(file.read_bytes()) if file.is_file() else None
    return f", licensed by {trust.vendor}" if isinstance(trust, Trust) else ""


def _password() -> str:
    file = os.environ.get(MAIL_KEY)
    try:
        return Path(file).read_text().strip() if file else ""
    except ValueError as error:
        raise OSError(errno.EINVAL, f"the file that {MAIL_KEY} names is not text") from error


def syslog_address(text: str) -> str | tuple[str, int] | None:
    if text.startswith("/"):
        return text
    found = _HOST_PORT.fullmatch(text)
    return (found[1].strip("[]"), int(found[2])) if found and int(found[2]) < 65536 else None


def _syslog(chosen: NoticeSettings, line: str) -> None:
    address = syslog_address(chosen.syslog)
    if address is None:
        raise OSError(f"“{chosen.syslog}” is not the address of a syslog server")
    kind = socket.SOCK_STREAM if chosen.syslog_protocol == "tcp" else socket.SOCK_DGRAM
    by = None if isinstance(address, str) else kind
    handler = _Strict(address, logging.handlers.SysLogHandler.LOG_DAEMON, by)
    try:
        text = f"carnet-control-room: {printable(line, SENTENCE)}"  # N3: one line, whatever a site is called
        handler.emit(logging.LogRecord("carnet", logging.INFO, "", 0, text, None, None))
    finally:
        handler.close()


class _Strict(logging.handlers.SysLogHandler):
    """A line that cannot be sent is not swallowed."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base's own name
        del record
        raise


def _checkpoint(client: EngineClient, chosen: NoticeSettings) -> tuple[str | None, str]:
    """The line that was sent, and what went wrong."""
    if not (chosen.syslog and chosen.syslog_checkpoints):
        return None, ""
    found = client.ask(Checkpoint())
    line = "checkpoint " + " ".join(found.text.split())
    try:
        _syslog(chosen, line)
    except OSError as error:
        return None, f"The checkpoint, by syslog: {error.strerror or type(error).__name__}."
    return line, ""
