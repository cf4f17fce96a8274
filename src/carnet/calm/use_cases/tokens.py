"""E2: the enablement token: a new one at each download, for one account, in force for as long as the
account's windows say (E18)."""

from dataclasses import dataclass
from datetime import datetime

from carnet.calm.customers.windows import windows_of, write_windows
from carnet.calm.use_cases.accounts import (
    MIN_VERSION,
    find_account,
    is_approved,
    no_approval,
)
from carnet.calm.use_cases.context import Calm, act
from carnet.calm.use_cases.key_sets import issuers_of, jws_of, newest_row
from carnet.calm.use_cases.models import Token as TokenRow
from carnet.exchange.enablement_token import Token, write_token
from carnet.exchange.strict import to_base64url
from carnet.exchange.verdicts import Refusal


@dataclass(frozen=True)
class TokenDownloaded:
    token: str
    account: str
    issued_at: datetime
    expires_at: datetime
    raw: bytes


def download_token(calm: Calm, *, account: str, now: datetime, by: str) -> TokenDownloaded | Refusal:
    with act(calm, now=now, by=by) as doing:
        customer = find_account(account)
        if not is_approved(customer.id):
            refusal = no_approval(customer, "no token can be downloaded")
            return doing.refuse(refusal, "token.download", customer.id)
        windows = windows_of(customer)
        secret, key_set, expires = doing.random(32), newest_row(), now + windows.token_life
        token = Token(
            token_id=doing.new_id(),
            account_id=customer.id,
            account_name=customer.name,
            issued_at=now,
            expires_at=expires,
            min_control_room_version=MIN_VERSION,
            enrolment_secret=to_base64url(secret),
            key_set=jws_of(key_set),
            windows=windows,
        )
        raw = write_token(token, issuers_of(calm, key_set))
        TokenRow(
            id=token.token_id,
            account=customer,
            secret=calm.keys.wrap(secret_name(token.token_id), secret, doing.random),
            downloaded_at=now,
            expires_at=expires,
            downloaded_by=by,
            windows=write_windows(windows),
        ).save(force_insert=True)
        doing.record("token.downloaded", token.token_id, account=customer.id)
        return TokenDownloaded(token.token_id, customer.id, now, expires, raw)


def secret_name(token: str) -> str:
    """Under which the vault keeps a token's secret (A2)."""
    return f"token/{token}"
