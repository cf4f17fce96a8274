"""Who signs in at CALM by an issuer: an account's people by the one that the account named, staff by the vendor's own.
Loaded only where it is on."""

from datetime import datetime
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.http import HttpRequest

from carnet.calm.people.issuers import account_of_domain, issuer_of
from carnet.calm.people.models import Person
from carnet.calm.portal.issuer import staff_domains, staff_issuer
from carnet.calm.portal.portal import portal
from carnet.calm.use_cases import identities
from carnet.calm.use_cases.context import act
from carnet.web_kit.sso.adapter import Adapter as KitAdapter
from carnet.web_kit.sso.issuers import OWN, Issuer


class Adapter(KitAdapter):
    def find(self, issuer: str) -> Issuer | None:
        return staff_issuer() if issuer == OWN else issuer_of(portal().calm(), issuer)

    def for_entry(self, typed: str) -> Issuer | None:
        if typed.strip().lower().rpartition("@")[2] in staff_domains():
            return staff_issuer()
        account = account_of_domain(typed)
        return self.find(account) if account else None

    def of_person(self, user: Any) -> Issuer | None:
        return self.find(user.account_id or OWN) if isinstance(user, Person) else None

    def is_known(self, user: Any, account: SocialAccount) -> bool:
        """By the issuer of their own account, or of the staff, and by none else."""
        named = self.of_person(user)
        if named is None or named.id != account.provider or not user.is_active:
            return False
        return identities.of(user.email) == named.identity(account.uid)

    def bind(self, request: HttpRequest, account: SocialAccount) -> str:
        named = self.of_person(account.user)
        if named is None or named.id != account.provider:
            return "This issuer is not that of your account."
        with act(portal().calm(), now=portal().now(), by=account.user.email) as doing:
            return identities.bind(doing, account.user.email, named.identity(account.uid))

    def clock(self, request: HttpRequest) -> datetime:
        return portal().now()
