"""The whole exchange (`both_sides`) over two accounts: sites that go from one to the other, accounts that two people
merge, and that are renamed, archived and brought back together with their License GUIDs (E2, E11, H7).

What must hold then besides: nobody is told at one account which the other one is, and what cannot be done at an
archived place is refused before anything moves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.customers.models import Account
from carnet.calm.people import account_merging
from carnet.calm.purchases.models import Guid
from carnet.calm.queries import lists
from carnet.calm.queries.control_rooms import show_room
from carnet.calm.queries.room import room_page
from carnet.calm.queries.timeline import Whose, events
from carnet.calm.use_cases import account_acts
from carnet.errors import UsageError
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.verdicts import Code, Refusal
from tests.calm.conftest import World
from tests.journeys.both_sides import PAGES, RUNS, SEATS, USERS, Carried, Exchange, Machine
from tests.journeys.stored import code_of, dump

WIDE = str.maketrans({chr(each): chr(each + 0xFEE0) for each in range(0x21, 0x7F)})


class MovingExchange(Exchange):
    def __init__(self, world: World) -> None:
        world.account = "Northwind"  # the world is that of all histories
        super().__init__(world)
        self.home: dict[bytes, str] = {}  # of each request, the License GUID that its site had when it was made
        for machine in self.machines:
            machine.guid = Guid.objects.get(label=machine.guid).id
        self.sold_to = {Account.objects.get(name=world.account).id: self.sold}
        self._open_account()
        self.turn_to(self.account_of(self.machines[0]))

    def _open_account(self) -> None:
        """One more customer, with purchases of its own."""
        name = f"customer{len(self.sold_to)}"
        self.world.add_account(name)
        self.turn_to(Account.objects.get(name=name).id)
        quantities: tuple[tuple[str, int, dict[str, str]], ...]
        quantities = ((USERS, 5, {}), (SEATS, 3, {}), (PAGES, 100, {}), (RUNS, 50, {"period": "month"}))
        self.sold.update({sku: self.world.buy(sku, quantity, **more) for sku, quantity, more in quantities})

    def turn_to(self, account: str) -> None:
        """Whose purchases and tokens are meant next."""
        self.world.account, self.sold = account, self.sold_to.setdefault(account, {})

    def open_accounts(self) -> list[str]:
        return list(Account.objects.filter(archived_at=None).order_by("id").values_list("id", flat=True))

    def account_of(self, machine: Machine) -> str:
        return str(Guid.objects.values_list("account_id", flat=True).get(id=machine.guid))

    def _is_archived(self, guid: str) -> bool:
        row = Guid.objects.select_related("account").get(id=guid)
        return bool(row.archived_at or row.account.archived_at)

    def bring_back(self, guid: str) -> None:
        """What a refusal at an archived place says to do."""
        row = Guid.objects.select_related("account").get(id=guid)
        if row.account.archived_at:
            account_acts.bring_account_back(self.world.calm, account=row.account_id, **self.world.act)
        if row.archived_at:
            account_acts.bring_guid_back(self.world.calm, guid=guid, **self.world.act)

    # --- what goes on as in `both_sides`, at the account of the site ------------------------------------------------

    def renew(self, days: int) -> None:
        for account in self.open_accounts():
            self.turn_to(account)
            super().renew(days)

    def enable(self, machine: Machine, token: bytes | None = None) -> Any:
        if token is None:
            self.bring_back(machine.guid)
            self.turn_to(self.account_of(machine))
        return super().enable(machine, token)

    def generate(
        self, machine: Machine, kind: RequestKind | None = None, since: int | None = None, **more: bool
    ) -> Any:
        answer = super().generate(machine, kind, since, **more)
        if not isinstance(answer, Refusal):
            self.home[self.requests[-1].raw] = machine.guid
        return answer

    def upload(self, carried: Carried) -> Any:
        if self._is_archived(carried.guid):
            before = dump()
            with pytest.raises(UsageError, match="is archived"):
                super().upload(carried)
            assert dump() == before
            return None
        answer = super().upload(carried)
        self._tells_of_nobody_else(carried.guid, answer)
        if not isinstance(answer, Refusal) and answer.verdict == "accepted":
            for machine in self.machines:  # E11: it is a site of that account now, and so is each copy of it
                if machine.room.store.ledger_id == answer.control_room:
                    machine.guid = carried.guid
        return answer

    def upload_at_home(self, place: int) -> None:
        """A late file, at the License GUID that its site had when it was made."""
        if not self.requests:
            return
        carried = self.requests[-1 - place % len(self.requests)]
        self.upload(replace(carried, at=self.home[carried.raw]))

    def issue(self, guid: str, wanted: dict[str, int], **statements: bool) -> Any:
        self.bring_back(guid)
        self.turn_to(str(Guid.objects.values_list("account_id", flat=True).get(id=guid)))
        return super().issue(guid, wanted, **statements)

    # --- accounts -------------------------------------------------------------------------------------------------

    def go_over(self, machine: Machine, *, lost: bool) -> None:
        """Released, and enrolled at the other account. `lost`: its release never came to CALM."""
        own, others = self.account_of(machine), self.open_accounts()
        target = next((account for account in others if account != own), None)
        if target is None:
            return
        guid = self._free_guid(target)
        if not isinstance(self.generate(machine, RequestKind.RELEASE), Refusal) and not lost:
            self.upload(self.requests[-1])
        self.turn_to(target)
        token = self.world.token()
        self.tokens.append(token)
        super().enable(machine, token)
        if isinstance(self.generate(machine), Refusal):
            return
        self.requests[-1] = replace(self.requests[-1], at=guid)
        self.home[self.requests[-1].raw] = guid
        self._readmitted(machine, self.upload(self.requests[-1]))

    def _free_guid(self, account: str) -> str:
        bound = ControlRoom.objects.exclude(guid=None).values("guid")
        free = Guid.objects.filter(account=account, archived_at=None).exclude(id__in=bound).first()
        return free.id if free else self.world.add_guid(f"place{Guid.objects.count()}", account)

    def merge(self) -> None:
        """The first into the second, by two people; and a new customer comes."""
        accounts = self.open_accounts()
        if len(accounts) < 2:
            self._open_account()
            return
        asked = {"account": accounts[0], "into": accounts[1], "reason": "one bought the other"}
        proposed = account_merging.propose_merge(self.world.calm, **asked, **self.world.act)
        answer = self._two_people(proposed)
        assert not isinstance(answer, Refusal), answer
        self.books()

    def rename(self, which: int, *, wide: bool) -> None:
        """An account and a GUID: now and then only in how the letters are written."""
        accounts = Account.objects.filter(archived_at=None).order_by("id")
        if not accounts:
            return
        account = accounts[which % len(accounts)]
        name = account.name.translate(WIDE) if wide else f"customer renamed {self.world.random(3).hex()}"
        if name != account.name:
            account_acts.rename_account(self.world.calm, account=account.id, name=name, **self.world.act)
        guid = Guid.objects.filter(account=account, archived_at=None).order_by("id").first()
        if guid:
            label = f"renamed {self.world.random(3).hex()}"
            account_acts.rename_guid(self.world.calm, guid=guid.id, label=label, **self.world.act)

    def archive(self, which: int, *, account: bool) -> None:
        """It is refused, and nothing moves, where anything is bound or held there."""
        machine = self.machines[which % len(self.machines)]
        before, bound = dump(), ControlRoom.objects.filter(guid=machine.guid).exists()
        try:
            if account:
                account_acts.archive_account(self.world.calm, account=self.account_of(machine), **self.world.act)
            else:
                account_acts.archive_guid(self.world.calm, guid=machine.guid, **self.world.act)
        except UsageError:
            assert dump() == before
        else:
            assert not bound

    # --- what must always hold ------------------------------------------------------------------------------------

    def _tells_of_nobody_else(self, guid: str, answer: Any) -> None:
        own = Guid.objects.values_list("account_id", flat=True).get(id=guid)
        for name in Account.objects.filter(merged_into=None).exclude(id=own).values_list("name", flat=True):
            assert name not in repr(answer), (name, answer)

    def pages_tell_of_nobody_else(self) -> None:
        """Each page of each account and site comes, and what an account sees names no other one."""
        for account in Account.objects.filter(merged_into=None):
            seen = [repr(events(Whose(account.id)).items), repr(list(lists.lfrs(account=account.id)))]
            seen += [repr(room_page(guid.id, self.world.now)) for guid in Guid.objects.filter(account=account)]
            for other in Account.objects.filter(merged_into=None).exclude(id=account.id):
                assert not any(word in page for page in seen for word in (other.name, other.id)), other.name
        for room in ControlRoom.objects.all():
            show_room(room.id, now=self.world.now)

    # --- the way back ---------------------------------------------------------------------------------------------

    def way_back(self, machine: Machine) -> None:
        self.bring_back(machine.guid)
        self.turn_to(self.account_of(machine))
        super().way_back(machine)
        self.pages_tell_of_nobody_else()

    def _one_step(self, machine: Machine, last: Code | None) -> Code | None:
        """E11: of a site whose release was lost one is taken at its own License GUID, under whichever token."""
        if last is not Code.WRONG_ACCOUNT:
            return super()._one_step(machine, last)
        self.generate(machine, RequestKind.RELEASE)
        answer = self.upload(self.requests[-1])
        if isinstance(answer, Refusal):
            self._answer_history(machine, answer.code, RequestKind.RELEASE)
        return code_of(self.enable(machine)) or Code.NOT_LICENSED
