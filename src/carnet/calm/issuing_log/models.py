"""Rows of the issuing log: its records, with the nodes of its tree."""

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
        # one, and all that is searched: it is small, is read in the log's order, and grows at its end alone
        indexes = (models.Index(fields=["index", "at", "kind", "who", "subject", "about"], name="log_searched"),)

    def __str__(self) -> str:
        return str(self.index)
