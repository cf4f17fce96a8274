"""A2: secrets in CALM's database that the vault wraps, and the change to another vault or passphrase."""

from base64 import b64decode, b64encode
from datetime import datetime
from pathlib import Path

from django.apps import apps

from carnet.calm.use_cases.context import Act, Calm, act
from carnet.calm.use_cases.key_sets import key_set_of, newest_row
from carnet.calm.use_cases.models import Token
from carnet.calm.use_cases.tokens import secret_name
from carnet.errors import NotSetUpError

ISSUER_SECRET = "issuer-secret"  # noqa: S105 - a name too, of an account's client secret at its issuer (A5)
SECOND_FACTOR = "second-factor"  # the name under which the vault wraps them
_WRAPPED = {"secret", "seed"}  # of an authenticator app, and of recovery codes


def check_keys(folder: Path) -> None:
    """All keys in force must be here before they are wrapped again. Raises NotSetUpError, mostly of the roots, which
    lie in a safe."""
    newest = key_set_of(newest_row())
    for group, keys in (("issuers", newest.issuers), ("roots", newest.roots)):
        for key in keys:
            if not (folder / group / f"{key.kid}.key").is_file():
                raise NotSetUpError(
                    f"The key {key.kid[:16]}… is not here ({folder / group}). Nothing was changed.",
                    f"Bring the folder {group} back, run this again, then carry it to its safe.",
                )


def rewrap_secrets(calm: Calm, *, now: datetime, by: str) -> int:
    """Wrap the secrets of tokens and second factors under the newest vault, and record it; how many."""
    with act(calm, now=now, by=by) as doing:
        changed = _rewrap_tokens(doing) + _rewrap_second_factors(doing) + _rewrap_issuer_secrets(doing)
        doing.record("key.rewrapped", "vault", secrets=changed)
    return changed


def note_passphrase(calm: Calm, *, now: datetime, by: str) -> None:
    """Record that the passphrase of the keys was changed."""
    with act(calm, now=now, by=by) as doing:
        doing.record("key.passphrase", "vault")


def _rewrap_tokens(doing: Act) -> int:
    changed = 0
    for token in Token.objects.exclude(secret=b"").iterator():
        token.secret = _rewrapped(doing, secret_name(token.id), bytes(token.secret))
        token.save(update_fields=["secret"])
        changed += 1
    return changed


def _rewrap_second_factors(doing: Act) -> int:
    changed = 0
    for factor in apps.get_model("mfa", "Authenticator").objects.all():
        for field in _WRAPPED & factor.data.keys():
            box = _rewrapped(doing, SECOND_FACTOR, b64decode(factor.data[field]))
            factor.data[field] = b64encode(box).decode()
            changed += 1
        factor.save(update_fields=["data"])
    return changed


def _rewrap_issuer_secrets(doing: Act) -> int:
    changed = 0
    for row in apps.get_model("people", "AccountIssuer").objects.all():
        row.secret = _rewrapped(doing, ISSUER_SECRET, bytes(row.secret))
        row.save(update_fields=["secret"])
        changed += 1
    return changed


def _rewrapped(doing: Act, name: str, box: bytes) -> bytes:
    keys = doing.calm.keys
    return keys.wrap(name, keys.unwrap(name, box), doing.random)
