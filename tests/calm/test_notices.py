"""Notices: which are due, each once, by whatever process; a mail that fails is sent the next time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from carnet.calm.notices.due import About, Site, due
from carnet.calm.notices.models import SentNotice
from carnet.calm.notices.sending import send_due
from tests.calm.conftest import DAY, END, HOUR, NOW, World

PLANT = Site("room", "Plant", "guid", "account", "Northwind", END, None, False)


@pytest.mark.rule("S")
@pytest.mark.parametrize(
    ("before", "step"),
    [
        (31 * DAY, None),
        (30 * DAY, 30),
        (16 * DAY, 30),
        (15 * DAY, 15),
        (7 * DAY, 7),
        (3 * DAY, 3),
        (2 * DAY, 2),
        (1 * DAY, 1),
        (1 * HOUR, 1),
        (0 * DAY, 0),
        (-23 * HOUR, 0),
        (-24 * HOUR, None),
    ],
)
def test_days_before_a_license_ends(before: timedelta, step: int | None) -> None:
    assert [notice.step for notice in due(PLANT, END - before)] == ([] if step is None else [step])


@pytest.mark.parametrize(("before", "step"), [(25, None), (24, 24), (5, 24), (4, 4), (1, 4), (0, None)])
def test_hours_before_a_deadline(before: int, step: int | None) -> None:
    site = replace(PLANT, ends=None, deadline=NOW)
    found = due(site, NOW - before * HOUR)
    assert [(notice.about, notice.step) for notice in found] == ([] if step is None else [(About.DEADLINE, step)])


class Postbox:
    def __init__(self) -> None:
        self.mails: list[tuple[tuple[str, ...], str, str]] = []
        self.broken = False

    def __call__(self, to: Sequence[str], subject: str, body: str) -> None:
        if self.broken:
            raise ConnectionRefusedError
        self.mails.append((tuple(to), subject, body))


def addresses(account: str) -> list[str]:
    return ["lea@example.com"]


@pytest.fixture
def licensed(world: World) -> World:
    world.buy("bot-creator", 10)
    site = world.site()
    world.accept(site.request(world.now))
    world.license(site, products={"bot-creator": 3})
    raw = world.answer(site, products={"bot-creator": 3})
    site.install(raw, world.now)
    world.accept(site.request(world.now))
    return world


def test_each_notice_is_sent_once(licensed: World) -> None:
    box = Postbox()
    for days, count in ((40, 0), (30, 1), (29, 1), (15, 2), (14, 2), (7, 3), (3, 4), (2, 5), (1, 6), (0, 7)):
        for _ in range(2):
            send_due(END - days * DAY, box, addresses)
        assert len(box.mails) == count, days
    to, subject, body = box.mails[0]
    assert to == ("lea@example.com",)
    assert subject.startswith("Plant North: the license ends in 30 days")
    assert "2027-11-01 00:00 UTC" in body


def test_a_mail_that_fails_is_sent_the_next_time(licensed: World) -> None:
    box, now = Postbox(), END - 7 * DAY
    box.broken = True
    assert [one.to for one in send_due(now, box, addresses).failed] == [("lea@example.com",)]
    assert not SentNotice.objects.exists()
    box.broken = False
    assert len(send_due(now, box, addresses).sent) == 1
    assert len(box.mails) == 1


def test_an_account_without_an_administrator_is_named(licensed: World) -> None:
    answer = send_due(END - 7 * DAY, Postbox(), lambda account: [])
    assert len(answer.nobody) == 1
    assert not SentNotice.objects.exists()


def test_a_cycles_deadline_nears(licensed: World) -> None:
    box = Postbox()
    send_due(NOW + 24 * HOUR, box, addresses)
    send_due(NOW + 25 * HOUR, box, addresses)
    send_due(NOW + 45 * HOUR, box, addresses)
    assert [subject.split(",")[0] for _, subject, _ in box.mails] == [
        "Plant North: 24 hours left to install",
        "Plant North: 4 hours left to install",
    ]
