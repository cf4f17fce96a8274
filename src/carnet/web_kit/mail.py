"""What sends mail where no server is named: nothing, and it says so."""

import errno
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class NoServer(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Raises OSError, whatever is sent: a mail that was printed would leave links to passwords in a log (A6)."""
        del email_messages
        raise OSError(errno.EDESTADDRREQ, "no mail server is set: CARNET_SMTP_HOST names one")
