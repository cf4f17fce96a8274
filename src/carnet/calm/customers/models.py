"""Rows only. The rules are in `issuing` (who may act) and in the pure modules."""

from typing import Any

from django.db import models

from carnet.calm.customers.names import MOST_FOLDED, fold


class Account(models.Model):
    id = models.CharField(primary_key=True, max_length=36)
    name = models.CharField(max_length=200)
    folded = models.CharField(max_length=MOST_FOLDED, unique=True)  # `fold` of the name, which is what must differ
    created_at = models.DateTimeField()
    windows = models.TextField(blank=True)  # E18: Windows, JSON; empty: the default
    archived_at = models.DateTimeField(null=True)  # hidden from lists, until it is brought back
    merged_into = models.ForeignKey("self", null=True, on_delete=models.PROTECT)  # then it is archived for good

    def save(self, *args: Any, **options: Any) -> None:
        self.folded = fold(self.name)
        super().save(*args, **options)

    def __str__(self) -> str:
        return self.name


class Approval(models.Model):
    """E1: a request to license offline, and what vendor staff decided, with the reason."""

    class State(models.TextChoices):
        REQUESTED = "requested"
        GRANTED = "granted"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    id = models.CharField(primary_key=True, max_length=36)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    industry = models.CharField(max_length=200)
    reason = models.CharField(max_length=2000)
    version = models.CharField(max_length=32)
    state = models.CharField(max_length=16, choices=State.choices)
    requested_at = models.DateTimeField()
    requested_by = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=200, blank=True)
    decided_reason = models.CharField(max_length=2000, blank=True)

    class Meta:
        indexes = (models.Index(fields=["state", "requested_at"], name="approvals_by_state"),)

    def __str__(self) -> str:
        return f"{self.account_id}: {self.state}"
