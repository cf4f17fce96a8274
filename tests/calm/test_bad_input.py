"""What is no LFR and no receipt, at CALM's doors: each with its verdict, kept, and nothing moved."""

from collections.abc import Callable

import pytest

from carnet.calm.control_rooms.models import RefusedFile
from carnet.calm.issuing import receipts
from carnet.errors import UsageError
from carnet.exchange.envelope import MAX_FILE
from carnet.exchange.keys import ED25519, new_signer
from carnet.exchange.license_file_request import write_request
from tests.calm.conftest import World, code

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
        "large": (good + b" " * MAX_FILE, "too_large"),
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
    return write_request(fields, [new_signer(ED25519, world.random)])


@pytest.mark.rule("wrong_type")
def test_a_request_is_no_receipt(world: World, unmoved: Unmoved) -> None:
    raw = world.site().request(world.now)
    unmoved()
    assert code(receipts.accept_receipt(world.calm, raw=raw, **world.act)) == "wrong_type"


def test_what_does_not_exist_is_a_question_of_usage_and_leaves_no_trace(world: World) -> None:
    from carnet.calm.issuing.log_book import log_size

    raw, before = world.site().request(world.now), log_size()
    with pytest.raises(UsageError):
        world.upload(raw, "nowhere")
    with pytest.raises(UsageError):
        world.issue("no-such-request", products={"bot-creator": 1})
    assert log_size() == before
