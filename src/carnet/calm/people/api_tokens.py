"""API tokens: `calm_<id>_<secret>`, shown once, kept as a digest. A program with one may what its person may (A1)."""

import base64
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest

from django.db import OperationalError

from carnet.calm.people.models import ApiToken, Person
from carnet.calm.use_cases.context import Calm, act, check_text
from carnet.errors import UsageError
from carnet.times import later

LIFE = timedelta(days=365)
NOTED = timedelta(minutes=1)  # the last use is kept to the minute: a row written at each call would cost more than it
_PREFIX = "calm"
_NOBODYS = sha256(b"").hexdigest()


@dataclass(frozen=True)
class TokenMade:
    id: str
    label: str
    expires_at: datetime
    token: str  # shown once


def make_token(calm: Calm, *, person: Person, label: str, now: datetime, by: str, life: timedelta = LIFE) -> TokenMade:
    """It ends after `life`, at most a year.

    Raises UsageError where the label or the life is none."""
    check_text(label, "label")
    if not timedelta() < life <= LIFE:
        raise UsageError(f"An API token is for 1 to {LIFE.days} days.")
    with act(calm, now=now, by=by) as doing:
        id_, secret = _text(doing.random(5)), _text(doing.random(32))
        made = ApiToken(
            id=id_, person=person, label=label, digest=_digest(secret), made_at=now, expires_at=later(now, life)
        )
        made.save(force_insert=True)
        doing.record("api_token.made", id_, label=label, person=person.email)
        return TokenMade(id_, label, made.expires_at, f"{_PREFIX}_{id_}_{secret}")


def rename_token(calm: Calm, *, person: Person, token: str, label: str, now: datetime, by: str) -> None:
    """It is the same token, for those who look at the list. Raises UsageError where there is none in force."""
    check_text(label, "label")
    with act(calm, now=now, by=by) as doing:
        found = _in_force(person, token)
        doing.record("api_token.renamed", found.id, label=[found.label, label], person=person.email)
        found.label = label
        found.save(update_fields=["label"])


def _in_force(person: Person, token: str) -> ApiToken:
    found = ApiToken.objects.filter(id=token, person=person, revoked_at=None).first()
    if found is None:
        raise UsageError("There is no such API token.")
    return found


def revoke_token(calm: Calm, *, person: Person, token: str, now: datetime, by: str) -> None:
    with act(calm, now=now, by=by) as doing:
        found = _in_force(person, token)
        found.revoked_at = now
        found.save(update_fields=["revoked_at"])
        doing.record("api_token.revoked", found.id, label=found.label, person=person.email)


def whose(text: str, now: datetime) -> Person | None:
    """Who shows this token; None for one that is unknown, altered, ended or revoked, or of somebody who was let go."""
    prefix, _, rest = text.partition("_")
    id_, _, secret = rest.partition("_")
    found = ApiToken.objects.select_related("person__account").filter(id=id_[:16], revoked_at=None).first()
    same = compare_digest(found.digest if found else _NOBODYS, _digest(secret))
    if found is None or not same or prefix != _PREFIX or now >= found.expires_at or not found.person.is_active:
        return None
    if found.last_used_at is None or now - found.last_used_at >= NOTED:
        with suppress(OperationalError):  # another writes just now: what was asked for does not fail for that
            ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
    return found.person


def _text(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
