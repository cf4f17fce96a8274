"""Notices go out once, whoever runs the timer; one that fails is named and tried again."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from carnet.calm.notices.mails import MailError
from carnet.calm.notices.models import SentNotice
from carnet.calm.notices.reading import coming_notices, sent_notices
from carnet.calm.notices.sending import NoticesSent, send_due
from carnet.calm.queries.log_queries import show_log
from carnet.calm.use_cases import losses, receipts
from carnet.calm.use_cases.guids import find_guid
from tests.calm.conftest import DAY, END, HOUR, World, ok
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases

ADMIN = "admin@northwind.example"


class Postbox:
    """Mails that were sent; `broken`: none is."""

    def __init__(self) -> None:
        self.mails: list[tuple[tuple[str, ...], str, str]] = []
        self.broken = False

    def __call__(self, to: Sequence[str], subject: str, body: str) -> None:
        if self.broken:
            raise MailError("The mail server does not answer.")
        self.mails.append((tuple(to), subject, body))


@pytest.fixture
def post() -> Postbox:
    return Postbox()


@pytest.fixture
def site(world: World) -> Site:
    world.buy("bot-creator", 10)
    site = world.site()
    receipt = world.license(site, products={"bot-creator": 5})
    ok(receipts.accept_receipt(world.calm, raw=receipt, **world.act))
    return site


def send(world: World, post: Postbox, to: Sequence[str] = (ADMIN,)) -> NoticesSent:
    return send_due(world.calm, mail=post, addresses=lambda _account: to, vendor="Automation Vendor", **world.act)


@pytest.mark.rule("S", "V1")
def test_a_notice_goes_out_once_with_its_record(world: World, site: Site, post: Postbox) -> None:
    assert send(world, post) == NoticesSent((), (), ())
    world.now = END - 14 * DAY
    told = send(world, post)
    assert [(one.kind, one.step, one.name, one.to) for one in told.sent] == [("expiry", 15, "Plant North", (ADMIN,))]
    assert [mail[:2] for mail in post.mails] == [((ADMIN,), "Plant North: the license ends in 14 d 0 h")]
    assert (show_log()[-1].kind, show_log()[-1].detail["step"]) == ("notice.sent", 15)
    world.now += HOUR
    assert send(world, post) == NoticesSent((), (), ())
    (sent,) = sent_notices(account=find_guid("north").account_id).items
    assert (sent.step, sent.to, sent.about) == (15, (ADMIN,), END)


@pytest.mark.rule("E5")
def test_a_deadline_is_told_until_the_file_is_confirmed(world: World, site: Site, post: Postbox) -> None:
    raw = world.answer(site, products={"bot-creator": 5})
    world.now += timedelta(hours=25)
    assert [(one.kind, one.step) for one in send(world, post).sent] == [("deadline", 24)]
    assert "license file #2 must be installed" in post.mails[0][1]
    assert "changes" not in post.mails[0][2], "it grants what is installed"
    ok(receipts.accept_receipt(world.calm, raw=site.install(raw, world.now), **world.act))
    world.now += timedelta(hours=20)
    assert send(world, post) == NoticesSent((), (), ())


@pytest.mark.rule("E9")
def test_a_mail_says_what_the_file_on_its_way_changes_as_every_other_place(
    world: World, site: Site, post: Postbox
) -> None:
    issued = ok(world.issue(world.accept(site.request(world.now)).lfr, products={"bot-creator": 2}))
    assert issued.changes == ("Bot Creator: 5 → 2 (−3)",)
    world.now += timedelta(hours=25)
    send(world, post)
    assert "What the license file changes:\nBot Creator: 5 → 2 (−3)\n" in post.mails[0][2]


def test_a_mail_that_fails_is_named_and_tried_again(world: World, site: Site, post: Postbox) -> None:
    world.now = END - 14 * DAY
    post.broken = True
    told = send(world, post)
    assert [(one.step, one.why) for one in told.failed] == [(15, "The mail server does not answer.")]
    assert not SentNotice.objects.exists()
    post.broken = False
    assert len(send(world, post).sent) == 1


def test_an_account_without_people_is_named(world: World, site: Site, post: Postbox) -> None:
    world.now = END - 14 * DAY
    assert [one.account_name for one in send(world, post, ()).nobody] == ["Northwind"]
    assert len(send(world, post).sent) == 1


def test_two_timers_send_one_mail(world: World, site: Site, post: Postbox) -> None:
    """The second runs while the first one's mail is on its way; one that died on the way is followed up."""
    world.now = END - 14 * DAY

    class Slow(Postbox):
        def __call__(self, to: Sequence[str], subject: str, body: str) -> None:
            assert send(world, post) == NoticesSent((), (), ())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send(world, Slow())
    assert post.mails == []
    assert send(world, post).sent == ()
    world.now += timedelta(minutes=16)
    assert len(send(world, post).sent) == 1


@pytest.mark.rule("E12")
def test_nothing_is_told_of_what_is_lost(world: World, site: Site, post: Postbox) -> None:
    world.now = END - 14 * DAY
    losses.report_lost(world.calm, guid="north", reason="it sank", **world.act)
    assert send(world, post) == NoticesSent((), (), ())


def test_what_comes_next_can_be_seen(world: World, site: Site) -> None:
    (one,) = coming_notices(find_guid("north").account_id, world.now)
    assert (one.kind, one.step, one.at) == ("expiry", 30, END - 30 * DAY)
