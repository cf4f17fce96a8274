"""Two people at once, each in a process of their own; and a process that is killed at any instant (G4, H1)."""

import signal
import sys
from pathlib import Path
from subprocess import Popen, run

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


# The real command, in a process that kills itself at one instant: before or after the call that is named.
DYING = """
import importlib, os, signal, sys
when, module, holder, name, *words = sys.argv[1:]
owner = importlib.import_module(module)
owner = getattr(owner, holder) if holder else owner
real = getattr(owner, name)
def dying(*args, **options):
    if when == "after":
        real(*args, **options)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(owner, name, dying)
from carnet.control_room.wiring import main
sys.argv = ["control-room", *words]
main()
"""
STORE = ("carnet.control_room.engine.sqlite", "SqliteStore")
INSTANTS = {
    "before the transaction": (("before", *STORE, "commit"), 1),
    "within the transaction": (("after", *STORE, "_write"), 1),
    "committed": (("after", *STORE, "commit"), 2),
    "committed, the file not yet written": (("before", "carnet.control_room.cli.exchange", "", "write_out"), 2),
    "the file written, nothing answered": (("after", "carnet.control_room.cli.exchange", "", "write_out"), 2),
}


@pytest.mark.rule("G4", "L1", "E3")
@pytest.mark.parametrize("instant", INSTANTS)
def test_killed_in_the_middle_of_a_request(story: Story, instant: str) -> None:
    """Before its commit nothing of it is there; from then on all of it, and the file can be saved again."""
    site, (where, requests) = story.site, INSTANTS[instant]
    words = site.line("request", "generate", "--out", story.file("dying.lfr"))
    dead = run([sys.executable, "-c", DYING, *where, *words], capture_output=True, text=True, timeout=60, check=False)
    assert (dead.returncode, dead.stdout) == (-signal.SIGKILL, ""), dead
    assert site("ledger", "verify")["holds"]
    kinds = [record["kind"] for record in site("ledger", "show", "--last", "100")]
    assert kinds.count("request.generated") == kinds.count("totals.stated") == requests
    file = Path(story.file("dying.lfr"))
    assert file.exists() == (instant == "the file written, nothing answered")
    if requests == 2:
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
