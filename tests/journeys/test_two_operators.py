"""Two people at once, each in a process of their own; and a process that is killed at any instant (G4, H1)."""

import json
import signal
import time
from pathlib import Path
from subprocess import Popen

import pytest

from tests.journeys.commands import PAGES, USERS, Done, Room, Story


def at_once(*started: Popen[str]) -> list[Done]:
    said = [one.communicate(timeout=60) for one in started]
    return [Done(one.returncode, out, err) for one, (out, err) in zip(started, said, strict=True)]


@pytest.mark.rule("H1", "over_entitlement")
def test_two_license_files_for_the_last_units_one_is_issued(story: Story, tmp_path: Path) -> None:
    calm, other = story.calm, Room(data=tmp_path / "bergen")
    other("init", "--trust", str(story.gap / "trust.json"), "--name", "Bergen")
    other("token", "install", story.token())
    requests = [story.accept(story.ask()), story.accept(story.ask(other), "Bergen")]
    # 5,000 of 10,000 pages are held for Oslo: 4,000 more for Oslo, or 4,000 for Bergen, not both
    wanted = zip(requests, (9000, 4000), strict=True)
    order = ("license-file", "issue", "--request")
    started = [
        calm.start(*order, request, "--product", f"{PAGES}={pages}", "--out", str(tmp_path / f"{pages}"), "--json")
        for request, pages in wanted
    ]
    answers = at_once(*started)
    assert sorted(done.code for done in answers) == [0, 3], answers
    refused = next(done for done in answers if done.code == 3)
    assert refused.json["refused"]["code"] == "over_entitlement"
    pages = next(row for row in calm("purchase", "list") if row["sku"] == PAGES)
    assert pages["held"] + pages["spent"] <= pages["quantity"]
    assert calm("log", "verify")["holds"]


@pytest.mark.rule("G4", "exhausted")
def test_two_assignments_of_the_last_license_one_is_granted(story: Story) -> None:
    site = story.site
    for user in ("anna", "bert"):
        site("user", "assign", USERS, user)
    answers = at_once(*(site.start("user", "assign", USERS, user, "--json") for user in ("cleo", "dora")))
    assert sorted(done.code for done in answers) == [0, 3], answers
    assert next(done for done in answers if done.code == 3).json["refused"]["code"] == "exhausted"
    assert next(p for p in story.state()["products"] if p["sku"] == USERS)["in_use"] == 3
    assert site("ledger", "verify")["holds"]


@pytest.mark.rule("G4", "L1", "E3")
@pytest.mark.parametrize("after", [0.22, 0.28, 0.34, 0.40])
def test_killed_in_the_middle_of_a_request(story: Story, after: float) -> None:
    """Whenever it dies: the ledger holds, and the next command works."""
    site = story.site
    dying = site.start("request", "generate", "--out", story.file("dying.lfr"), "--json")
    time.sleep(after)
    dying.send_signal(signal.SIGKILL)
    out, _ = dying.communicate(timeout=20)
    assert site("ledger", "verify")["holds"]
    records = site("ledger", "show", "--last", "100")
    generated = [r for r in records if r["kind"] == "request.generated"]
    stated = [r for r in records if r["kind"] == "totals.stated"]
    assert len(generated) == len(stated), "all of its records, or none"
    if out:
        assert json.loads(out)["sequence"] == len(generated), "what was answered is not lost"
    file = Path(story.file("dying.lfr"))
    assert not file.exists() or len(generated) == 2, "a file never leaves without its record"
    if len(generated) == 2:
        site("request", "save-again", "--out", str(file))
        story.accept(str(file))
    story.license()


@pytest.mark.rule("G4", "L1")
def test_a_long_read_does_not_hold_up_a_writer(story: Story) -> None:
    """Readers take no lock: `ledger verify` beside many short writes."""
    reading = story.site.start("ledger", "verify", "--json")
    story.site("units", "consume", PAGES, "1")
    done = at_once(reading)[0]
    assert done.code == 0, done
