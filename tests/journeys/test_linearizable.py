"""G1-G6, Q1-Q5, E8, E10: random concurrent histories of all commands, through the real writer on a real SQLite file,
are linearizable: there is one order of them, the ledger's, in which a sequential reference gives exactly their answers,
and it respects real time. In the middle time passes, clocks jump, license files change the lines, and the process ends.

Some in each run, more than a thousand in `make test-deep`.
"""

import shutil
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from carnet.control_room.engine import idempotency_index
from carnet.control_room.engine.sqlite import DATABASE
from tests.support import depth
from tests.support.cast import MONDAY
from tests.support.concurrent import Base, History, found_base

pytestmark = pytest.mark.histories

HISTORIES = depth.times(40, 1250)
USERS, SEATS, PAGES, FEATURE = "bot-creator", "unattended-bot-runner", "document-pages", "automator-ai"
METRICS = {USERS: "named_user", SEATS: "concurrent", PAGES: "consumable", FEATURE: "feature"}
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SCOPES = {
    "bot": (("take", "assign"), None),
    "seats": (("take",), [SEATS]),
    "pages": (("take",), [PAGES]),
    "people": (("assign",), [USERS]),
}
REACHED = {
    *("granted", "exhausted", "locked", "expired", "not_granted", "not_covered", "unknown_lease", "busy"),
    *("unknown_reservation", "idempotency_conflict", "malformed", "not_permitted", "unauthenticated"),
    *("does_not_fit", "superseded", "window_closed", "already_used"),
    *("assign", "unassign", "acquire", "renew", "release", "consume", "reserve", "settle", "cancel"),
    *("user check", "feature check", "install", "request"),
}


def line(number, sku, quantity, until, since=MONDAY, overage=0, grace=0, monthly=False):
    line_id = f"00000000-0000-7000-8000-0000000000{number:02d}"
    fields = {"id": line_id, "sku": sku, "metric": METRICS[sku], "quantity": quantity}
    return fields | {"since": since, "until": until, "overage": overage, "grace": grace, "monthly": monthly}


YEAR = MONDAY + 365 * DAY
SOON, LATER = MONDAY + 3 * DAY, MONDAY + 9 * DAY
FIRST = [
    line(1, USERS, 2, YEAR),
    line(2, USERS, 1, SOON),
    line(3, SEATS, 2, YEAR),
    line(4, SEATS, 1, MONDAY + 2 * HOUR),
    line(5, PAGES, 12, SOON, overage=25, grace=2),
    line(6, PAGES, 15, YEAR, overage=10, monthly=True),
    line(8, FEATURE, 1, LATER),
]


def other_lines(some):
    """A new license: lines raised, lowered, ended, left out, or followed by others."""
    year = some.choice([YEAR, YEAR, YEAR, LATER, MONDAY + 2 * DAY, MONDAY + DAY])
    lines = [
        line(3, SEATS, some.randint(0, 4), year),
        line(6, PAGES, some.randint(1, 30), year, overage=10, monthly=True),
    ]
    if some.random() < 0.8:
        lines.append(line(1, USERS, some.randint(0, 4), year))
    if some.random() < 0.5:
        lines.append(line(5, PAGES, some.randint(0, 20), SOON, overage=25, grace=2))
        lines.append(line(7, PAGES, some.randint(1, 9), max(year, LATER), since=SOON))
    if some.random() < 0.5:
        lines.append(line(9, SEATS, some.randint(0, 4), MONDAY + some.randint(1, 90) * HOUR, grace=1))
    if some.random() < 0.5:
        lines.append(line(8, FEATURE, 1, LATER))
    return lines


WHO = [*["anna"] * 4, *["bert"] * 2, *["bot"] * 5, "seats", "pages", "people"]
KEYS = [None, None, None, "k-1", "k-2", "k-3"]
TTLS = [600, 600, 7200, 86_400, 60, 5, 4]
NUMBERS, NAMES = [0, 0, 0, 1, 1, 2, 9], ["u-1", "u-2", "u-3", "u-4", "u-1", "u-2", "u-3", "u-4", ""]
UNITS = [1, 2, 2, 3, 5, 8, 20, 0]
ANY = [USERS, SEATS, PAGES, FEATURE, "unheard-of"]
ORDERS = {
    "assign": lambda some: (sku(some, USERS), some.choice(NAMES)),
    "unassign": lambda some: (sku(some, USERS), some.choice(NAMES)),
    "acquire": lambda some: (sku(some, SEATS), some.choice(NAMES), some.choice(TTLS)),
    "renew": lambda some: (some.choice(NUMBERS),),
    "release": lambda some: (some.choice(NUMBERS),),
    "consume": lambda some: (sku(some, PAGES), some.choice(UNITS)),
    "reserve": lambda some: (sku(some, PAGES), some.choice(UNITS), some.choice(TTLS)),
    "settle": lambda some: (some.choice(NUMBERS), some.choice(UNITS)),
    "cancel": lambda some: (some.choice(NUMBERS),),
}
STEPS = {  # how often, and how each is made
    "order": (100, lambda some: order(some, some.choices([*ORDERS], [7, 1, 6, 2, 2, 4, 4, 3, 1])[0])),
    "turn": (45, lambda some: (some.choice([1, 1, 2, 2, 3, 5]),)),
    "again": (12, lambda some: (some.choice(WHO),)),
    "ask": (16, lambda some: (some.choice([*ANY, USERS, USERS, USERS]), some.choice(NAMES))),
    "pass": (14, lambda some: (some.choice([1, 5, 59, 60, 600, 600, 3600, 7200, 86_400, 3 * 86_400, 7 * 86_400]),)),
    "set_clock": (2, lambda some: (some.choice([-7200, -600, -61, 61, 3600, 86_400]),)),
    "exchange": (12, lambda some: exchange(some)),
    "goes_away": (2, lambda some: (some.choice(WHO),)),
    "snapshot": (2, lambda some: ()),
    "restart": (3, lambda some: (some.choice(["stop", "kill", "reboot"]),)),
}


def sku(some, usual):
    return usual if some.random() < 0.9 else some.choice(ANY)


def order(some, name):
    return some.choice(WHO), name, ORDERS[name](some), some.choice(KEYS)


def exchange(some):
    what = some.choices(["request", "install", "repeat", "revoke"], [6, 6, 1, 1])[0]
    if what == "revoke":
        return what, (some.choice(["bot", "seats", "seats", "seats"]),)
    return ("request",) if what == "request" else ("install", (other_lines(some) if what == "install" else [],))


def history(some):
    names, weights = [*STEPS], [weight for weight, _ in STEPS.values()]
    return [(name, *STEPS[name][1](some)) for name in some.choices(names, weights, k=some.randint(20, 120))]


@pytest.fixture
def in_memory():
    """A folder on a disk of memory where there is one: ten thousand commits are waited for."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.mark.rule("G1", "G2", "G4", "G5", "G6", "Q1", "Q2", "Q4", "Q5", "E8", "E10", "A1", "T1")
def test_concurrent_histories_are_linearizable(in_memory, monkeypatch):
    base, reached = found_base(in_memory / "base", FIRST, SCOPES), Counter()

    @seed(depth.seed_number())
    @settings(
        max_examples=HISTORIES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=True))
    def run(some):
        steps, waiting, few = history(some), some.choice([4, 100]), some.choice([2, 20_000])
        monkeypatch.setattr(idempotency_index, "IN_MEMORY", few)
        monkeypatch.setattr(idempotency_index, "READ_AGAIN", 4 * few)
        wrong = play(base, in_memory, steps, waiting, reached)
        assert not wrong, "\n".join(map(str, [*shortest(base, in_memory, steps, waiting), *wrong]))

    run()

    assert set(reached) >= REACHED or HISTORIES < 200, REACHED - set(reached)


def play(base: Base, folder, steps, waiting, reached):
    """What went wrong in this history."""
    site = folder / "site"
    site.mkdir()
    shutil.copy(base.folder / DATABASE, site)
    history = History(base, site, SCOPES, waiting=waiting)
    try:
        history.play(steps)
    finally:
        shutil.rmtree(site)
    reached.update(+history.reached)
    return history.wrong


def shortest(base, folder, steps, waiting):
    """A shorter history that goes wrong too: each step is left out in turn, where it does not matter."""
    for at in reversed(range(len(steps))):
        fewer = steps[:at] + steps[at + 1 :]
        if play(base, folder, fewer, waiting, Counter()):
            steps = fewer
    return steps
