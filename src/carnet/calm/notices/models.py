from django.db import models

from carnet.calm.control_rooms.models import ControlRoom


class SentNotice(models.Model):
    """A notice that was handed to the mail server; the constraint is what makes it be sent once."""

    about = models.CharField(max_length=16)
    room = models.ForeignKey(ControlRoom, on_delete=models.PROTECT)
    moment = models.DateTimeField()
    step = models.PositiveSmallIntegerField()
    to = models.TextField()  # addresses, one a line
    subject = models.CharField(max_length=300)
    sent_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["about", "room", "moment", "step"], name="each_notice_once"),)

    def __str__(self) -> str:
        return self.subject
