"""Entry codes in two halves (A3): who asks is shown the first, who confirms the second, and it takes both to choose
a password. Digests are kept. Without I/O but for the rows of a side's own table."""

import base64
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import ClassVar

from django.db import models

LIFE = timedelta(days=1)  # from the confirmation
MOST = 8  # codes of one name that are compared: there is one, unless two acts crossed


class HalfCodes(models.Model):
    """Base of a side's rows. `id` is the proposal's."""

    id = models.CharField(primary_key=True, max_length=36)
    name = models.CharField(max_length=254)  # whose, as they sign in
    first = models.CharField(max_length=64)  # SHA-256 of a half, which has 80 random bits
    second = models.CharField(max_length=64, blank=True)
    given_at = models.DateTimeField(null=True)  # when the second was

    objects: ClassVar[models.Manager["HalfCodes"]]

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


def half_of(raw: bytes) -> str:
    """A half as it is shown: 80 bits as four groups of four letters and digits."""
    text = base64.b32encode(raw).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def digest(half: str) -> str:
    """Of a half as somebody typed it: blanks, dashes and case do not matter."""
    return sha256("".join(half.split()).replace("-", "").casefold().encode()).hexdigest()


def begin(kind: type[HalfCodes], proposal: str, name: str, raw: bytes) -> str:
    """The first half, of 10 random bytes; its row waits for the second."""
    half = half_of(raw)
    kind(id=proposal, name=name, first=digest(half)).save(force_insert=True)
    return half


def complete(kind: type[HalfCodes], proposal: str, raw: bytes, now: datetime) -> str:
    """The second half; empty where no code was begun. Older codes of the same name end."""
    row = kind.objects.filter(id=proposal).first()
    if row is None:
        return ""
    kind.objects.filter(name=row.name, given_at__isnull=False).delete()
    half = half_of(raw)
    row.second, row.given_at = digest(half), now
    row.save(force_update=True)
    return half


def redeem(kind: type[HalfCodes], name: str, first: str, second: str, now: datetime) -> bool:
    """Whether both halves are this name's: once, within a day. The same work for a name that nobody has (A6)."""
    rows = list(kind.objects.filter(name=name, given_at__gt=now - LIFE)[:MOST])
    rows += [kind(first=digest(""), second=digest(""))]  # nobody's: no half is empty
    found = [row for row in rows if _fits(row, first, second) and row.id]
    return bool(found) and kind.objects.filter(id=found[0].id).delete()[0] == 1


def _fits(row: HalfCodes, first: str, second: str) -> bool:
    return compare_digest(row.first, digest(first)) & compare_digest(row.second, digest(second))
