"""T5 at CALM: a machine that wakes in 2070 does no act, so that no file carries the time to the sites."""

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from carnet.calm.issuing_log import log
from carnet.calm.issuing_log.models import LogEntry
from carnet.calm.use_cases.clock import confirm_clock
from carnet.errors import ClockError, UsageError
from tests.calm.conftest import World
from tests.calm.test_restored import Backup, resume
from tests.journeys.commands import Vendor

pytestmark = [pytest.mark.rule("T5"), pytest.mark.security]
JUMP = timedelta(days=366)


@pytest.fixture
def asked(world: World) -> World:
    """A CALM that asks about its clock, whose newest record is of today."""
    world.calm = replace(world.calm, largest_jump=JUMP)
    return world


@pytest.mark.rule("clock_far_ahead")
@pytest.mark.parametrize(("ahead", "believed"), [(JUMP, True), (JUMP + timedelta(seconds=1), False)])
def test_no_act_is_done_while_the_clock_is_far_ahead(asked: World, ahead: timedelta, *, believed: bool) -> None:
    asked.now += ahead
    size = log.size()
    if believed:
        asked.add_account("Contoso")
        return
    with pytest.raises(ClockError, match="after the newest record") as raised:
        asked.add_account("Contoso")
    assert "clock confirm" in raised.value.run
    assert log.size() == size, "nothing moved"
    asked.now -= ahead
    asked.add_account("Contoso")


def test_whoever_confirms_names_the_day_and_it_is_recorded(asked: World) -> None:
    asked.now += 2 * JUMP
    size = log.size()
    with pytest.raises(UsageError, match="and not 2027-01-01"):
        confirm_clock(asked.calm, today=date(2027, 1, 1), **asked.act)
    assert log.size() == size
    confirm_clock(asked.calm, today=asked.now.date(), **asked.act)
    assert LogEntry.objects.get(index=size).kind == "clock.confirmed"
    asked.add_account("Contoso")


@pytest.mark.rule("L6")
def test_a_backup_of_long_ago_is_gone_on_from_without_being_asked(asked: World) -> None:
    """Its newest record is old, and says nothing of the clock."""
    backup = Backup(asked)
    asked.add_account("Contoso")
    backup.put_back()
    asked.now += 2 * JUMP
    resume(asked)
    asked.add_account("Contoso")


@pytest.mark.server
def test_the_command_says_what_to_do_and_does_it(tmp_path: Path) -> None:
    """A CALM of 400 days ago, on a machine of today."""
    calm = Vendor(data=tmp_path / "calm", ahead=timedelta(days=-400))
    calm("init")
    done = calm.process("account", "add", "Northwind")
    assert done.code == 1
    assert "400 days after the newest record" in done.err
    assert "run: calm clock confirm YYYY-MM-DD" in done.err
    today = re.search(r"clock says (\S+)", done.err)
    assert today
    assert calm.process("clock", "confirm", "yesterday").code == 2
    assert calm.process("account", "add", "Northwind", CARNET_CALM_CLOCK_JUMP_DAYS="0").code == 0, "a setting"
    again = Vendor(data=tmp_path / "calm", ahead=timedelta(days=-400))
    assert again.process("clock", "confirm", today[1]).code == 0
    assert again.process("account", "add", "Contoso").code == 0
