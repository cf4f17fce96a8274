"""A5: the issuer of an account's people, named by one of its administrators. Its secret is kept wrapped (A2), is shown
to nobody, and is given anew with each change, so that it goes to its own issuer alone (A7)."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from carnet.calm.people.models import AccountIssuer, Person
from carnet.calm.use_cases.context import Calm, act, check_text
from carnet.calm.use_cases.stored_secrets import ISSUER_SECRET
from carnet.errors import UsageError
from carnet.web_kit.sso.issuers import Issuer, checked_url

_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")
MOST = 20  # domains of an account


@dataclass(frozen=True)
class IssuerAsked:
    """As it was typed. `loopback`: plain HTTP is taken at this machine."""

    url: str
    client_id: str
    secret: str = field(repr=False)
    domains: tuple[str, ...]
    loopback: bool = False


def name_issuer(calm: Calm, *, account: str, asked: IssuerAsked, now: datetime, by: str) -> AccountIssuer:
    """Identities that were bound at another address are bound to nobody from then on.

    Raises:
        UsageError: A part cannot be taken; or a domain is not that of the account's own people alone.
    """
    url = checked_url(asked.url, loopback=asked.loopback)
    check_text(asked.client_id, "client id")
    domains = sorted({each.strip().lower() for each in asked.domains if each.strip()})
    if not asked.secret.strip() or len(asked.secret) > 500:
        raise UsageError("A client secret has 1 to 500 characters.", "Copy it from the issuer.")
    with act(calm, now=now, by=by) as doing:
        _check_domains(account, domains)
        row = AccountIssuer(
            account_id=account,
            url=url,
            client_id=asked.client_id.strip(),
            secret=calm.keys.wrap(ISSUER_SECRET, asked.secret.strip().encode(), doing.random),
            domains="\n".join(domains),
            by=by,
            at=now,
        )
        row.save()
        doing.record("account.issuer_named", account, url=url, client_id=row.client_id, domains=domains)
        return row


def remove_issuer(calm: Calm, *, account: str, now: datetime, by: str) -> None:
    """Its people sign in by their passwords alone from then on. Raises UsageError where none is named."""
    with act(calm, now=now, by=by) as doing:
        if not AccountIssuer.objects.filter(account=account).delete()[0]:
            raise UsageError("No issuer is named for this account.")
        doing.record("account.issuer_removed", account)


def issuer_of(calm: Calm, account: str) -> Issuer | None:
    row = AccountIssuer.objects.filter(account=account).first()
    if row is None:
        return None
    secret = calm.keys.unwrap(ISSUER_SECRET, bytes(row.secret)).decode()
    return Issuer(account, row.url, row.client_id, secret, owner=account)


def account_of_domain(address: str) -> str | None:
    """Whose issuer is asked about somebody of this address."""
    domain = address.strip().lower().rpartition("@")[2]
    for row in AccountIssuer.objects.filter(domains__contains=domain) if domain else ():
        if domain in row.domains.split("\n"):
            return row.account_id
    return None


def _check_domains(account: str, domains: list[str]) -> None:
    """Nobody leads other people to an issuer: a domain is the account's, where all people of it are."""
    if not 1 <= len(domains) <= MOST:
        raise UsageError(f"Name 1 to {MOST} domains.", "They are what stands after @ in your people's addresses.")
    for domain in domains:
        if not _DOMAIN.fullmatch(domain):
            raise UsageError(f"“{domain[:100]}” is not a domain.", "Write it as in an address, such as example.com.")
        accounts = set(Person.objects.filter(email__endswith=f"@{domain}").values_list("account", flat=True))
        taken = account_of_domain(f"@{domain}")
        if accounts != {account} or taken not in (None, account):
            raise UsageError(
                f"{domain} is not the domain of your account's people alone.",
                "Add one of its people first; or ask the vendor, where it is somebody else's here too.",
            )
