"""The vendor's back office, in a process of its own: what tests of the pages need done behind them, by use cases.

`python -m tests.browser.clerk FOLDER` reads orders, one JSON object a line, and answers each with one. Bytes travel as
hexadecimal. Django's rows may not be touched where a browser is driven, so they are touched here.
"""

import json
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from carnet import clock
from carnet.calm.wiring import Vendor
from carnet.exchange.verdicts import Refusal

OLGA, OTTO = "olga@vendor.example", "otto@vendor.example"
PASSWORD = "correct horse battery"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # of one-time passwords
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Backdated(Vendor):
    """CALM as it would be had it been set up some days ago."""

    at: datetime | None = None

    def now(self) -> datetime:
        return self.at or clock.now()


class Clerk:
    """Each public method is an order. `at`: when it happened, else now."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hashed = ""

    def found(self, at: str | None = None, vendor: str = "Automation Vendor") -> dict[str, Any]:
        moment = datetime.fromisoformat(at) if at else None
        Backdated(self._folder, settings="carnet.calm.portal.settings", at=moment).init(None, vendor, OLGA)
        from carnet.calm.portal.portal import open_portal
        from carnet.calm.wiring import _Portal

        portal = _Portal(Vendor(self._folder).for_portal())
        open_portal(portal)
        self._calm = portal.calm()
        return {}

    def person(self, email: str, name: str, role: str, account: str | None = None, at: str | None = None) -> Any:
        """Somebody with a password."""
        from django.contrib.auth.hashers import make_password

        from carnet.calm.people import staff
        from carnet.calm.people.models import Person

        who = _who(at)
        staff.add_person(self._calm, email=email, name=name, role=role, account=account, on_machine=True, **who)
        self._hashed = self._hashed or make_password(PASSWORD)  # slow on purpose
        Person.objects.filter(email=email).update(password=self._hashed)
        return {}

    def account(self, name: str, at: str | None = None) -> Any:
        from carnet.calm.use_cases import accounts

        return {"account": accounts.add_account(self._calm, name=name, **_who(at)).account}

    def ask_approval(self, account: str, industry: str, reason: str, at: str | None = None, **_: str) -> Any:
        from carnet.calm.use_cases import accounts

        fields = {"account": account, "industry": industry, "reason": reason, "version": "40.0.0"}
        return {"approval": _done(accounts.request_approval(self._calm, **fields, **_who(at))).approval}

    def approve(self, account: str, at: str | None = None) -> Any:
        from carnet.calm.use_cases import accounts

        asked = self.ask_approval(account, "energy", "closed by policy", at)
        accounts.grant_approval(self._calm, approval=asked["approval"], reason="seen on site", **_who(at, OTTO))
        return asked

    def buy(self, account: str, sku: str, quantity: int, days: int = 365, begins: int = 0, **more: Any) -> Any:
        """`begins`: in how many days; `days`: for how long."""
        from carnet.calm.use_cases import purchases

        at = more.pop("at", None)
        who = _who(at)
        start = who["now"].replace(hour=0, minute=0, second=0) + begins * DAY
        bought = purchases.add_purchase(
            self._calm,
            account=account,
            sku=sku,
            quantity=quantity,
            valid_from=start,
            valid_until=start + days * DAY,
            **more,
            **who,
        )
        return {"purchase": bought.purchase}

    def guid(self, account: str, label: str, at: str | None = None) -> Any:
        from carnet.calm.use_cases import guids

        return {"guid": guids.add_guid(self._calm, account=account, label=label, **_who(at)).guid}

    def token(self, account: str, at: str | None = None) -> Any:
        from carnet.calm.use_cases import tokens

        return {"raw": _done(tokens.download_token(self._calm, account=account, **_who(at))).raw.hex()}

    def take(self, guid: str, raw: str, at: str | None = None) -> Any:
        """A request; its id, or the code it was refused with."""
        from carnet.calm.use_cases import accept_lfr

        answer = accept_lfr.accept_lfr(self._calm, raw=bytes.fromhex(raw), guid=guid, **_who(at))
        return {"refused": answer.code} if isinstance(answer, Refusal) else {"lfr": answer.lfr}

    def issue(self, request: str, products: dict[str, int], lines: Any = None, at: str | None = None) -> Any:
        from carnet.calm.use_cases import license_files
        from carnet.calm.use_cases.selection import Selection

        asked = Selection(products, lines or {}, None)
        shown = _done(license_files.issue_license_file(self._calm, lfr_id=request, asked=asked, **_who(at)))
        return {"file": shown.license_file, "raw": (shown.raw or b"").hex()}

    def receipt(self, raw: str, at: str | None = None) -> Any:
        from carnet.calm.use_cases import receipts

        _done(receipts.accept_receipt(self._calm, raw=bytes.fromhex(raw), **_who(at)))
        return {}

    def rotate(self, reason: str) -> Any:
        from carnet.calm.use_cases import proposals

        return {"proposal": _done(proposals.propose_rotation(self._calm, reason=reason, **_who(None))).proposal}

    def lost(self, guid: str, reason: str, at: str | None = None) -> Any:
        from carnet.calm.use_cases import losses

        _done(losses.report_lost(self._calm, guid=guid, reason=reason, **_who(at)))
        return {}

    def link(self, email: str) -> Any:
        """Where somebody chooses a password."""
        return {"path": Vendor(self._folder).password_link(email)}

    def refused(self) -> Any:
        """What is kept of refused files: kind, code, size; and how many requests and files there are."""
        from carnet.calm.control_rooms.models import AcceptedLfr, LicenseFile, RefusedFile

        rows = RefusedFile.objects.order_by("pk")
        return {
            "refused": [[row.pk, row.kind, row.code, len(bytes(row.raw))] for row in rows],
            "requests": AcceptedLfr.objects.count(),
            "files": LicenseFile.objects.count(),
        }

    def second_factors(self, email: str, name: str = "This laptop") -> Any:
        """One-time passwords, recovery codes and a passkey, as rows: nobody holds the devices."""
        from allauth.mfa.models import Authenticator
        from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
        from allauth.mfa.totp.internal.auth import TOTP

        from carnet.calm.people.staff import find_person

        person = find_person(email)
        TOTP.activate(person, SECRET)
        RecoveryCodes.activate(person)
        data = {"name": name, "credential": new_passkey()}
        made = Authenticator.objects.create(user=person, type=Authenticator.Type.WEBAUTHN, data=data)
        return {"pk": made.pk}

    def pk(self, email: str) -> Any:
        from carnet.calm.people.staff import find_person

        return {"pk": find_person(email).pk}

    def paths(self, things: dict[str, Any]) -> Any:
        """Every address of the portal that has a name, with these things in it."""
        from django.urls import URLPattern, URLResolver, get_resolver, reverse

        found: dict[str, str] = {}

        def walk(patterns: list[Any]) -> None:
            for pattern in patterns:
                if isinstance(pattern, URLResolver):
                    walk(pattern.url_patterns if pattern.namespace != "api" else [])
                elif isinstance(pattern, URLPattern):
                    words = pattern.pattern.converters or pattern.pattern.regex.groupindex
                    found[str(pattern.name)] = reverse(pattern.name, kwargs={word: things[word] for word in words})

        walk(get_resolver().url_patterns)
        return found


def new_passkey() -> dict[str, Any]:
    """What a browser sends when it made a passkey."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from fido2.cose import ES256
    from fido2.utils import websafe_encode
    from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

    key, name = ES256.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()).public_key()), b"a passkey of tests"
    made = AttestedCredentialData.create(bytes(16), name, key)
    flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV | AuthenticatorData.FLAG.AT
    attested = AttestationObject.create("none", AuthenticatorData.create(bytes(32), flags, 0, made), {})
    asked = CollectedClientData.create("webauthn.create", b"challenge", "http://localhost")
    return {
        "type": "public-key",
        "id": websafe_encode(name),
        "rawId": websafe_encode(name),
        "response": {"clientDataJSON": websafe_encode(asked), "attestationObject": websafe_encode(attested)},
        "clientExtensionResults": {"credProps": {"rk": True}},
    }


def _who(at: str | None, by: str = OLGA) -> dict[str, Any]:
    return {"now": datetime.fromisoformat(at) if at else clock.now(), "by": by}


def _done(answer: Any) -> Any:
    assert not isinstance(answer, Refusal), answer
    return answer


def main(folder: Path) -> None:
    clerk = Clerk(folder)
    for line in sys.stdin:
        order = json.loads(line)
        answer = getattr(clerk, order.pop("do"))(**order)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
