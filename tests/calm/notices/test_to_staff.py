"""S: the vendor's own operators hear of ends, and of what becomes less of products, in the customers' own sentences."""

from collections.abc import Sequence

import pytest

from carnet.calm.notices.models import SentNotice
from carnet.calm.notices.reading import sent_notices
from carnet.calm.notices.sending import NoticesSent, send_due
from carnet.calm.people import staff
from carnet.calm.people.access import Role
from carnet.calm.people.models import Person
from carnet.calm.use_cases import receipts
from carnet.calm.use_cases.guids import find_guid
from tests.calm.conftest import DAY, END, NOW, World, ok
from tests.calm.notices.test_changes import WORDS, shrinking
from tests.calm.notices.test_sending import ADMIN, Postbox
from tests.support.site_simulator import Site

pytestmark = pytest.mark.both_databases

STAFF = ("olga@vendor.example", "omar@vendor.example")


@pytest.fixture
def post() -> Postbox:
    return Postbox()


@pytest.fixture
def site(world: World) -> Site:
    return shrinking(world)


def send(world: World, post: Postbox, to: Sequence[str] = STAFF) -> NoticesSent:
    return send_due(
        world.calm, mail=post, addresses=lambda _account: (ADMIN,), vendor="Automation Vendor", staff=to, **world.act
    )


@pytest.mark.rule("S", "E18", "V1")
def test_they_hear_of_a_product_that_shrinks_at_each_step_once(world: World, site: Site, post: Postbox) -> None:
    steps = []
    for days in range(30):
        world.now = NOW + days * DAY
        steps += [(one.kind, one.step) for one in send(world, post).sent if one.to == STAFF]
    assert steps == [("staff_change", step) for step in (30, 15, 7, 3, 2, 1, 0)]
    mine = [(subject, body) for to, subject, body in post.mails if to == STAFF]
    customers = [(subject, body) for to, subject, body in post.mails if to == (ADMIN,)]
    assert [subject for subject, _ in mine] == [subject for subject, _ in customers]
    assert all(WORDS in body and "Northwind, Control Room Plant North" in body for _, body in mine)


@pytest.mark.rule("S")
def test_all_that_is_new_is_one_mail(world: World, site: Site, post: Postbox) -> None:
    world.buy("bot-creator", 3)
    south = world.site("south")
    ok(receipts.accept_receipt(world.calm, raw=world.license(south, "south", products={"bot-creator": 1}), **world.act))
    world.now = END - 14 * DAY
    told = send(world, post)
    (mail,) = [each for each in post.mails if each[0] == STAFF]
    assert mail[1].endswith(": the license ends in 14 d 0 h, and 1 more")
    assert "The license of Plant South ends" in mail[2]
    assert "The license of Plant North ends" in mail[2]
    assert [one.kind for one in told.sent if one.to == STAFF] == ["staff_expiry", "staff_expiry"]
    shown = sent_notices(account=find_guid("north").account_id).items
    assert {one.to for one in shown} == {(ADMIN,)}, "the customer sees what the customer was sent"


@pytest.mark.rule("S")
def test_a_mail_to_them_that_fails_is_named_and_tried_again(world: World, site: Site, post: Postbox) -> None:
    post.broken = True
    told = send(world, post)
    assert {(one.kind, one.why) for one in told.failed if one.to == STAFF} == {
        ("staff_change", "The mail server does not answer.")
    }
    assert not SentNotice.objects.exists()
    post.broken = False
    assert len(send(world, post).sent) == 2


def test_where_there_are_no_operators_nothing_is_said_to_be_missing(world: World, site: Site, post: Postbox) -> None:
    assert [one.to for one in send(world, post, ()).sent] == [(ADMIN,)]


def test_they_are_the_operators_who_may_sign_in(world: World) -> None:
    for number, (role, active) in enumerate(((Role.OPERATOR, True), (Role.OPERATOR, False), (Role.AUDITOR, True))):
        Person.objects.create(email=f"p{number}@vendor.example", role=role, is_active=active, added_at=NOW)
    assert staff.staff_addresses() == ["p0@vendor.example"]
