"""Makes the folder of a CALM of any size, for `calm serve`, and prints what its pages are asked by, as JSON: the
session of each role, the ids in addresses, and how many rows there are.

    python -m bench.portal_make FOLDER --accounts 1000 --rooms 10 --cycles 10
"""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from carnet.calm.wiring import Vendor


def sign_in(calm: Any, today: datetime) -> dict[str, str]:
    """A session for each role, by its name: the cookie's value."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from bench.portal_world import NAMES
    from carnet.calm.people import staff

    found = {}
    for role, account in (("operator", None), ("approver", None), ("auditor", None), ("administrator", NAMES[1])):
        email = f"{role}@bench.example"
        asked = {"email": email, "name": role.title(), "role": role, "account": account, "on_machine": True}
        staff.add_person(calm, **asked, now=today, by="bench")
        person = staff.find_person(email)
        session = SessionStore()
        session[SESSION_KEY] = str(person.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = person.get_session_auth_hash()
        session.save()
        found[role] = str(session.session_key)
    return found


def places() -> dict[str, str]:
    """The ids in the addresses of pages, by their names there. The troubled account is the one that is looked at."""
    from bench.portal_world import NAMES
    from carnet.calm.control_rooms.models import ControlRoom, LicenseFile, RefusedFile
    from carnet.calm.customers.models import Account, Approval
    from carnet.calm.purchases.models import Purchase
    from carnet.calm.use_cases.models import Proposal

    account = Account.objects.get(name=NAMES[1])
    open_room = ControlRoom.objects.get(account=account, name__endswith=f"{NAMES[1]} 0")
    return {
        "account": account.id,
        "guid": str(open_room.guid_id),
        "room": open_room.id,
        "file": _first(LicenseFile.objects.filter(room=open_room)),
        "refused": _first(RefusedFile.objects.filter(code="history_mismatch")),
        "approval": _first(Approval.objects.filter(account=account, state=Approval.State.REQUESTED)),
        "confirmation": _first(Proposal.objects.filter(state=Proposal.State.OPEN)),
        "purchase": _first(Purchase.objects.filter(account=account)),
    }


def _first(rows: Any) -> str:
    return str(rows.order_by("pk").values_list("pk", flat=True).first())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--rooms", type=int, default=10, help="of each account")
    parser.add_argument("--cycles", type=int, default=10, help="of each Control Room")
    given = parser.parse_args()
    vendor = Vendor(given.folder)
    vendor.init(None, "Carnet", "bench")
    calm, today = vendor.for_portal().calm(), datetime.now(UTC).replace(microsecond=0)
    from bench import portal_data

    portal_data.populate(calm, today, given.accounts, given.rooms, given.cycles)
    counts = {model.__name__: portal_data.manager(model).count() for model in portal_data.stored_models()}
    print(json.dumps({"sessions": sign_in(calm, today), "places": places(), "counts": counts}))


if __name__ == "__main__":
    main()
