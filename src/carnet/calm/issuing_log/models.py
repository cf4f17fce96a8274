from django.db import models


class LogEntry(models.Model):
    """A record of the issuing log. `nodes`: its leaf hash, then the interior nodes it completed, level by level."""

    index = models.BigIntegerField(primary_key=True)
    leaf = models.BinaryField()  # exchange.issuing_log.LogRecord, the public half
    detail = models.BinaryField()  # the private half: salted, JSON
    nodes = models.BinaryField()

    def __str__(self) -> str:
        return str(self.index)
