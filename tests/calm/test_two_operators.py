"""H1 under concurrency, on both databases: operators in processes and in threads, all at once, and the last units."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from threading import Barrier
from typing import Any, TypeVar

import pytest
from django.db import connections

from carnet.calm.control_rooms.models import LicenseFile
from carnet.calm.issuing_log.head import FileHead, LogHead
from carnet.calm.issuing_log.models import LogEntry
from carnet.calm.queries.log_queries import log_size, verify_log
from carnet.calm.signing.keyring import Keyring
from carnet.calm.use_cases import purchases, receipts
from carnet.calm.use_cases.license_files import issue_license_file
from carnet.calm.use_cases.selection import Selection
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import OLGA, OMAR, World, ok
from tests.support import databases
from tests.support.site_simulator import Site

pytestmark = pytest.mark.server

T = TypeVar("T")

OPERATOR = """
import sys, pathlib, time
import django; django.setup()
from carnet.calm.use_cases.selection import Selection
from carnet.calm.use_cases.context import Calm
from carnet.calm.use_cases.license_files import issue_license_file
from carnet.calm.issuing_log.head import FileHead
from carnet.calm.signing.keyring import FileKeyring
from carnet.exchange.verdicts import Refusal
from carnet.vault import Vault
from tests.calm.conftest import NOW
from random import Random

folder, request, name = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
lock = (folder / "lock").read_bytes()
keys = FileKeyring(folder / "keys", lambda: Vault.open(lock, b"correct horse"))
calm = Calm(keys, Random(name).randbytes, FileHead(folder / "head"))
(folder / f"ready-{name}").touch()
while len(list(folder.glob("ready-*"))) < 2:
    pass
answer = issue_license_file(calm, lfr_id=request, asked=Selection(products={"bot-creator": 6}), now=NOW, by=name)
print(answer.code.value if isinstance(answer, Refusal) else "issued")
"""

SET_UP = """
import sys, pathlib
import django; django.setup()
from django.core.management import call_command; call_command("migrate", verbosity=0)
from carnet.calm.issuing_log.head import FileHead
from carnet.calm.signing.keyring import FileKeyring
from carnet.vault import Vault
from tests.calm.conftest import World

folder = pathlib.Path(sys.argv[1])
class OnDisk(World):
    def open(self):
        vault, lock = Vault.create(b"correct horse", self.random)
        (folder / "lock").write_bytes(lock)
        return FileKeyring(folder / "keys", lambda: vault), FileHead(folder / "head")
world = OnDisk()
world.buy("bot-creator", 10)
for guid in ("north", "south"):
    print(world.accept(world.site(guid).request(world.now), guid).lfr)
"""


def run(folder: Path, url: str | None, script: str, *arguments: str) -> "subprocess.Popen[str]":
    places = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    places |= {"CARNET_CALM_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "carnet.calm.settings"}
    places |= {"DATABASE_URL": url} if url else {}
    command = [sys.executable, "-c", script, str(folder), *arguments]
    return subprocess.Popen(command, env=places, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)


@pytest.mark.rule("H1", "over_entitlement")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_operators_who_issue_the_last_units_at_once_one_wins(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres").create("two_processes") if kind == "postgresql" else None
    requests = run(tmp_path, url, SET_UP).communicate()[0].split()
    operators = [
        run(tmp_path, url, OPERATOR, request, name) for request, name in zip(requests, ("olga", "omar"), strict=True)
    ]
    answers = sorted(operator.communicate(timeout=60)[0].strip() for operator in operators)
    assert answers == ["issued", "over_entitlement"]


class Rush(World):
    """CALM on a database of its own, with its head in a file, and many threads that act at once, as a server's do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__()

    def open(self) -> tuple[Keyring, LogHead]:
        return super().open()[0], FileHead(self.folder / "head")

    def at_once(self, works: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """What each came to, all begun at one moment, each in a thread with a connection of its own."""
        barrier = Barrier(len(works))

        def run_one(work: Callable[[], T]) -> T | Exception:
            try:
                barrier.wait(30)
                return work()
            except Exception as error:
                return error
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(works)) as pool:
            return list(pool.map(run_one, works))

    def issue_as(self, name: str, request: str, **products: int) -> str:
        asked = Selection(products={sku.replace("_", "-"): quantity for sku, quantity in products.items()})
        answer = issue_license_file(self.calm, lfr_id=request, asked=asked, now=self.now, by=name)
        return answer.code.value if isinstance(answer, Refusal) else "issued"

    def check(self, acts: int) -> None:
        """Nothing was lost: the log has no gap, proves every file, and its head is the newest."""
        indices = list(LogEntry.objects.order_by("index").values_list("index", flat=True))
        assert indices == list(range(acts))
        verified = verify_log(self.calm)
        assert verified.holds, verified.problems
        head = self.calm.head.read()
        assert head is not None
        assert (head.size, head.root) == (verified.size, verified.root)


@pytest.fixture(params=["sqlite", "postgresql"])
def rush(request: pytest.FixtureRequest, tmp_path: Path, django_db_blocker: Any) -> Iterator[Rush]:
    with django_db_blocker.unblock():
        if request.param == "sqlite":
            settings = databases.make_file(str(tmp_path))
        else:
            settings = databases.make(request.getfixturevalue("postgres"), f"rush_{request.node.originalname[-20:]}")
        with databases.used(settings):
            yield Rush(tmp_path)


@pytest.mark.rule("H1", "H3", "V1", "over_entitlement")
def test_threads_of_one_server_that_issue_the_last_units_at_once_one_wins(rush: Rush) -> None:
    for number in range(6):
        purchase = rush.buy("bot-creator", 10)
        requests = {}
        for name in (OLGA, OMAR):
            guid = f"{name}-{number}"
            requests[name] = rush.accept(rush.site(guid).request(rush.now), guid).lfr
        before = log_size()
        answers = rush.at_once([partial(rush.issue_as, n, r, bot_creator=6) for n, r in requests.items()])
        assert sorted(map(str, answers)) == ["issued", "over_entitlement"]
        shown = {each.purchase: each for each in purchases.list_purchases(now=rush.now)}[purchase]
        assert (shown.held, shown.available) == (6, 4)
        rush.check(before + 2)  # also the one refused is a record
        for guid in (f"{OLGA}-{number}", f"{OMAR}-{number}"):  # what is left does not serve the next round
            if left := rush.available(guid).get("bot-creator"):
                rush.license(rush.site(f"{guid}-rest"), f"{guid}-rest", products={"bot-creator": left})


SEATS, BOUGHT, THREADS, CYCLES = "unattended-bot-runner", 40, 8, 4


@pytest.mark.rule("H1", "H2", "H3", "V1")
def test_eight_threads_never_hold_more_than_was_bought(rush: Rush) -> None:
    """Whole cycles side by side, of any size: some installed and confirmed, some lost on the way; and one who looks."""
    rush.buy(SEATS, BOUGHT)
    sites = {f"site-{number}": rush.site(f"site-{number}") for number in range(THREADS)}
    start, working = log_size(), set(sites)

    def cycles(guid: str, site: Site) -> Counter[str]:
        chance, done = Random(guid), Counter[str]()
        try:
            for _ in range(CYCLES):
                accepted = rush.accept(site.request(rush.now), guid)
                answer = rush.issue(accepted.lfr, products={SEATS: chance.randint(1, BOUGHT // 3)})
                done[answer.code.value if isinstance(answer, Refusal) else "issued"] += 1
                done["acts"] += 2
                if not isinstance(answer, Refusal) and answer.raw and chance.random() < 0.7:
                    receipt = site.install(answer.raw, rush.now)
                    ok(receipts.accept_receipt(rush.calm, raw=receipt, **rush.act))
                    done["acts"] += 1
        finally:
            working.discard(guid)
        return done

    def look() -> Counter[str]:
        looks = Counter[str]()
        while working:
            (shown,) = purchases.list_purchases(now=rush.now)
            assert shown.held <= BOUGHT
            looks[str(shown.held)] += 1
        return looks

    *done, looks = rush.at_once([*(partial(cycles, guid, site) for guid, site in sites.items()), look])
    assert not [error for error in (*done, looks) if isinstance(error, Exception)], done
    total = sum((each for each in done if isinstance(each, Counter)), Counter[str]())
    assert set(total) == {"issued", "over_entitlement", "acts"}  # both happened, and nothing else
    rush.check(start + total["acts"])
    assert LicenseFile.objects.count() == total["issued"]
    (shown,) = purchases.list_purchases(now=rush.now)
    assert shown.held == sum(rush.held(guid).get(SEATS, 0) for guid in sites) <= BOUGHT
