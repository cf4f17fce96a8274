"""Who signs in here by the site's issuer. Loaded only where one is named. An identity opens nothing that the ledger
does not know to be this person's: a row that somebody else put into the pages' database does not let them in."""

from datetime import datetime
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.http import HttpRequest

from carnet.control_room.pages.engine import ask, execute
from carnet.control_room.pages.issuer import issuer
from carnet.control_room.rules.granting.identities import BindIdentity, IsIdentity
from carnet.exchange.verdicts import Refusal
from carnet.web_kit.sso.adapter import Adapter as KitAdapter
from carnet.web_kit.sso.issuers import Issuer


class Adapter(KitAdapter):
    def find(self, issuer_id: str) -> Issuer | None:
        named = issuer()
        return named if named and named.id == issuer_id else None

    def for_entry(self, typed: str) -> Issuer | None:
        return issuer()

    def of_person(self, user: Any) -> Issuer | None:
        return issuer()

    def is_known(self, user: Any, account: SocialAccount) -> bool:
        named = issuer()
        return named is not None and ask(IsIdentity(user.name, named.identity(account.uid))).holds

    def bind(self, request: HttpRequest, account: SocialAccount) -> str:
        named = issuer()
        if named is None:
            return "No issuer is named."
        answer = execute(BindIdentity(account.user.name, named.identity(account.uid)), account.user.name)
        return answer.message if isinstance(answer, Refusal) else ""

    def clock(self, request: HttpRequest) -> datetime:
        """Not trusted time: an issuer knows nothing of a mark that was driven ahead (T1)."""
        system: datetime = request.status.clock.system  # type: ignore[attr-defined]
        return system
