"""S, E18: notices before the end of a license and before a deadline, at the steps of the windows; each once, whatever
the timer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.calm.notices.due import (
    Key,
    NoticeKind,
    Site,
    coming,
    due_notices,
)
from carnet.calm.notices.mails import mail_of
from carnet.exchange.windows import Windows

VENDOR = "Automation Vendor"
END = datetime(2026, 10, 8, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SITE = Site("room", "Frankfurt Vault", "account", "Northwind Bank", END, END, None, 12)


def run(site: Site, times: list[datetime]) -> list[tuple[str, int]]:
    """What a timer sends that runs at these times."""
    sent: set[Key] = set()
    told = []
    for now in times:
        for notice in due_notices([site], sent, now):
            sent.add(notice.key)
            told.append((notice.kind.value, notice.step))
    return told


@pytest.mark.rule("S")
def test_a_daily_timer_tells_each_step_once() -> None:
    days = [END - 40 * DAY + n * DAY + 3 * HOUR for n in range(60)]
    assert run(SITE, days) == [("expiry", step) for step in Windows().expiry_notice_days]


@pytest.mark.rule("E5")
def test_a_deadline_that_nears_is_told_three_times() -> None:
    site = replace(SITE, licensed_until=None, deadline=END)
    hours = [END - 60 * HOUR + n * HOUR / 2 for n in range(140)]
    assert run(site, hours) == [("deadline", step) for step in Windows().deadline_notice_hours]


def test_a_timer_that_stood_still_tells_the_nearest_step_alone() -> None:
    assert run(SITE, [END - 5 * DAY, END - 4 * DAY, END - 3 * DAY]) == [("expiry", 7), ("expiry", 3)]
    assert run(SITE, [END + 6 * DAY]) == [("expiry", 0)]
    assert run(SITE, [END + 7 * DAY]) == []


def test_a_renewal_begins_anew() -> None:
    sent = {notice.key for notice in due_notices([SITE], set(), END - DAY)}
    renewed = replace(SITE, licensed_until=END + 20 * DAY)
    assert [notice.step for notice in due_notices([renewed], sent, END - DAY)] == [30]


@given(offsets=st.lists(st.integers(-40 * 24 * 60, 8 * 24 * 60), max_size=60))
def test_whenever_it_runs_no_step_comes_twice_or_out_of_order(offsets: list[int]) -> None:
    site = replace(SITE, deadline=END - 2 * DAY)
    told = run(site, [END + timedelta(minutes=minutes) for minutes in sorted(offsets)])
    for kind in NoticeKind:
        steps = [step for one, step in told if one == kind]
        assert steps == sorted(set(steps), reverse=True)


@given(minutes=st.integers(-40 * 24 * 60, 0))
def test_what_is_said_to_come_is_what_comes(minutes: int) -> None:
    now = END + timedelta(minutes=minutes)
    sent = {notice.key for notice in due_notices([SITE], set(), now)}
    for one in coming([SITE], now):
        assert [notice.step for notice in due_notices([SITE], sent, one.at)] == [one.step]
        assert due_notices([SITE], sent, one.at - timedelta(seconds=1)) == []


def test_a_mail_says_what_when_what_it_means_and_what_to_do() -> None:
    (notice,) = due_notices([replace(SITE, grace_until=END + 10 * DAY)], set(), END - 7 * DAY + 3 * HOUR)
    mail = mail_of(notice, END - 7 * DAY + 3 * HOUR, VENDOR, "https://calm.example/guids/1/")
    assert mail.subject == "Frankfurt Vault: the license ends in 6 d 21 h"
    assert mail.body == (
        "The license of Frankfurt Vault ends at the end of 2026-10-07 (UTC), in 6 d 21 h.\n\n"
        "Days of grace follow: it grants until the end of 2026-10-17 (UTC), then nothing.\n\n"
        "Make a renewal request at Frankfurt Vault, upload it to CALM, and carry the license file back.\n\n"
        "https://calm.example/guids/1/\n\n"
        "Northwind Bank, Control Room Frankfurt Vault.\n"
        "CALM, the license portal of Automation Vendor, sends this once. Times are UTC.\n"
    )


def test_a_deadline_says_whether_to_issue_or_to_install() -> None:
    site = replace(SITE, licensed_until=None, deadline=END)
    (asked,) = due_notices([site], set(), END - 20 * HOUR)
    (issued,) = due_notices([replace(site, answered=10)], set(), END - 3 * HOUR)
    assert (
        mail_of(asked, END - 20 * HOUR, VENDOR).subject == "Frankfurt Vault: request #12 must be answered in 20 h 0 min"
    )
    mail = mail_of(issued, END - 3 * HOUR, VENDOR)
    assert mail.subject == "Frankfurt Vault: license file #10 must be installed in 3 h 0 min"
    assert "the Control Room locks" in mail.body


def test_no_name_makes_a_second_header() -> None:
    (notice,) = due_notices([replace(SITE, name="Frankfurt\r\nBcc: all")], set(), END - DAY)
    assert "\n" not in mail_of(notice, END - DAY, VENDOR).subject
