"""A1, A2: who asks. A key in any other form than its own is no key."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from carnet.control_room.rest import authentication, bodies
from carnet.control_room.rules.granting import api_keys
from carnet.control_room.rules.granting.api_keys import digest
from carnet.control_room.state.state import ApiKey
from carnet.sdk import calls
from tests.support.cast import MONDAY

ID, SECRET = "abcdefgh", "s" * 52
KEY = ApiKey(ID, "bots", digest(SECRET), None, ["take"], MONDAY)
RIGHT = f"Bearer cnk_{ID}_{SECRET}"


@pytest.mark.parametrize("header", [RIGHT, RIGHT.replace("Bearer", "bearer"), RIGHT.replace("Bearer", "BEARER")])
def test_a_key_in_force_is_known(header: str) -> None:
    assert authentication.authenticate(header.encode(), {ID: KEY}, lambda: MONDAY) is KEY


@pytest.mark.rule("unauthenticated")
@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        RIGHT[7:],
        RIGHT + " ",
        RIGHT + "s",
        RIGHT[:-1],
        RIGHT.replace("Bearer ", "Bearer  "),
        RIGHT.replace("Bearer", "Basic_"),
        RIGHT.replace("cnk_", "CNK_"),
        RIGHT.replace("cnk_", "cnk-"),
        RIGHT.replace(f"{ID}_", f"{ID}-"),
        RIGHT.upper(),
        RIGHT.replace("s" * 52, "t" * 52),
        RIGHT.replace(ID, "zzzzzzzz"),
        f"Bearer cnk_{ID}_{digest(SECRET)[:52]}",
        "Bearer cnk_\x00\xff",
        "Bearer cnk_zzzzzzzz_",
    ],
)
def test_anything_else_is_not(header: str) -> None:
    assert authentication.authenticate(header.encode("latin-1"), {ID: KEY}, lambda: MONDAY) is None


def test_no_header_and_a_revoked_key_are_nobody() -> None:
    assert authentication.authenticate(None, {ID: KEY}, lambda: MONDAY) is None
    revoked = ApiKey(ID, "bots", digest(SECRET), None, ["take"], MONDAY, revoked_at=MONDAY)
    assert authentication.authenticate(RIGHT.encode(), {ID: revoked}, lambda: MONDAY) is None


@pytest.mark.rule("A1")
def test_a_key_counts_up_to_its_end_and_no_longer() -> None:
    ends = ApiKey(ID, "bots", digest(SECRET), None, ["take"], MONDAY, expires_at=MONDAY + timedelta(days=1))
    for now, known in (
        (MONDAY, True),
        (MONDAY + timedelta(days=1, seconds=-1), True),
        (MONDAY + timedelta(days=1), False),
    ):
        assert bool(authentication.authenticate(RIGHT.encode(), {ID: ends}, lambda now=now: now)) is known


@pytest.mark.rule("A2")
def test_an_unknown_id_costs_what_a_wrong_secret_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted are the hashes and the comparisons; a clock would tell as much of this machine as of the code."""
    done: list[str] = []

    def counted(name: str, original: Callable[..., object]) -> Callable[..., object]:
        def count(*args: object) -> object:
            done.append(name)
            return original(*args)

        return count

    for module, name in ((api_keys, "sha256"), (authentication, "compare_digest")):
        monkeypatch.setattr(module, name, counted(name, getattr(module, name)))
    costs = []
    for header in (RIGHT.replace("s" * 52, "t" * 52), RIGHT.replace(ID, "zzzzzzzz"), RIGHT):
        done.clear()
        authentication.authenticate(header.encode(), {ID: KEY}, lambda: MONDAY)
        costs.append(list(done))
    assert costs[0] == costs[1] == costs[2] == ["sha256", "compare_digest"]


@pytest.mark.rule("G5")
@pytest.mark.parametrize("text", ["", " ", " a", "a ", "a" * 65, "a\n", "\x7f", "a\tb", "\xe5"])
def test_there_is_one_form_of_an_idempotency_key(text: str) -> None:
    """The header, the command of a batch and the SDK take the same."""
    assert not authentication.is_idempotency_key(text.encode("latin-1"))
    assert not re.search(bodies.KEY_PATTERN, text)
    with pytest.raises(ValueError, match="printable"):
        calls.release("l", key=text)


@pytest.mark.parametrize("text", ["a", "a b", "~" * 64])
def test_a_right_idempotency_key_is_right_everywhere(text: str) -> None:
    assert authentication.is_idempotency_key(text.encode())
    assert re.search(bodies.KEY_PATTERN, text)
    assert calls.release("l", key=text).key == text
