"""The Control Room's composition root: clock, randomness, keys and storage meet here and nowhere else."""

import os
import platform
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, TypeVar, cast

from carnet import __version__, cli_support, clock, sealed_backup
from carnet.control_room.engine.backup import (
    TRUST,
    Backup,
    header_of,
    open_backup,
    put_back,
    write_backup,
)
from carnet.control_room.engine.engine import Engine
from carnet.control_room.engine.founding import (
    LOCK,
    FindStoredForm,
    Upgrade,
    check_site_name,
    found,
    stored_form,
    upgrade,
    upgrade_of,
)
from carnet.control_room.engine.key_ring import KeyRing
from carnet.control_room.engine.sqlite import DATABASE, SqliteStore, lock_folder
from carnet.control_room.engine.store import Store
from carnet.control_room.ledger.events import AccessNoted, LedgerRestored, PersonAdded, SiteArrived, SiteMoved
from carnet.control_room.ledger.record import SYSTEM
from carnet.control_room.ledger.verify import Evidence, verify
from carnet.control_room.local_api.client import EngineClient, InProcessClient, UnixClient, unrefused
from carnet.control_room.local_api.pages_acts import PagesAct, Told
from carnet.control_room.pages.runtime_config import PAGES
from carnet.control_room.rules.activation.lfr_draft import KEY_SET
from carnet.control_room.rules.granting.people import Access
from carnet.control_room.site_answers import Confirmed, Founded, Moved, Restored, Rewrapped
from carnet.control_room.state.trusted_time import NEVER, Reading
from carnet.entitlements import new_id
from carnet.errors import BusyError, ClockError, TamperedError, UsageError
from carnet.exchange.key_set import Trust
from carnet.exchange.strict import encode
from carnet.exchange.verdicts import Refusal
from carnet.far_ahead import check_named, largest_jump
from carnet.files import remove_parts, scratch_folder
from carnet.merkle import Checkpoint
from carnet.printable import printable
from carnet.sqlite_copies import set_aside
from carnet.vault import Vault

if TYPE_CHECKING:
    from carnet.control_room.cli.serve import Serving
    from carnet.control_room.pages.password_seals import Logins
    from carnet.control_room.pages.runtime_config import RuntimeConfig

T = TypeVar("T")
VERSION = __version__
JUMP_DAYS = "CARNET_ROOM_CLOCK_JUMP_DAYS"  # T5
MOVED = "moved"  # a document that says without the keys that the site moved (L7)
KEY_SET_FILE = "key-set.jws"  # a public copy of the newest key set, for `carnet inspect --data`


@dataclass(frozen=True)
class Site:
    """One Control Room in its folder: what the command line works with."""

    folder: Path
    passphrase_file: Path | None = None
    version: str = field(default=VERSION, kw_only=True)
    largest_jump: timedelta | None = field(default_factory=partial(largest_jump, JUMP_DAYS), kw_only=True)  # T5

    def reading(self) -> Reading:
        return Reading(clock.now(), clock.uptime(), clock.boot_id(), os.getpid())

    def init(self, trust: Trust, name: str, administrator: str, names: Literal["exact", "fold"] = "fold") -> Founded:
        """Set up a Control Room: its identity, its keys, and the first record of its ledger. `names`: G2."""
        telling = check_site_name(name)
        cli_support.private_folder(self.folder)
        if (self.folder / DATABASE).exists():
            raise UsageError(f"There is a Control Room in {self.folder} already.", "Choose another folder.")
        phrase, warning = cli_support.new_passphrase(self.folder, self.passphrase_file, clock.random_bytes)
        vault, lock = Vault.create(phrase, clock.random_bytes)
        beside = self.folder / f".{DATABASE}.part"
        beside.unlink(missing_ok=True)
        ledger_id = new_id(clock.now(), clock.random_bytes)
        with closing(SqliteStore.create(str(beside), ledger_id, self._alone())) as store:
            engine = found(store, vault, lock, trust, name, self.version, self.reading(), clock.random_bytes, names)
            engine.record([PersonAdded(name=administrator, role="administrator")], self.reading(), SYSTEM)
        beside.rename(self.folder / DATABASE)
        cli_support.write_file(self.folder / TRUST, encode(trust), 0o600)
        roots = tuple(trust.roots)
        return Founded(
            ledger_id, name, self.version, str(self.folder), warning, administrator, telling, trust.vendor, roots
        )

    @contextmanager
    def client(self, *, writing: bool = False) -> Iterator[EngineClient]:
        """The running server's, where one runs; else one over the ledger itself, which is locked where it writes."""
        with ExitStack() as stack:
            yield self._running(stack) or self._own(stack, writing=writing)

    def _running(self, stack: ExitStack) -> UnixClient | None:
        client = UnixClient.connect(self.folder)
        return stack.enter_context(closing(client)) if client else None

    def _own(self, stack: ExitStack, *, writing: bool) -> EngineClient:
        try:
            engine = stack.enter_context(self.engine(writing=writing))
        except BusyError:
            started = self._running(stack)  # the lock's holder may be a server that opens its door just now
            if started is None:
                raise
            return started
        return InProcessClient(engine, self.reading, writing=writing)

    @contextmanager
    def engine(self, *, writing: bool = False) -> Iterator[Engine]:
        with self._store(writing=writing) as (store, keys):
            engine = Engine(store, keys, clock.random_bytes, self.version, self.largest_jump)
            if writing:
                upgrade(engine, self.version, self.reading())
            yield engine

    def migrations(self) -> Upgrade:
        """What this release would do first with what lies here, done by nothing but reading it."""
        with ExitStack() as stack:
            running = self._running(stack)
            form = running.ask(FindStoredForm()) if running else stored_form(stack.enter_context(self.engine()))
        return upgrade_of(form, self.version, self._steps_of_pages())

    def _steps_of_pages(self) -> list[str]:
        """What the pages' own database needs, which holds no license; sentences."""
        if not (self.folder / PAGES).exists():
            return []
        return [f"{PAGES}: its tables are brought to this release, where they are of an older one."]

    def serve(self, how: "Serving") -> None:
        """Serve bots, products and people until a signal ends it; the ledger is this process's own as long as that."""
        from carnet.control_room import serving

        tls = (how.certificate, how.private_key) if how.certificate and how.private_key else None
        with self.engine(writing=True) as engine:
            sealed_backup.clear(self.folder)
            engine.restarted(self.reading())
            page_config = self._given(engine.keys, how) if how.pages else None
            limits = (how.connections, how.per_address)
            machine = self._given(engine.keys, None)
            at = serving.At(how.host, how.port, tls, machine, page_config, how.proxies, *limits, how.prefix)
            serving.serve(engine, self.reading, self.folder, at)

    def _given(self, keys: KeyRing, how: "Serving | None") -> "RuntimeConfig":
        """What the pages may know. `how` None: for one command, that serves nothing."""
        from carnet.control_room.pages.runtime_config import RuntimeConfig

        folder = str(self.folder.resolve())
        signing, wrapping, sealing = keys.sessions, keys.derived("second-factors"), keys.derived("passwords")
        if how is None or how.pages is None:
            return RuntimeConfig(folder=folder, signing=signing, wrapping=wrapping, sealing=sealing, server=os.getpid())
        return RuntimeConfig(
            folder=folder,
            signing=signing,
            wrapping=wrapping,
            sealing=sealing,
            server=os.getpid(),
            bind=how.pages,
            hosts=list(how.names),
            https="proxy" if how.behind_proxy else "direct" if how.certificate else "off",
            certificate=str(how.certificate) if how.certificate else None,
            private_key=str(how.private_key) if how.private_key else None,
            passphrase_file=str(self.passphrase_file.resolve()) if self.passphrase_file else None,
            prefix=how.prefix,
            proxies=sorted(how.proxies),
            connections=how.connections,
            per_address=how.per_address,
        )

    def password_link(self, name: str, by: str) -> str | Refusal:
        """The path of the pages at which this person chooses a password, once; that it was given is recorded first."""
        return self._at_pages(PagesAct("link", name, by), str)

    def forget(self, name: str) -> None:
        """What opened this name at the pages until now opens it no more."""
        if (self.folder / PAGES).exists():
            self._at_pages(PagesAct("forget", name), str)

    def unlock(self, name: str) -> None:
        """Wrong passwords and codes of this name are forgotten."""
        self._at_pages(PagesAct("unlock", name), str)

    def tell_factors_removed(self, name: str, by: str) -> str:
        """By mail, where a server is set; what came of it."""
        return unrefused(self._at_pages(PagesAct("tell_factors_removed", name, by), str))

    def key_uses(self) -> dict[str, datetime]:
        from carnet.control_room.engine.key_uses import read_uses

        return read_uses(self.folder)

    def notify(self) -> Told:
        """Sends what is due, by the ways that are set at the pages. Raises UsageError after a move (L7)."""
        self._refuse_where_it_moved()
        return unrefused(self._at_pages(PagesAct("notify"), Told))

    def _at_pages(self, act: PagesAct, answers: type[T]) -> T | Refusal:
        """By the running server, which holds the pages' keys; without one here, where Django is set up for it."""
        with ExitStack() as stack:
            running = self._running(stack)
            if running:
                return running.pages(act, answers)
            client = self._own(stack, writing=act.record is not None)
            decided = client.execute(act.record, act.by) if act.record else None
            if isinstance(decided, Refusal):
                return decided
            self._set_up_pages()
            from carnet.control_room.pages.machine_acts import perform

            return cast("T", perform(act, client))

    def _set_up_pages(self) -> None:
        from carnet.control_room import pages_process

        with self._store(writing=False) as (_, keys):
            pages_process.set_up(self._given(keys, None))

    def check_pages(self) -> "Logins | None":
        """What can be proven of the pages' own database; None where there is none. Raises TamperedError."""
        from carnet.control_room.pages.password_seals import check_logins

        if not (self.folder / PAGES).exists():
            return None
        with self._store(writing=False) as (_, keys):
            return check_logins(self.folder / PAGES, keys.derived("passwords"))

    @contextmanager
    def evidence(self, earlier: Checkpoint | None) -> Iterator[tuple[Evidence, int]]:
        """The stored bytes for `verify`, and how many records there are. No engine is started on them."""
        with self._store(writing=False) as (store, keys):
            yield evidence_of(store, keys.masters, earlier), store.count()

    @contextmanager
    def _store(self, *, writing: bool) -> Iterator[tuple[SqliteStore, KeyRing]]:
        store = SqliteStore.open(self.folder, writing=writing)
        try:
            if not writing:
                store.stand_still()
            yield store, self._keys(store)
        finally:
            store.close()

    def _keys(self, store: SqliteStore) -> KeyRing:
        lock = store.document(LOCK)
        if lock is None:
            raise TamperedError("The lock of the keys is missing.", "Restore a backup.")
        return KeyRing(Vault.open(lock, cli_support.passphrase(self.folder, self.passphrase_file)), store.secret)

    def publish_key_set(self, client: EngineClient) -> None:
        key_set = client.document(KEY_SET)
        if key_set:
            cli_support.write_file(self.folder / KEY_SET_FILE, key_set, 0o600)

    def backup(self, out: Path) -> int:
        """Write a backup, also while a server runs; returns its size in bytes. It takes no lock."""
        with self._store(writing=False) as (store, keys):
            header = header_of(store, keys, self.version, clock.now(), clock.random_bytes)
            return write_backup(store, keys, header, self.folder, PAGES, out, clock.random_bytes)

    def restore(self, backup: Path, today: date | None = None) -> Restored:
        """Put a backup back, whole or not at all. What was here is kept beside it; the ledger records the restore.
        `today`: what a person says, where the clock is far ahead of the backup (T5)."""
        self._refuse_beside_a_server()
        with open_backup(backup, PAGES) as opened:
            opened.check(cli_support.passphrase(self.folder, self.passphrase_file))
            return self._restore(opened, today)

    def _restore(self, backup: Backup, today: date | None) -> Restored:
        with self._laid(backup, today, "restore FILE") as restored:
            self._refuse_where_it_moved()
            before = self._size_before(restored)
            size = restored.mark_restored()
            kept = set_aside(self.folder / DATABASE)
            for name in (DATABASE, TRUST):
                (restored.folder / name).rename(self.folder / name)
            if (restored.folder / PAGES).exists():
                put_back(restored.folder / PAGES, self.folder / PAGES)
        with self.client() as client:
            self.publish_key_set(client)
        return Restored(size, before, str(kept) if kept else "")

    @contextmanager
    def _laid(self, backup: Backup, today: date | None, run: str) -> Iterator["Site"]:
        """The site of a backup in a folder of its own, while nobody else writes here. `run`: what is run again, with
        the date, where the clock is in doubt (T5). Raises ClockError."""
        cli_support.private_folder(self.folder)
        lock = self._alone()
        try:
            with scratch_folder(self.folder, sealed_backup.LAID) as scratch:
                phrase = self.passphrase_file or self.folder / "passphrase"
                laid = replace(self, folder=scratch, passphrase_file=phrase)
                if today:
                    check_named(self.reading().system, today)
                    laid = replace(laid, largest_jump=None)
                backup.lay(laid.folder)
                yield laid
        except ClockError as error:
            raise ClockError(str(error), error.next_step, f"control-room {run} --date YYYY-MM-DD") from error
        finally:
            os.close(lock)

    def _refuse_where_it_moved(self) -> None:
        """L7: a backup put back where the site left from would be a second copy that goes on. It is said without the
        keys, which a ledger that cannot be read must not need: a restore is for it. Raises UsageError."""
        if not (self.folder / DATABASE).exists():
            return
        with closing(SqliteStore.open(self.folder, writing=False)) as store:
            if store.document(MOVED):
                raise UsageError(
                    "This Control Room moved to another machine. This copy of it can only be looked at.",
                    "Restore it there. To undo the move, put its file back here.",
                    "control-room move --from FILE",
                )

    def move_out(self, out: Path, actor: str) -> Moved:
        """L7: write the last record here, then the whole site to `out`. Done again, it writes `out` alone. An empty
        file that is there is of one that was interrupted."""
        with self._for_keys() as engine:
            remove_parts(out)  # of a move that was killed
            cli_support.write_file(out, b"", 0o600)  # where nothing can be written, the site stays
            if not engine.state.moved:
                engine.record([SiteMoved(place=self._place())], self.reading(), actor, {MOVED: b"yes"})
            name, checkpoint = engine.state.name, engine.checkpoint
        return Moved(name, self.backup(out), checkpoint.size, checkpoint.root.hex())

    def move_in(self, file: Path, actor: str, today: date | None = None) -> Moved:
        """L7: take the site that `move_out` wrote, whole or not at all, and go on with it here.

        Raises:
            UsageError: It is a backup and no move; or another ledger lies here, or this site goes on here already.
        """
        self._refuse_beside_a_server()
        with open_backup(file, PAGES) as opened:
            opened.check(cli_support.passphrase(self.folder, self.passphrase_file))
            with self._laid(opened, today, "move --from FILE") as laid:
                self._refuse_another(laid)
                moved = laid.mark_arrived(self._place(), actor, file.stat().st_size)
                (laid.folder / TRUST).rename(self.folder / TRUST)
                if (laid.folder / PAGES).exists():
                    put_back(laid.folder / PAGES, self.folder / PAGES)
                if (self.folder / DATABASE).exists():
                    set_aside(self.folder / DATABASE)
                (laid.folder / DATABASE).rename(self.folder / DATABASE)  # last: from here on it is this site
        with self.client() as client:
            self.publish_key_set(client)
        return moved

    def _place(self) -> str:
        place = f"{platform.node() or 'this machine'}: {self.folder.resolve()}"
        return printable(unicodedata.normalize("NFC", place), 200)

    def _refuse_another(self, laid: "Site") -> None:
        """Only the copy that it left behind may be here: the same records, and not one more. Raises UsageError."""
        if not (self.folder / DATABASE).exists():
            return
        with self.engine() as here, laid.engine() as came:
            same = here.store.ledger_id == came.store.ledger_id and here.checkpoint == came.checkpoint
        if not same:
            raise UsageError(
                f"There is a Control Room in {self.folder} already, and it is not the copy that this one left behind.",
                "Choose an empty folder. If the site goes on here already, nothing is left to do.",
            )

    def mark_arrived(self, place: str, actor: str, size: int) -> Moved:
        """Check a copy that is not yet in its place, and record in it that the site goes on."""
        self._check_holds()
        with self._store(writing=True) as (store, keys):
            engine = Engine(store, keys, clock.random_bytes, self.version, self.largest_jump)
            if not engine.state.moved:
                raise UsageError(
                    "The file is a backup: the site went on where it was made.",
                    "After a loss put it back with: control-room restore. A planned move starts there with: "
                    "control-room move --out FILE",
                )
            arrived = SiteArrived(place=place, nonce=clock.random_bytes(32).hex())
            sessions = keys.new_sessions(clock.random_bytes)
            engine.record([arrived], self.reading(), actor, {MOVED: b""}, sessions)
            upgrade(engine, self.version, self.reading())
            return Moved(engine.state.name, size, engine.checkpoint.size, engine.checkpoint.root.hex())

    def change_passphrase(self, new: Path, actor: str) -> Rewrapped:
        """Let the keys open with the passphrase in `new`, and no longer with the one of before."""
        phrase = cli_support.read_passphrase(new)
        with self._for_keys() as engine:
            lock = engine.keys.relocked(phrase, clock.random_bytes)
            engine.record([_noted(Access.KEYS_RELOCKED)], self.reading(), actor, {LOCK: lock})
            return Rewrapped(max(engine.keys.masters), self._replace_passphrase(new))

    def rewrap(self, new: Path | None, actor: str) -> Rewrapped:
        """Wrap all keys under another key, and encrypt what is written from here on under another master key. `new`: a
        file with another passphrase too."""
        phrase = cli_support.read_passphrase(new) if new else cli_support.passphrase(self.folder, self.passphrase_file)
        with self._for_keys() as engine:
            names = [name.removeprefix("secret:") for name, _ in engine.store.kept() if name.startswith("secret:")]
            lock, boxes = engine.keys.rewrapped(phrase, names, clock.random_bytes)
            number = max(engine.keys.masters) + 1
            noted = _noted(Access.KEYS_REWRAPPED, f"master key {number}")
            engine.record([noted], self.reading(), actor, {LOCK: lock}, boxes)
            return Rewrapped(number, self._replace_passphrase(new) if new else "")

    def confirm_clock(self, today: date, actor: str) -> "Confirmed":
        """T5: `today` is what a person says. Raises UsageError where the machine's clock says another day."""
        reading = self.reading()
        check_named(reading.system, today)
        os.close(self._alone())
        with self._store(writing=True) as (store, keys):
            engine = Engine(store, keys, clock.random_bytes, self.version, self.largest_jump)
            before = engine.now(replace(reading, system=NEVER))
            engine.confirm_clock(reading, actor)
        return Confirmed(reading.system, before)

    @contextmanager
    def _for_keys(self) -> Iterator[Engine]:
        """The engine of a site that no server runs on: its keys are in a server's memory. Raises BusyError."""
        os.close(self._alone())
        with self.engine(writing=True) as engine:
            yield engine

    def _replace_passphrase(self, new: Path) -> str:
        """Where the passphrase lies beside the keys it is replaced there; until then `new` holds it. The file's name,
        or none."""
        beside = self.folder / "passphrase"
        if self.passphrase_file or not beside.exists():
            return ""
        cli_support.write_file(beside, cli_support.read_passphrase(new) + b"\n", 0o600)
        return str(beside)

    def _alone(self) -> int:
        """The folder's lock, for what cannot be done beside a server. Raises BusyError."""
        self._refuse_beside_a_server()
        return lock_folder(self.folder)

    def _refuse_beside_a_server(self) -> None:
        running = UnixClient.connect(self.folder)
        if running:
            running.close()
            raise BusyError(f"A server runs on {self.folder}. Nothing was tried.", "Stop it, then try again.")

    def mark_restored(self) -> int:
        """Check a copy that is not yet in its place, and record in it that it was put back. Its size before that."""
        self._check_holds()
        with self.engine(writing=True) as engine:
            size = engine.checkpoint.size
            restored = LedgerRestored(size=size, nonce=clock.random_bytes(32).hex())
            engine.record([restored], self.reading(), SYSTEM, secrets=engine.keys.new_sessions(clock.random_bytes))
        return size

    def _check_holds(self) -> None:
        with self.evidence(None) as (evidence, _):
            report = verify(evidence)
        if not report.holds:
            raise UsageError(f"The backup does not hold: {report.problems[0]}", "Nothing was moved. Use another one.")

    def _size_before(self, restored: "Site") -> int:
        """How many records are here now; a backup of another Control Room is refused before anything is moved."""
        if not (self.folder / DATABASE).exists():
            return 0
        with closing(SqliteStore.open(self.folder, writing=False)) as old:
            with closing(SqliteStore.open(restored.folder, writing=False)) as new:
                if old.ledger_id != new.ledger_id:
                    raise UsageError("The backup is of another Control Room.", "Restore it into another folder.")
            return old.count()


def _noted(access: Access, about: str | None = None) -> AccessNoted:
    return AccessNoted(what=access, about=about)


def evidence_of(store: Store, masters: Mapping[int, bytes], earlier: Checkpoint | None = None) -> Evidence:
    return Evidence(
        store.ledger_id,
        store.rows(),
        store.data_keys(),
        store.head(),
        store.kept(),
        store.answers(),
        masters,
        earlier,
    )


def main() -> NoReturn:
    from carnet.control_room.cli import app

    cli_support.run(app, Site)
