"""A5: what is asked of an ID token before it says who somebody is. Keys are fetched again when one is unknown."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
from django.core.cache import cache

from carnet.web_kit.sso.fetch import RefusedAnswerError, Session

TOLERANCE = 60  # seconds that two clocks may differ by
OLDEST = 600  # seconds since it was made
KEPT, AGAIN = 600, 30  # seconds: keys are kept for; and fetched again for an unknown one at most this often
LONGEST = 191  # characters of a subject, as the sign-in package keeps it
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


@dataclass(frozen=True)
class Expected:
    """`nonce`: of this very attempt. `keys_url`: where the issuer says that its keys are."""

    issuer: str
    client_id: str
    nonce: str
    keys_url: str


def read(token: str, expected: Expected, now: datetime, session: Session) -> dict[str, Any]:
    """The claims of a token that is signed by the issuer, for this client, for this attempt, and in time.

    Raises:
        RefusedAnswerError: It is not; or a key of that name is not the issuer's.
    """
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise RefusedAnswerError("it is not signed as is asked for")
        key = _key(header, expected.keys_url, session)
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[header["alg"]],
            options={  # times go by the side's clock, below; the rest is asked with words of ours
                "require": ["iss", "sub", "aud", "exp", "iat"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_aud": False,
                "verify_iss": False,
            },
        )
    except jwt.PyJWTError as error:
        raise RefusedAnswerError("its signature is not right, or it is not whole") from error
    _check_whom(claims, expected)
    _check_times(claims, int(now.timestamp()))
    return claims


def _check_whom(claims: dict[str, Any], expected: Expected) -> None:
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    party = claims.get("azp", expected.client_id if len(audience) == 1 else None)
    subject = claims["sub"]
    for holds, otherwise in (
        (claims["iss"] == expected.issuer, "it is of another issuer"),
        (expected.client_id in audience and party == expected.client_id, "it is for another client"),
        (claims.get("nonce") == expected.nonce, "it was made for another attempt"),
        (isinstance(subject, str) and 0 < len(subject) <= LONGEST and subject.isascii(), "its subject is not one"),
    ):
        if not holds:
            raise RefusedAnswerError(otherwise)


def _check_times(claims: dict[str, Any], now: int) -> None:
    times = {name: claims.get(name, now) for name in ("exp", "iat", "nbf")}
    if not all(isinstance(at, int | float) and not isinstance(at, bool) for at in times.values()):
        raise RefusedAnswerError("its times are not times")
    if times["exp"] <= now - TOLERANCE or times["iat"] < now - OLDEST - TOLERANCE:
        raise RefusedAnswerError(f"it has expired, or the clocks differ by more than {TOLERANCE} seconds")
    if max(times["iat"], times["nbf"]) > now + TOLERANCE:
        raise RefusedAnswerError(f"it is of the future: the clocks differ by more than {TOLERANCE} seconds")


def _key(header: dict[str, Any], url: str, session: Session) -> Any:
    """Raises RefusedAnswerError."""
    name = f"sso-keys:{url}"[:200]
    kept = cache.get(name)
    found = _find(kept, header) if kept else None
    if found is None and (kept is None or cache.add(f"{name}:again", 1, AGAIN)):
        answer = session.get(url)
        answer.raise_for_status()
        cache.set(name, answer.text, KEPT)
        found = _find(answer.text, header)
    if found is None:
        raise RefusedAnswerError("the issuer has no such key")
    return found


def _find(keys: str, header: dict[str, Any]) -> Any:
    """Of keys to verify with, the one that is named; where none is named, the only one of that kind."""
    try:
        every = [each for each in json.loads(keys)["keys"] if each.get("use", "sig") == "sig"]
        alg, kid = header["alg"], header.get("kid")
        fits = [each for each in every if each.get("alg", alg) == alg and (kid is None or each.get("kid") == kid)]
        return jwt.PyJWK(fits[0], algorithm=alg).key if len(fits) == 1 else None
    except (ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
        raise RefusedAnswerError("its keys cannot be read") from error
