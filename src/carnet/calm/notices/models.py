"""Rows of the notices: which was sent, and when."""

from django.db import models

from carnet.calm.control_rooms.models import ControlRoom

STAFF = "staff_"  # before the kind of what the vendor's own people were told


class SentNotice(models.Model):
    """A notice that was sent, or (`sent_at` empty) that somebody is about to send: so that each is sent once."""

    room = models.ForeignKey(ControlRoom, on_delete=models.PROTECT, db_index=False)
    kind = models.CharField(max_length=16)  # expiry | deadline | change | staff_expiry | staff_change
    about = models.DateTimeField()  # the end of the license, or the deadline: with a new one, notices begin again
    step = models.IntegerField()  # days, or hours, before it
    claimed_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    subject = models.CharField(max_length=300, blank=True)
    to = models.TextField(blank=True)  # addresses, one a line

    class Meta:
        constraints = (models.UniqueConstraint(fields=["room", "kind", "about", "step"], name="each_notice_once"),)
        indexes = (models.Index(fields=["room", "sent_at"], name="notices_of_room"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.step}: {self.room_id}"


class SentWord(models.Model):
    """A mail to whoever is waited for (`waiting`), sent once; or (`sent_at` empty) about to be sent."""

    key = models.CharField(primary_key=True, max_length=100)  # what it is about, and which state of that
    claimed_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    subject = models.CharField(max_length=300, blank=True)
    to = models.TextField(blank=True)  # addresses, one a line

    def __str__(self) -> str:
        return self.key
