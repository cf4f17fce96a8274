"""The table “what is found where” of docs/threat-model.md, made by doing each of it to a real ledger. Run as a module
to write it anew; a test compares it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from carnet.control_room.engine.sqlite import DATABASE, SNAPSHOT, SqliteStore
from tests.support import tamper
from tests.support.tamper import TABLES, Found, Seen, Site

PAGE = Path(__file__).parents[2] / "docs" / "threat-model.md"
BEGIN, END = "<!-- found where: made by python -m tests.support.tamper_table -->", "<!-- end of found where -->"
FOUND, PART, ELSEWHERE, HARMLESS, NOWHERE = "found", "in part", "–", "harmless", "not found (L5)"


@dataclass
class Attack:
    title: str
    found: list[Found]
    record: list[int] | None = None  # the record that each changes, where it changes one

    def row(self) -> tuple[str, ...]:
        verify = [bool(each.problems or each.against) for each in self.found]
        start = [bool(each.start) for each in self.found]
        asked = [each for each in self.found if not each.start]
        cells = [_cell(verify), _cell(start), _cell([e.clients for e in asked]), _cell([e.lfr for e in asked])]
        if all(each.harmless for each in self.found):
            cells = [HARMLESS] * 4
        elif not any(each.anywhere for each in self.found):
            cells = [NOWHERE] * 4
        if all(each.against for each in self.found):
            cells[0] = "found (`--against`)"
        return (self.title, *cells)


def _cell(found: list[bool]) -> str:
    if not any(found):
        return ELSEWHERE
    return FOUND if all(found) else PART


class Attacks:
    """All of them, each on a copy of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = tamper.built(folder / "site")
        self.older = self.site.copy("older")
        self.older_seen = self.older.seen(self.older.copy("asked").request())
        self.older_seen = Seen(self.older_seen.token, self._calm())
        self.site.use(20, "later")
        self.seen = self.site.seen(self._calm())
        self.good = self.site.run(lambda engine: engine.state)
        self._count = 0

    def _calm(self) -> tamper.Checkpoint:
        """What CALM saw last: the second LFR, which both copies know."""
        with closing(SqliteStore.open(self.older.folder, writing=False)) as store:
            return tamper.checkpoint_of(store.document(tamper.REQUEST) or b"").checkpoint

    def all(self) -> Iterator[Attack]:
        yield from self._bytes()
        yield from self._rows()
        yield from self._copies()

    def _try(self, act: tamper.Act, seen: Seen | None = None, base: Site | None = None) -> Found:
        self._count += 1
        site = (base or self.site).copy(f"try-{self._count}")
        act(site)
        found = tamper.look(site, seen or self.seen, self.good)
        shutil.rmtree(site.folder)
        return found

    def _bytes(self) -> Iterator[Attack]:
        for table, columns in TABLES.items():
            for column in columns:
                acts = list(tamper.changes(self.site, table, column))
                numbers = [number for number, _ in acts] if table == "record" else None
                yield Attack(f"a byte of `{table}.{column}` changed", [self._try(act) for _, act in acts], numbers)
        yield Attack(
            "a byte of the snapshot changed, or all of it", [self._try(a) for a in tamper.snapshots(self.site)]
        )

    def _rows(self) -> Iterator[Attack]:
        for table in TABLES:
            for what, acts in tamper.rows_moved(self.site, table).items():
                yield Attack(f"a row of `{table}` {what}", [self._try(act) for act in acts])
            yield Attack(f"the table `{table}` dropped", [self._try(lambda site, t=table: site.sql(f"DROP TABLE {t}"))])

    def _copies(self) -> Iterator[Attack]:
        """Older and other copies, by who saw more than they hold."""
        older, seen, site = self.older, self.older_seen, self.site
        further = site.copy("further")
        calm = further.request()

        def still(_: Site) -> None:
            """Put back as it is."""

        def goes_on(copy: Site) -> None:
            copy.use(45, "again")

        def case(title: str, who: Seen, act: tamper.Act, base: Site = older) -> Attack:
            found = self._try(act, who, base)
            found.same = False  # an older one is never harmless
            return Attack(title, [found])

        written = tamper.against(seen, calm)
        yield Attack("an older snapshot put back", [self._try(tamper.snapshot((older.folder / SNAPSHOT).read_bytes()))])
        yield case("an older copy put back; nobody saw more", seen, still)
        yield case("the same, and it goes on", seen, goes_on)
        yield case("an older copy put back; clients saw more", Seen(self.seen.token, seen.calm), still)
        yield case("the same, and it goes on", Seen(self.seen.token, seen.calm), goes_on)
        yield case("an older copy put back; CALM saw more", Seen(seen.token, calm), still)
        yield case("the same, and it goes on", Seen(seen.token, calm), goes_on)
        yield case("an older copy put back; a later checkpoint was written down", written, still)
        yield case("the same, and it goes on", written, goes_on)
        yield case("the write-ahead log cut off or altered; clients saw more", *self._log())
        one, two = site.copy("one"), site.copy("two")
        one.use(9, "one")
        first = one.seen(one.request())
        yield case("two copies side by side; clients or CALM hear both", first, lambda copy: copy.use(15, "two"), two)
        yield case("two copies side by side; nobody hears both", self.seen, lambda copy: copy.use(15, "two"), two)

    def _log(self) -> tuple[Seen, tamper.Act, Site]:
        """A machine that lost power: its newest commits are in the write-ahead log alone."""
        running, stopped = self.older.copy("running"), self.folder / "stopped"

        def work(engine: object) -> Seen:
            for number in range(5):
                command = tamper.QueuedCommand(tamper.ConsumeUnits(tamper.PAGES, 1), "bot", f"w-{number}")
            engine.execute_all([command], reading)  # type: ignore[attr-defined]
            shutil.copytree(running.folder, stopped)
            return Seen(engine.seen.token(engine.checkpoint), self.older_seen.calm)  # type: ignore[attr-defined]

        reading = self.site.room.reading
        seen = running.run(work)
        log = stopped / f"{DATABASE}-wal"
        assert log.stat().st_size > 0

        def alter(site: Site) -> None:
            file = site.folder / log.name
            data = file.read_bytes()
            file.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
            (site.folder / f"{DATABASE}-shm").unlink(missing_ok=True)

        return seen, alter, Site(stopped, self.site.room)


def attacks() -> list[Attack]:
    """On a disk of memory where there is one: a thousand commits are waited for."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        return list(Attacks(Path(folder)).all())


def table(found: list[Attack]) -> str:
    lines = ["| what is done | `ledger verify` | the next start | clients | the next LFR |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(attack.row())} |" for attack in found]
    return "\n".join([BEGIN, *lines, END])


def page(found: list[Attack]) -> str:
    text = PAGE.read_text()
    start, end = text.index(BEGIN), text.index(END) + len(END)
    return text[:start] + table(found) + text[end:]


if __name__ == "__main__":
    PAGE.write_text(page(attacks()))
    print(f"{PAGE.name} written")
