"""E18 across the gap: two people set an account's windows, and its site goes by them with no new release."""

from datetime import timedelta
from typing import Any

import pytest

from carnet.calm.use_cases import guids, proposals
from carnet.calm.use_cases.key_sets import export_trust
from carnet.control_room.rules.activation.generate_request import GenerateRequest
from carnet.exchange.key_set import Trust, read_trust
from carnet.exchange.verdicts import Refusal
from carnet.exchange.windows import Windows
from tests.calm.conftest import OMAR, World, ok
from tests.journeys.commands import Story
from tests.support.room import Room

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
ONE = {"bot-creator": 1}


class Two:
    """Northwind, whose site is a long way off, and Contoso, where the default holds; real engines on both sides."""

    def __init__(self) -> None:
        self.world = World()
        trust = read_trust(export_trust("Vendor"))
        assert isinstance(trust, Trust)
        self.world.add_account("Contoso")
        for account in ("Northwind", "Contoso"):
            self.world.buy("bot-creator", 5, account=account)
            self.world.add_guid(account.lower(), account)
        self.rooms = {name: Room(trust, name, self.world.now) for name in ("Northwind", "Contoso")}

    def set(self, account: str, **changes: Any) -> None:
        act = {"account": account, "changes": changes, "reason": "two weeks by ship"}
        proposed = ok(proposals.propose_windows(self.world.calm, **act, **self.world.act))
        ok(proposals.confirm(self.world.calm, proposal=proposed.proposal, now=self.world.now, by=OMAR))

    def wait(self, **span: float) -> None:
        self.world.now += timedelta(**span)
        for room in self.rooms.values():
            room.wait(**span)

    def answer(self, account: str) -> bytes:
        accepted = self.world.accept(self.rooms[account].request(), account.lower())
        raw = ok(self.world.issue(accepted.lfr, products=ONE)).raw
        assert raw is not None
        return raw

    def enable(self, account: str) -> None:
        ok(self.rooms[account].enable(self.world.token(account)))


def verdict(answer: object) -> str:
    return answer.code.value if isinstance(answer, Refusal) else "done"


@pytest.mark.django_db
@pytest.mark.rule("E18", "E4", "E5", "window_closed")
def test_with_14_days_a_site_installs_on_day_10_while_another_account_has_7() -> None:
    two = Two()
    two.set("Northwind", cycle_days=14, newest_request_hours=72)
    for account in two.rooms:
        two.enable(account)
        two.rooms[account].request()  # the cycle's first
    two.wait(days=6, hours=12)
    contoso = two.answer("Contoso")
    two.wait(hours=12)
    assert verdict(two.rooms["Contoso"].install(contoso)) == "window_closed", "its cycle ends on day 7"
    two.wait(days=1)
    northwind = two.answer("Northwind")  # on day 8
    two.wait(days=2)
    assert verdict(two.rooms["Northwind"].install(northwind)) == "done", "on day 10"
    assert two.rooms["Northwind"].state.windows == Windows(cycle_days=14, newest_request_hours=72)
    assert two.rooms["Contoso"].state.windows == Windows()


@pytest.mark.django_db
@pytest.mark.rule("E18", "E8", "locked")
def test_a_licensed_site_locks_on_day_7_another_on_day_14_and_one_without_the_lock_never() -> None:
    two = Two()
    two.set("Northwind", cycle_days=14)
    for account, room in two.rooms.items():
        two.enable(account)
        ok(room.install(two.answer(account)))
        ok(room.do(GenerateRequest()))
    two.wait(days=7)
    assert [room.state_name for room in two.rooms.values()] == ["active", "locked"]
    two.wait(days=7)
    two.wait(seconds=-1)
    assert two.rooms["Northwind"].state_name == "active"
    two.wait(seconds=1)
    assert two.rooms["Northwind"].state_name == "locked"
    two.set("Northwind", missed_cycle_locks=False)
    ok(two.rooms["Northwind"].install(two.answer("Northwind")))
    ok(two.rooms["Northwind"].do(GenerateRequest()))
    two.wait(days=30)
    assert two.rooms["Northwind"].state_name == "active"
    assert guids.show_guid("northwind", now=two.world.now).held


@pytest.mark.rule("E18", "A3", "needs_second_person")
def test_at_the_command_line_two_people_set_them_and_the_next_cycle_has_them(story: Story) -> None:
    calm = story.calm
    assert calm("account", "windows", "Northwind")["is_default"]
    wanted = ("--cycle-days", "14", "--newest-request-hours", "72", "--no-locks", "--deadline-notice-hours", "24,2")
    done = story.two_people("account", "windows", "Northwind", *wanted, "--reason", "two weeks by ship")
    assert "A cycle lasts (days): 7 → 14" in done["did"]
    shown = calm("account", "windows", "Northwind")
    assert (shown["is_default"], shown["windows"]["cycle_days"]) == (False, 14)
    assert story.state()["windows"]["cycle_days"] == 7, "the site learns of it with its next license file"
    story.license()
    now = story.state()["windows"]
    assert (now["cycle_days"], now["newest_request_hours"], now["missed_cycle_locks"]) == (14, 72, False)
    assert now["deadline_notice_hours"] == [24, 2]
    before = story.state()["checkpoint"]
    for wrong in (("--cycle-days", "1"), ("--deadline-notice-hours", "x"), ("--deadline-notice-hours", "2,24")):
        assert calm.run("account", "windows", "Northwind", *wrong, "--reason", "why").code == 2
    assert calm.run("account", "windows", "Northwind", "--cycle-days", "9").code == 2, "a reason is asked for"
    assert story.state()["checkpoint"] == before
    assert calm("account", "windows", "Northwind") == shown
