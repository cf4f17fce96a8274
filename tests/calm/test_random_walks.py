"""H1, Q3, L2 and the refusals, whatever the order of things: three sites, real files, thousands of steps."""

from random import Random

import pytest

from carnet.calm.queries.control_rooms import show_room
from carnet.calm.queries.log_queries import verify_log
from carnet.calm.use_cases import proposals, purchases, receipts
from carnet.errors import UsageError
from carnet.exchange.receipt import read_receipt
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import DAY, HOUR, OMAR, World
from tests.support import depth
from tests.support.site_simulator import Site

pytestmark = pytest.mark.slow

SITES = ("north", "south", "west")
# what no file of a site says that was never restored, however late it comes
ACCUSING = {
    "history_mismatch",
    "history_not_shown",
    "totals_fell",
    "unknown_license_file",
    "unknown_signer",
    "bad_signature",
}


class Walk:
    """Honest sites that lose files, restore backups and release; operators who accept what must be accepted."""

    def __init__(self, world: World, seed: int, *, backups: bool) -> None:
        self.world, self.dice = world, Random(seed)
        self.acts = [self.cycle] * 5 + [self.use] * 4 + [self.again] * 3 + [self.release, self.wait]
        self.files: dict[str, list[bytes]] = {name: [] for name in SITES}  # LFRs and receipts, the newest last
        self.restored: set[str] = set()
        self.acts += [self.restore, self.backup] if backups else []
        self.sites = {name: world.site(name) for name in SITES}
        self.backups: dict[str, list[Site]] = {name: [site.fork()] for name, site in self.sites.items()}
        self.excess_allowed = False  # H1: only an accepted history shows one

    def step(self) -> None:
        name = self.dice.choice(SITES)
        self.dice.choice(self.acts)(name)

    def backup(self, name: str) -> None:
        self.backups[name].append(self.sites[name].fork())

    def use(self, name: str) -> None:
        site = self.sites[name]
        for line in [line for line in site.lines.values() if line.line_id in site.granted]:
            if line.sku == "document-pages" and line.in_force(self.world.now):
                used = sum(site.consumed.get(where, 0) for where in site.consumed if where[0] == line.line_id)
                room = site.granted[line.line_id] - used
                if room > 0:
                    site.use(line.sku, consume=self.dice.randint(1, room), now=self.world.now)

    def wait(self, name: str) -> None:
        self.world.now += self.dice.choice([HOUR, DAY, 5 * DAY])

    def release(self, name: str) -> None:
        site = self.sites[name]
        if site.token and site.installed:
            raw = site.request(self.world.now, "release")
            if self.dice.random() < 0.8:
                self.send(name, raw)
            else:
                self.files[name].append(raw)
            site.install_token(self.world.token())

    def again(self, name: str) -> None:
        """Files that were lost, or carried already, are carried now, in any order (E6, E15, L2)."""
        files = self.files[name]
        for raw in self.dice.sample(files, min(4, len(files))):
            if isinstance(read_receipt(raw), Refusal):
                answer: object = self.world.upload(raw, name)
            else:
                answer = receipts.accept_receipt(self.world.calm, raw=raw, **self.world.act)
            if isinstance(answer, Refusal) and name not in self.restored:
                assert answer.code not in ACCUSING, answer

    def restore(self, name: str) -> None:
        """A backup comes back; it asks so that CALM sees the break."""
        self.restored.add(name)
        self.sites[name] = self.dice.choice(self.backups[name]).fork()
        self.cycle(name)

    def send(self, name: str, raw: bytes) -> str | None:
        """What an honest operator does about each refusal; the request that can be answered."""
        site, world = self.sites[name], self.world
        self.files[name].append(raw)
        answer = world.upload(raw, name)
        if not isinstance(answer, Refusal):
            return answer.lfr
        if answer.code == "history_not_shown":
            seen = show_room(site.id, now=world.now).checkpoint_size
            kind = "release" if site.state == "released" else "change"
            answer = world.upload(site.request(world.now, kind, since=seen), name)
            if not isinstance(answer, Refusal):
                return answer.lfr
        if answer.code == "history_mismatch":
            self.excess_allowed = True
            proposed = proposals.propose_accept_history(
                world.calm, control_room=site.id, reason="a backup", **world.act
            )
            if isinstance(proposed, Refusal):
                assert proposed.code == "nothing_to_accept"
                return self.start_again(name)
            done = proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OMAR)
            return done.lfr if not isinstance(done, Refusal) else self.start_again(name)
        assert answer.code in ("superseded", "totals_fell"), answer
        return self.start_again(name)

    def start_again(self, name: str) -> None:
        """E11: the way back that is always open."""
        self.sites[name].install_token(self.world.token())

    def cycle(self, name: str) -> None:
        site, world = self.sites[name], self.world
        raw = site.request(world.now, new_keys=self.dice.random() < 0.2)
        if self.dice.random() < 0.1:  # it is lost, and found again some day
            self.files[name].append(raw)
            return
        request = self.send(name, raw)
        if request is None or self.dice.random() < 0.2:
            return
        wanted = {"bot-creator": self.dice.randint(1, 8), "document-pages": self.dice.randint(1, 900)}
        issued = world.issue(request, products=wanted)
        if isinstance(issued, Refusal):
            assert issued.code in ("over_entitlement", "below_use", "cannot_be_installed"), issued
            return
        if self.dice.random() < 0.8:
            receipt = site.install(issued.raw, world.now)  # type: ignore[arg-type]
            self.files[name].append(receipt)
            if self.dice.random() < 0.5:
                receipts.accept_receipt(world.calm, raw=receipt, **world.act)


@pytest.mark.rule("H1", "H4", "Q3", "L2", "E11")
@pytest.mark.parametrize("backups", [False, True])
@pytest.mark.parametrize("seed", range(depth.times(1, 100)))
def test_never_more_than_was_bought_and_never_a_total_that_falls(world: World, seed: int, backups: bool) -> None:
    world.buy("bot-creator", 12)
    world.buy("document-pages", 1000)
    walk = Walk(world, depth.seed_number() + seed, backups=backups)
    totals: dict[object, int] = {}
    for _ in range(60):
        walk.step()
        for bought in purchases.list_purchases(now=world.now):
            assert bought.excess == 0 or walk.excess_allowed
        for site in walk.sites.values():
            try:
                rows = show_room(site.id, now=world.now).counted
            except UsageError:  # not known to CALM yet
                continue
            for row in rows:
                key = (row.line_id, row.period_start)
                assert row.consumed >= totals.get(key, 0)
                totals[key] = row.consumed
    assert verify_log(world.calm).holds
