"""What is no LFR and no receipt, at CALM's doors: each with its verdict, kept, and nothing moved."""

from collections.abc import Callable

import pytest

from carnet.calm.control_rooms.models import RefusedFile
from carnet.calm.queries.control_rooms import show_room
from carnet.calm.use_cases import accounts, purchases, receipts
from carnet.entitlements import Policy
from carnet.errors import UsageError
from carnet.exchange.envelope import MAX_CARRYING
from carnet.exchange.keys import ED25519, new_signer
from carnet.exchange.license_file_request import write_lfr
from tests.calm.conftest import World, code

pytestmark = pytest.mark.both_databases

Unmoved = Callable[[], None]


@pytest.mark.rule("E13", "malformed", "too_large", "wrong_type", "bad_signature")
@pytest.mark.parametrize("what", ["truncated", "flipped", "large", "token", "receipt", "resigned", "duplicate"])
def test_a_file_that_is_no_request_is_refused_and_kept(world: World, unmoved: Unmoved, what: str) -> None:
    world.buy("bot-creator", 10)
    site = world.site()
    good = site.request(world.now)
    bad, verdict = {
        "truncated": (good[:-10], "malformed"),
        "flipped": (good.replace(b'"signature":"', b'"signature":"AAAA')[: len(good) + 4], "bad_signature"),
        "large": (good + b" " * MAX_CARRYING, "too_large"),
        "token": (world.token(), "wrong_type"),
        "receipt": (_receipt(world), "wrong_type"),
        "resigned": (_resigned(world), "bad_signature"),
        "duplicate": (good.replace(b'{"payload":', b'{"payload":"x","payload":', 1), "malformed"),
    }[what]
    unmoved()
    assert code(world.upload(bad)) == verdict
    kept = RefusedFile.objects.get()
    assert (kept.code, bytes(kept.raw)) == (verdict, bad)


def _receipt(world: World) -> bytes:
    south = world.site("south")
    return world.license(south, "south", products={"bot-creator": 1})


def _resigned(world: World) -> bytes:
    fields, _ = world.site("west").request_fields(world.now)
    return write_lfr(fields, [new_signer(ED25519, world.random)])


@pytest.mark.rule("wrong_type")
def test_a_request_is_no_receipt(world: World, unmoved: Unmoved) -> None:
    raw = world.site().request(world.now)
    unmoved()
    assert code(receipts.accept_receipt(world.calm, raw=raw, **world.act)) == "wrong_type"


@pytest.mark.rule("H6", "V1")
@pytest.mark.parametrize("reason", ["", "  ", "a\nb", "\x1b[2J", "x" * 2001])
def test_a_purchase_is_lowered_for_a_reason_that_can_be_read(world: World, unmoved: Unmoved, reason: str) -> None:
    bought = world.buy("bot-creator", 10)
    unmoved()
    with pytest.raises(UsageError):
        purchases.lower_purchase(world.calm, purchase=bought, reason=reason, quantity=5, **world.act)


@pytest.mark.parametrize("version", ["forty", "40" + ".0" * 16, "40\n", ""])
def test_a_version_that_is_none_is_said(world: World, unmoved: Unmoved, version: str) -> None:
    unmoved()
    asked = {"industry": "energy", "reason": "closed", "version": version}
    with pytest.raises(UsageError, match="version"):
        accounts.request_approval(world.calm, account="Northwind", **asked, **world.act)


@pytest.mark.rule("Q5")
@pytest.mark.parametrize(("overage", "grace"), [(101, 0), (-1, 0), (0, 91), (40_000, 40_000)])
def test_no_more_overage_or_grace_than_a_line_can_say(world: World, unmoved: Unmoved, overage: int, grace: int) -> None:
    unmoved()
    with pytest.raises(UsageError, match="Overage"):
        world.buy("bot-creator", 10, policy=Policy(overage_percent=overage, grace_days=grace))


def test_a_label_that_several_accounts_use_chooses_no_control_room(world: World) -> None:
    site = world.site()
    world.accept(site.request(world.now))
    assert show_room("north", now=world.now).room.control_room == site.id
    world.add_account("Contoso")
    world.add_guid("north", "Contoso")
    with pytest.raises(UsageError, match="Several"):
        show_room("north", now=world.now)
    world.add_guid("south")
    for nothing_there in ("south", "nowhere"):
        with pytest.raises(UsageError, match="no Control Room"):
            show_room(nothing_there, now=world.now)


def test_what_does_not_exist_is_a_question_of_usage_and_leaves_no_trace(world: World) -> None:
    from carnet.calm.queries.log_queries import log_size

    raw, before = world.site().request(world.now), log_size()
    with pytest.raises(UsageError):
        world.upload(raw, "nowhere")
    with pytest.raises(UsageError):
        world.issue("no-such-request", products={"bot-creator": 1})
    assert log_size() == before
