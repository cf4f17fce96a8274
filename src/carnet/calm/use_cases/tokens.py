"""E2: the enablement token: a new one at each download, for one account, in force for as long as the
account's windows say (E18)."""

from dataclasses import dataclass
from datetime import datetime

from carnet.calm.customers.windows import windows_of, write_windows
from carnet.calm.use_cases.accounts import (
    MIN_VERSION,
    find_open_account,
    is_approved,
    no_approval,
)
from carnet.calm.use_cases.context import Calm, act
from carnet.calm.use_cases.key_sets import issuers_of, newest_row
from carnet.calm.use_cases.limits import unreadable
from carnet.calm.use_cases.models import Token as TokenRow
from carnet.calm.use_cases.uploads import count_upload
from carnet.calm.use_cases.written_for import form_for_account
from carnet.entitlements import UnwritableError
from carnet.exchange.enablement_token import Token, write_token
from carnet.exchange.envelope import Kind, readable
from carnet.exchange.reads import vendor_reads
from carnet.exchange.strict import to_base64url
from carnet.exchange.verdicts import Refusal
from carnet.times import later


@dataclass(frozen=True)
class TokenDownloaded:
    token: str
    account: str
    issued_at: datetime
    expires_at: datetime
    raw: bytes


def download_token(
    calm: Calm, *, account: str, now: datetime, by: str, for_older: bool = False
) -> TokenDownloaded | Refusal:
    """A new token, or a refusal where the account has no approval in force (E1).

    `for_older`: it is for a Control Room that CALM does not know yet, of an older release (E17).
    """
    with act(calm, now=now, by=by) as doing:
        customer = find_open_account(account)
        if too_many := count_upload(doing, customer.id, 0):
            return too_many
        if not is_approved(customer.id):
            refusal = no_approval(customer, "no token can be downloaded")
            return doing.refuse(refusal, "token.download", customer.id)
        windows = windows_of(customer)
        secret, key_set, expires = doing.random(32), newest_row(), later(now, windows.token_life)
        form = form_for_account(customer, key_set, for_older=for_older)
        token = Token(
            token_id=doing.new_id(),
            account_id=customer.id,
            account_name=customer.name,
            issued_at=now,
            expires_at=expires,
            min_control_room_version=MIN_VERSION,
            enrolment_secret=to_base64url(secret),
            key_set=form.key_set,
            windows=windows,
            reads=vendor_reads(),
        )
        try:
            raw = readable(Kind.TOKEN, write_token(token, issuers_of(calm, key_set), form.token))
        except UnwritableError as error:
            return doing.refuse(unreadable("A Control Room", str(error)), "token.download", customer.id)
        TokenRow(
            id=token.token_id,
            account=customer,
            secret=calm.keys.wrap(secret_name(token.token_id), secret, doing.random),
            downloaded_at=now,
            expires_at=expires,
            downloaded_by=by,
            windows=write_windows(windows),
            waits=False,
        ).save(force_insert=True)
        doing.record("token.downloaded", token.token_id, account=customer.id)
        return TokenDownloaded(token.token_id, customer.id, now, expires, raw)


def secret_name(token: str) -> str:
    """Under which the vault keeps a token's secret (A2)."""
    return f"token/{token}"
