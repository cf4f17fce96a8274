"""Files from a forger or a bad stick, handed to each door of both sides: each its own verdict, and nothing else moves.

The frozen corpus (tests/vectors/hostile) goes through the site's doors under the corpus's own trust, and through
CALM's; what depends on a running exchange (wrong site, late, early, replayed, reordered) is made from one.
"""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from carnet.cli import app as carnet_app
from carnet.control_room.state.trusted_time import Reading
from tests.journeys.commands import PAGES, Done, Later, Room, Story, tables, through_the_door
from tests.vectors import make_hostile, samples

pytestmark = pytest.mark.slow

FOLDER = make_hostile.FOLDER
EXPECTED: dict[str, str] = json.loads((FOLDER / "expected.json").read_text())
PASSING = {"refused", "state.changed", "clock.set_back", "clock.caught_up", "leases.extended", "seat.expired"}


def of_kind(ending: str) -> list[str]:
    return [name for name in EXPECTED if name.endswith(f".{ending}")]


@dataclass(frozen=True)
class Then(Later):
    """On the day on which the corpus was made."""

    def reading(self) -> Reading:
        return Reading(samples.NOW, 1000, "boot")


@dataclass(frozen=True)
class RoomThen(Room):
    def run(self, *words: str) -> Done:
        return through_the_door(self.app, self.line(*words), Then)

    @property
    def app(self) -> Any:
        from carnet.control_room.cli import app

        return app


def stored(room: Room) -> dict[str, Any]:
    """All that is stored, but for the head and what a refusal writes of its own."""
    found: dict[str, Any] = dict(tables(room.data / "control-room.sqlite3"))
    for name in ("head", "data_key"):
        found.pop(name)
    return found


def same_but_for_refusals(room: Room, before: dict[str, Any], refusals: int) -> None:
    after = stored(room)
    old, new = before.pop("record"), after.pop("record")
    assert after == before
    assert new[: len(old)] == old, "no record was touched"
    written = [r["kind"] for r in room("ledger", "show", "--last", "10000") if r["index"] >= len(old)]
    assert set(written) <= PASSING
    assert written.count("refused") == refusals
    assert room("ledger", "verify")["holds"]


@pytest.fixture(scope="module")
def corpus_room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """A site that trusts the corpus's vendor and has its key set."""
    room = RoomThen(data=tmp_path_factory.mktemp("corpus") / "site")
    room("init", "--trust", str(FOLDER / "trust.json"))
    room("key-set", "install", str(FOLDER / "key-set.jws"))
    return room


@pytest.mark.rule("E13", "malformed", "wrong_type", "unsupported_version", "bad_signature", "unknown_signer")
@pytest.mark.parametrize(
    ("ending", "door"),
    [("token", ("token", "install")), ("keyset", ("key-set", "install"))],
)
def test_the_corpus_at_the_sites_doors(corpus_room: Room, ending: str, door: tuple[str, str]) -> None:
    before, hostile = stored(corpus_room), [name for name in of_kind(ending) if EXPECTED[name] != "good"]
    for name in hostile:
        assert corpus_room.code(*door, str(FOLDER / name)) == EXPECTED[name], name
    same_but_for_refusals(corpus_room, before, len(hostile))


@pytest.mark.rule("E13", "key_set_too_old", "wrong_control_room")
def test_the_corpus_of_license_files(corpus_room: Room, tmp_path: Path) -> None:
    """Preview and install judge alike; the good one is for another Control Room."""
    room = corpus_room.copy(tmp_path / "site")
    room("token", "install", str(FOLDER / "good.token"))
    room("request", "generate", "--out", str(tmp_path / "1.lfr"))
    before, names = stored(room), of_kind("olf")
    for name in names[::4]:
        expected = "wrong_control_room" if EXPECTED[name] == "good" else EXPECTED[name]
        assert room.code("license", "preview", str(FOLDER / name)) == expected, name
    assert stored(room) == before, "a preview writes nothing"
    for name in names:
        expected = "wrong_control_room" if EXPECTED[name] == "good" else EXPECTED[name]
        assert room.code("license", "install", str(FOLDER / name)) == expected, name
    same_but_for_refusals(room, before, len(names))


def calm_stored(story: Story) -> dict[str, Any]:
    found: dict[str, Any] = dict(tables(story.calm.data / "calm.sqlite3"))
    for name in ("control_rooms_refusedfile", "issuing_log_logentry", "sqlite_sequence"):
        found.pop(name, None)
    return found


@pytest.mark.rule("E13", "E2", "E16", "V1", "unknown_signer")
def test_the_corpus_at_calms_doors(story: Story) -> None:
    """The good ones are of a Control Room that this CALM never enrolled."""
    before, size = calm_stored(story), len(story.calm("log", "show"))
    doors = {"lfr": ("request", "accept", "--guid", "Bergen"), "receipt": ("receipt", "accept")}
    refused = 0
    for ending, door in doors.items():
        for name in of_kind(ending):
            expected = "unknown_signer" if EXPECTED[name] == "good" else EXPECTED[name]
            assert story.calm.code(*door, str(FOLDER / name)) == expected, name
            refused += 1
    assert calm_stored(story) == before
    log = story.calm("log", "show")[size:]
    assert [entry["kind"] for entry in log] == ["refused"] * refused
    assert story.calm("log", "verify")["holds"]


@pytest.mark.rule("E13")
def test_the_corpus_under_inspection() -> None:
    trust = ("--trust", str(FOLDER / "trust.json"), "--key-set", str(FOLDER / "key-set.jws"))
    for name, expected in EXPECTED.items():
        if name.startswith("is-a-"):
            continue
        done = through_the_door(carnet_app, ["inspect", str(FOLDER / name), *trust, "--json"], None)
        assert done.code == (0 if expected == "good" else 3), (name, done)
        if expected != "good":
            assert done.json["refused"]["code"] == expected, name
            assert done.err.startswith(f"refused: {expected}: ")


@pytest.mark.rule("too_large")
@pytest.mark.parametrize("size", [256 * 1024 + 1, 3 * 1024 * 1024])
def test_what_is_too_large(story: Story, tmp_path: Path, size: int) -> None:
    big = tmp_path / "big"
    big.write_bytes(b" " * size)
    for door in (("token", "install"), ("license", "install"), ("license", "preview"), ("key-set", "install")):
        assert story.site.code(*door, str(big)) == "too_large"
    verdict = "too_large" if size > 1024 * 1024 else "malformed"  # L6: an LFR may carry a license
    assert story.calm.code("request", "accept", str(big), "--guid", "Oslo") == verdict
    assert story.calm.code("receipt", "accept", str(big)) == "too_large"


@pytest.mark.rule("E4", "E7", "E6", "superseded", "already_used", "out_of_sequence", "wrong_control_room")
def test_replayed_reordered_and_for_another_site(story: Story, tmp_path: Path) -> None:
    site, calm = story.site, story.calm
    first = story.issue(story.accept(story.ask()), bot_creator=4)
    story.ask()  # a newer request makes the one that was answered void, and its answer with it
    other = Room(data=tmp_path / "bergen")
    other("init", "--trust", str(story.gap / "trust.json"), "--name", "Bergen")
    other("token", "install", story.token())
    other("request", "generate", "--out", str(tmp_path / "bergen.lfr"))
    before = stored(site)
    assert site.code("license", "install", first) == "superseded"
    assert site.code("license", "install", str(story.gap / "002.olf")) == "already_used"
    same_but_for_refusals(site, before, 2)
    before = stored(other)
    assert other.code("license", "install", first) == "wrong_control_room"
    same_but_for_refusals(other, before, 1)

    request = str(story.gap / f"{story.number - 1:03}.lfr")
    newest = calm("request", "accept", request, "--guid", "Oslo")["lfr"]
    before_calm = calm_stored(story)
    assert calm.code("request", "accept", str(story.gap / "003.lfr"), "--guid", "Oslo") == "already_used"
    assert calm.code("request", "accept", str(story.gap / "002.lfr"), "--guid", "Oslo") in (
        "already_used",
        "superseded",
    )
    assert calm.code("request", "accept", request, "--guid", "Bergen") == "wrong_control_room"
    assert calm.code("request", "accept", str(tmp_path / "bergen.lfr"), "--guid", "Oslo") == "guid_bound"
    assert calm_stored(story) == before_calm
    site("license", "install", story.issue(newest))


@pytest.mark.rule("E5", "window_closed", "from_the_future")
def test_late_and_early_at_both_doors(story: Story) -> None:
    calm, site = story.calm, story.site
    olf = story.issue(story.accept(story.ask()))
    late = site.later(hours=49)
    before = stored(site)
    assert late.code("license", "install", olf) == "window_closed"
    same_but_for_refusals(site, before, 1)

    ahead = site.later(hours=51)
    ahead("request", "generate", "--out", story.file("early.lfr"))
    answer = calm("request", "accept", story.file("early.lfr"), "--guid", "Oslo")
    assert answer["can_issue"]["code"] == "from_the_future"
    order = ("license-file", "issue", "--request", answer["lfr"], "--product", f"{PAGES}=5000")
    assert calm.code(*order, "--out", story.file("x")) == "from_the_future"
    week = replace(calm, ahead=timedelta(days=9))
    assert week.code(*order, "--out", story.file("x")) == "window_closed"
    week(*order, "--site-clock-is-off", "--out", story.file("off.olf"))
    assert not Path(story.file("x")).exists()


@pytest.mark.rule("E2", "expired", "too_early", "already_enabled", "token_seen")
def test_a_token_late_early_and_twice(story: Story, tmp_path: Path) -> None:
    token, room = story.token(), Room(data=tmp_path / "new")
    room("init", "--trust", str(story.gap / "trust.json"))
    before = stored(room)
    assert room.later(hours=25).code("token", "install", token) == "expired"
    same_but_for_refusals(room, before, 1)
    assert room.later(hours=-3).code("token", "install", token) == "too_early"
    room("token", "install", token)
    assert room.code("token", "install", token) == "token_seen"
    assert story.site.code("token", "install", token) == "already_enabled"


@pytest.mark.rule("E13", "bad_signature", "malformed", "unknown_signer")
def test_a_real_license_file_with_a_bit_flipped_here_and_there(story: Story, tmp_path: Path) -> None:
    raw = Path(story.issue(story.accept(story.ask()))).read_bytes()
    before, bad, tried = stored(story.site), tmp_path / "bad.olf", 0
    for at in range(0, len(raw), max(1, len(raw) // 20)):
        bad.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        verdict = story.site.code("license", "install", str(bad))
        assert verdict in ("malformed", "bad_signature", "unknown_signer", "wrong_type", "unsupported_version"), at
        tried += 1
    for at in (0, 1, len(raw) // 3, len(raw) - 1):
        bad.write_bytes(raw[:at])
        assert story.site.code("license", "install", str(bad)) == "malformed"
        tried += 1
    same_but_for_refusals(story.site, before, tried)
