from django.db import models


class LogEntry(models.Model):
    """A record of the issuing log. `nodes`: its leaf hash, then the interior nodes it completed, level by level."""

    index = models.BigIntegerField(primary_key=True)
    # what the log is searched by, out of the two halves of the record; `verify` compares
    at = models.DateTimeField()
    kind = models.CharField(max_length=64)
    subject = models.CharField(max_length=200)
    about = models.CharField(max_length=36, blank=True)  # whose: a Control Room, else an account
    who = models.CharField(max_length=200)
    leaf = models.BinaryField()  # exchange.issuing_log.LogRecord, the public half
    detail = models.BinaryField()  # the private half: salted, JSON
    nodes = models.BinaryField()

    class Meta:
        indexes = (
            models.Index(fields=["at", "index"], name="log_by_time"),
            models.Index(fields=["kind", "index"], name="log_by_kind"),
            models.Index(fields=["subject", "index"], name="log_by_subject"),
            models.Index(fields=["about", "index"], name="log_by_room"),
            models.Index(fields=["who", "index"], name="log_by_who"),
        )

    def __str__(self) -> str:
        return str(self.index)
