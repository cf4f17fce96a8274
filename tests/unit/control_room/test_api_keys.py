"""A1, A2: API keys: made, shown once, revoked; and what each may do: nothing but what it says."""

import dataclasses
import re
from datetime import timedelta

import pytest

from carnet.control_room.engine.key_uses import FILE, note, read_uses
from carnet.control_room.rules.activation.generate_request import GenerateRequest
from carnet.control_room.rules.decision import View
from carnet.control_room.rules.granting.api_keys import (
    CreateApiKey,
    ListApiKeys,
    RenameApiKey,
    RevokeApiKey,
    digest,
    read_key,
)
from carnet.control_room.rules.granting.permissions import refuse
from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat, RenewSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.verdicts import Code
from tests.unit.control_room.conftest import granted, refused

SEAT, PAGES, USER = "unattended-bot-runner", "document-pages", "bot-creator"


def make(room, products=None, permissions=("take",), name="bots"):
    answer = granted(room.do(CreateApiKey(name, products, list(permissions))))
    return room.state.api_keys[answer.key_id]


def listed(room):
    state, reading = room.state, room.reading
    view = View(state, room.engine.checkpoint, room.now, reading, room.store.document, room.engine.reader.records)
    return ListApiKeys().answer(view).keys


@pytest.mark.rule("A1", "A2")
def test_a2_a_key_is_said_once_and_only_its_hash_is_kept(licensed):
    def create(units):
        return licensed.engine.execute(CreateApiKey("bots", [SEAT], ["take"]), licensed.reading, "anna", "k-1")

    first = granted(create(1))
    assert re.fullmatch(r"cnk_[a-z2-7]{8}_[a-z2-7]{52}", first.key)
    key_id, secret_sha256 = read_key(first.key.encode())
    assert licensed.state.api_keys[key_id].secret_sha256 == secret_sha256 == digest(first.key[13:])
    again = granted(create(1))
    assert again == dataclasses.replace(first, key=None), "nor does an idempotency key keep it (G5)"
    secret = first.key[13:]
    assert secret not in repr(first)
    for record in licensed.engine.reader.records():
        assert secret.encode() not in bytes(record.body)
    licensed.reopen()
    assert licensed.state.api_keys[key_id].secret_sha256 == secret_sha256
    assert [key.key_id for key in listed(licensed)] == [key_id]
    assert "sha256" not in repr(listed(licensed))


@pytest.mark.parametrize("text", ["", "cnk_abcdefgh_", "cnk_abcdefgh_" + "a" * 51, "CNK_abcdefgh_" + "a" * 52, "x\n"])
def test_what_is_no_key_is_not_read_as_one(text):
    assert read_key(text.encode()) is None
    assert read_key(b"cnk_abcdefgh_" + b"a" * 52 + b"\n") is None


@pytest.mark.rule("A1", "malformed")
@pytest.mark.parametrize(
    "command",
    [
        CreateApiKey("", None, ["take"]),
        CreateApiKey("a\nb", None, ["take"]),
        CreateApiKey("a", None, []),
        CreateApiKey("a", None, ["take", "install"]),
        CreateApiKey("a", [], ["take"]),
        CreateApiKey("a", ["Not A Sku"], ["take"]),
    ],
)
def test_a1_a_key_that_would_mean_nothing_is_not_made(licensed, command):
    refused(licensed.do(command), Code.MALFORMED)
    assert not licensed.state.api_keys


@pytest.mark.rule("A1", "unauthenticated", "not_found")
def test_a1_a_revoked_key_counts_no_more_from_the_next_decision_on(licensed):
    key, other = make(licensed), make(licensed)
    assert refuse(key, AcquireSeat(SEAT, "b"), licensed.state) is None
    for _ in range(2):
        granted(licensed.do(RevokeApiKey(key.key_id)))
    assert licensed.kinds().count("api_key.revoked") == 1
    refusal = refuse(key, AcquireSeat(SEAT, "b"), licensed.state)
    refused(refusal, Code.UNAUTHENTICATED)
    assert refusal.message == "No API key that is in force here was shown."
    assert refusal.next == "Show one: Authorization: Bearer cnk_…; an administrator makes it."
    assert refusal.run == "control-room api-key create --name NAME --may take --all-products"
    assert refuse(other, AcquireSeat(SEAT, "b"), licensed.state) is None
    refused(licensed.do(RevokeApiKey("aaaaaaaa")), Code.NOT_FOUND)
    assert [bool(each.revoked_at) for each in listed(licensed)] == [True, False]


@pytest.mark.rule("A1", "not_permitted")
def test_a1_a_key_does_what_it_says_and_nothing_else(licensed):
    wanted = {
        "take": [AcquireSeat(SEAT, "b"), RenewSeat("x"), ReleaseSeat("x"), ConsumeUnits(PAGES, 1)],
        "assign": [AssignUser(USER, "anna"), UnassignUser(USER, "anna")],
        "none": [GenerateRequest(RequestKind.RELEASE), CreateApiKey("more", None, ["take"]), RevokeApiKey("x")],
    }
    for permission in ("take", "assign", "read"):
        key = make(licensed, permissions=[permission])
        for needs, commands in wanted.items():
            for command in commands:
                answer = refuse(key, command, licensed.state)
                assert answer is None if needs == permission else refused(answer, Code.NOT_PERMITTED)


@pytest.mark.rule("A1", "not_permitted")
def test_a1_a_key_of_one_product_is_refused_on_another(licensed):
    key = make(licensed, products=[PAGES])
    assert refuse(key, ConsumeUnits(PAGES, 1), licensed.state) is None
    refused(refuse(key, AcquireSeat(SEAT, "b"), licensed.state), Code.NOT_PERMITTED)


@pytest.mark.rule("A1", "unknown_lease")
@pytest.mark.parametrize("released", [False, True])
def test_a1_a_lease_of_another_product_is_answered_as_an_unknown_one(licensed, released):
    key, seats = make(licensed, products=[PAGES]), make(licensed, products=[SEAT])
    lease = granted(licensed.do(AcquireSeat(SEAT, "b"))).lease_id
    if released:
        licensed.request(RequestKind.RELEASE)
    for command in (RenewSeat, ReleaseSeat):
        never = "00000000-0000-7000-8000-000000000000"
        unknown = licensed.do(command(never))
        assert refuse(key, command(never), licensed.state) is None
        hidden = refuse(key, command(lease), licensed.state)
        assert repr(hidden) == repr(unknown).replace(never, lease)
        assert refuse(seats, command(lease), licensed.state) is None


@pytest.mark.rule("A1")
def test_a1_a_key_may_have_an_end_that_lies_ahead(licensed):
    ahead = licensed.now + timedelta(days=30)
    made = granted(licensed.do(CreateApiKey("bots", None, ["take"], ahead)))
    assert made.expires_at == ahead
    assert [key.expires_at for key in listed(licensed)] == [ahead]
    size = licensed.engine.checkpoint.size
    refused(licensed.do(CreateApiKey("late", None, ["take"], licensed.now)), Code.MALFORMED)
    assert licensed.engine.checkpoint.size == size + 1, "the refusal alone"


@pytest.mark.rule("A1")
def test_a1_another_name_is_the_same_key_and_a_revoked_one_keeps_its_own(licensed):
    key = make(licensed)
    granted(licensed.do(RenameApiKey(key.key_id, "builders")))
    renamed = licensed.state.api_keys[key.key_id]
    assert (renamed.name, renamed.secret_sha256) == ("builders", key.secret_sha256)
    for name in ("", "  ", "x" * 201, "a\nb"):
        refused(licensed.do(RenameApiKey(key.key_id, name)), Code.MALFORMED)
    granted(licensed.do(RevokeApiKey(key.key_id)))
    refused(licensed.do(RenameApiKey(key.key_id, "others")), Code.NOT_FOUND)
    assert licensed.state.api_keys[key.key_id].name == "builders"


def test_uses_are_noted_beside_the_ledger_and_a_broken_note_is_none(tmp_path, licensed):
    size = licensed.engine.checkpoint.size
    used = {"aaaaaaaa"}
    note(used, tmp_path, licensed.now)
    assert used == set()
    note({"bbbbbbbb"}, tmp_path, licensed.now + timedelta(hours=1))
    assert read_uses(tmp_path) == {"aaaaaaaa": licensed.now, "bbbbbbbb": licensed.now + timedelta(hours=1)}
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    (tmp_path / FILE).write_bytes(b"{broken")
    assert read_uses(tmp_path) == {}
    note({"aaaaaaaa"}, tmp_path / "gone", licensed.now)  # nowhere to write: nothing is lost but the note
    assert licensed.engine.checkpoint.size == size
