"""Rows of the pages' own database. Who may do what is not here: that is in the ledger."""

import hmac
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from carnet import times
from carnet.control_room.pages.password_seals import seal_of
from carnet.control_room.pages.runtime_config import runtime_config
from carnet.web_kit.sent_once import SentForms
from carnet.web_kit.sign_in.half_codes import HalfCodes

MAIL_SECURITY = [("starttls", "STARTTLS"), ("tls", "TLS"), ("none", "nothing")]
SYSLOG_PROTOCOLS = [("udp", "UDP"), ("tcp", "TCP")]


class Logins(BaseUserManager["Login"]):
    def get_by_natural_key(self, username: str | None) -> "Login":
        return self.get(name=(username or "").lower())


class Login(AbstractBaseUser):
    """A password. It opens nothing for a name that the ledger does not know."""

    name = models.CharField(max_length=64, unique=True)  # lower case, as in the ledger
    seal = models.CharField(max_length=64)  # of the name and the password's hash (`password_seals`)
    is_active = True

    USERNAME_FIELD = "name"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = Logins()

    def __str__(self) -> str:
        return self.name

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(raw_password)
        self.seal = self._seal()

    def set_unusable_password(self) -> None:
        super().set_unusable_password()
        self.seal = self._seal()

    def check_password(self, raw_password: str | None) -> bool:
        """Never right where the hash was put here by somebody else than these pages."""
        return hmac.compare_digest(self.seal, self._seal()) and super().check_password(raw_password)

    def save(self, **how: Any) -> None:
        fields = how.get("update_fields")
        if fields and "password" in fields:
            how["update_fields"] = {*fields, "seal"}
        super().save(**how)

    def _seal(self) -> str:
        return seal_of(runtime_config().sealing, self.name, self.password)


class EntryCode(HalfCodes):
    """A3: a code in two halves, for somebody whose role may install licenses or audit."""


class SentForm(SentForms):
    """N4: a form that was carried out, or is being carried out."""


class Preview(models.Model):
    """The license file that is looked at before it is installed: one at a time, for everybody here."""

    raw = models.BinaryField()
    file_name = models.CharField(max_length=200)
    by = models.CharField(max_length=64)
    at = models.DateTimeField()

    objects: ClassVar[models.Manager["Preview"]] = models.Manager()

    def __str__(self) -> str:
        return self.file_name


class VerifyRun(models.Model):
    """A check of the whole ledger that came to its end."""

    at = models.DateTimeField()
    by = models.CharField(max_length=64)
    records = models.BigIntegerField()
    seconds = models.FloatField()
    holds = models.BooleanField()
    words = models.TextField()  # what was found; empty where it holds

    objects: ClassVar[models.Manager["VerifyRun"]] = models.Manager()

    def __str__(self) -> str:
        return times.minute(self.at)


class NoticeSettings(models.Model):
    """Where notices go: one row. A mail server with a password is not here: all of it is in the environment (A7)."""

    mail_to = models.TextField(blank=True)  # addresses, one a line
    mail_from = models.CharField(max_length=200, blank=True)
    mail_host = models.CharField(max_length=200, blank=True)
    mail_port = models.PositiveIntegerField(default=587)
    mail_security = models.CharField(max_length=8, default="starttls", choices=MAIL_SECURITY)
    syslog = models.CharField(max_length=200, blank=True)  # HOST:PORT, or the path of a socket
    syslog_protocol = models.CharField(max_length=3, default="udp", choices=SYSLOG_PROTOCOLS)
    syslog_notices = models.BooleanField(default=False)
    syslog_checkpoints = models.BooleanField(default=False)
    # N5: who saved them last, and how many records the ledger had then
    saved_by = models.CharField(max_length=64, blank=True)
    saved_at = models.DateTimeField(null=True)
    saved_size = models.BigIntegerField(default=0)

    objects: ClassVar[models.Manager["NoticeSettings"]] = models.Manager()

    def __str__(self) -> str:
        return "notices"


class NoticeSent(models.Model):
    """A notice that was sent, or (`sent_at` empty) that a run is about to send: so that each is sent once."""

    notice = models.CharField(max_length=200, unique=True)  # the id that `queries.notices` gives it
    claimed_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["NoticeSent"]] = models.Manager()

    def __str__(self) -> str:
        return self.notice
