"""What sends mail: each one cleaned first, whoever wrote it (N3). Where no server is named: nothing, and it says so."""

import errno
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend

from carnet.printable import FIELD, printable, printable_lines


class Smtp(EmailBackend):
    """Every mail of both sides leaves by here."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            clean(message)
        return super().send_messages(email_messages) or 0


def clean(message: EmailMessage) -> None:
    """No name in it can make a header or a line of its own, or is obeyed by what shows it."""
    message.subject = printable(str(message.subject), FIELD)
    message.body = printable_lines(str(message.body))
    message.from_email = printable(message.from_email)
    message.extra_headers = {printable(name): printable(str(text)) for name, text in message.extra_headers.items()}
    for each in ("to", "cc", "bcc", "reply_to"):
        setattr(message, each, [printable(str(address)) for address in getattr(message, each)])


class NoServer(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Raises OSError, whatever is sent: a mail that was printed would leave links to passwords in a log (A6)."""
        del email_messages
        raise OSError(errno.EDESTADDRREQ, "no mail server is set: CARNET_SMTP_HOST names one")
