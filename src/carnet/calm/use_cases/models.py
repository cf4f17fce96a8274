"""Rows that belong to acts: tokens given out, proposals that wait for a second person (A3), key sets (E16)."""

from django.db import models

from carnet.calm.customers.models import Account


class Token(models.Model):
    id = models.CharField(primary_key=True, max_length=36)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    secret = models.BinaryField()  # wrapped by the vault (A2)
    downloaded_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    downloaded_by = models.CharField(max_length=200)
    windows = models.TextField()  # E18: Windows, JSON, as it was signed
    waits = models.BooleanField(default=False)  # L6: it was forgotten, and two people have not taken it back yet

    def __str__(self) -> str:
        return self.id


class SentInADay(models.Model):
    """N2: what an account sent in a day (UTC), and how often it was turned away."""

    account = models.CharField(max_length=36)
    day = models.DateField()
    files = models.BigIntegerField()
    bytes = models.BigIntegerField()
    turned_away = models.BigIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["account", "day"], name="sent_in_a_day"),)

    def __str__(self) -> str:
        return f"{self.account} {self.day}: {self.files}"


class Proposal(models.Model):
    """A3: an act that waits for the second person."""

    class State(models.TextChoices):
        OPEN = "open"
        DONE = "done"
        WITHDRAWN = "withdrawn"

    id = models.CharField(primary_key=True, max_length=36)
    kind = models.CharField(max_length=32)
    subject = models.CharField(max_length=254, blank=True)  # an id, or the address of somebody of the vendor
    payload = models.TextField()  # JSON
    would = models.TextField(default="[]")  # list[str], JSON: what confirming it does, as it was proposed
    did = models.TextField(default="[]")  # the same, as it was done
    reason = models.CharField(max_length=2000)
    by = models.CharField(max_length=200)
    at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State.choices)
    confirmed_by = models.CharField(max_length=200, blank=True)  # or withdrawn
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["state", "at"], name="proposals_by_state"),
            models.Index(fields=["subject"], name="proposals_by_subject"),
        )

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}"


class Identity(models.Model):
    """A3, A5: the identity of an issuer by which somebody signs in. Nothing else says whose an identity is."""

    whom = models.CharField(primary_key=True, max_length=254)  # as it is compared (`vouching.plain`)
    identity = models.CharField(max_length=100, unique=True)  # the issuer's key, a colon, a digest of who it is there
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.whom


class Vouching(models.Model):
    """A4: who vouched for whom, by which act. Names are kept as they are compared (`vouching.plain`)."""

    by = models.CharField(max_length=200)
    whom = models.CharField(max_length=254)
    what = models.CharField(max_length=32)  # the kind of the act
    at = models.DateTimeField()
    on_machine = models.BooleanField()  # done there: it sets nobody apart, and the inbox says so for a time

    class Meta:
        indexes = (
            models.Index(fields=["whom"], name="vouchings_by_whom"),
            models.Index(fields=["on_machine", "at"], name="vouchings_on_machine"),
        )

    def __str__(self) -> str:
        return f"{self.by}: {self.whom}"


class IssuedKeySet(models.Model):
    version = models.BigIntegerField(primary_key=True)
    raw = models.BinaryField()
    older = models.BinaryField(default=b"")  # E17: the same, in the format version before; empty for none
    issuers = models.TextField()  # thumbprints of the keys in use, one a line
    roots = models.TextField()
    made_at = models.DateTimeField()
    has_breaks = models.BooleanField(default=False)  # L6: it states where the issuing log goes on from

    def __str__(self) -> str:
        return str(self.version)


class Restoration(models.Model):
    """L6: two people stated that CALM was restored. What was recorded after `as_of`, up to `at`, may be forgotten."""

    size = models.BigIntegerField()  # of the issuing log, as it goes on
    root = models.CharField(max_length=43)
    as_of = models.DateTimeField()  # the time of the last record that is left
    at = models.DateTimeField()
    reason = models.CharField(max_length=200)  # as the roots signed it: sites show it
    by = models.CharField(max_length=200)
    second = models.CharField(max_length=200)
    key_set = models.BigIntegerField()  # the version that states it

    def __str__(self) -> str:
        return f"{self.size} records, {self.at}"
