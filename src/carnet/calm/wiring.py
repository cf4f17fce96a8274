"""CALM's composition root: settings, clock, keys and stores meet here and nowhere else. Django is set up only when a
command needs it, so that `--help` answers at once."""

import gc
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from carnet import cli_support, clock
from carnet.calm import database_url
from carnet.calm.address import FIRST, Serving
from carnet.far_ahead import largest_jump
from carnet.files import scratch_folder

if TYPE_CHECKING:
    from carnet.calm.notices.sending import NoticesSent
    from carnet.calm.signing.vaults import Vaults
    from carnet.calm.use_cases.context import Calm, Uploads
    from carnet.errors import CarnetError

HEAD = "issuing-log.head"
KEY_SET = "key-set.jws"  # a public copy of the newest key set, for `carnet inspect --data`
TRUST = "trust.json"
JUMP_DAYS = "CARNET_CALM_CLOCK_JUMP_DAYS"  # T5
SIGNING = "web.secret"  # what the portal signs sessions and links with
DEFAULT_VENDOR = "Carnet"
COMMANDS = "carnet.calm.settings"  # what commands need of Django: the rows alone


@dataclass(frozen=True)
class Founded:
    data: str
    vendor: str
    key_set: int
    roots: tuple[str, ...]
    products: int
    warning: str


@dataclass(frozen=True)
class BackedUp:
    file: str
    bytes: int
    records: int  # of the issuing log, where the rows are in it
    has_rows: bool


@dataclass(frozen=True)
class Restored:
    records: int  # of the issuing log, in the backup
    made_at: datetime
    kept: str  # the database that was here, or none
    has_rows: bool
    goes_on: bool  # nothing was recorded since: no act has to be stated (L6)


@dataclass(frozen=True)
class Vendor:
    """CALM in its folder: what the command line works with."""

    folder: Path
    passphrase_file: Path | None = None
    settings: str = COMMANDS
    largest_jump: timedelta | None = field(default_factory=partial(largest_jump, JUMP_DAYS), kw_only=True)  # T5

    def for_portal(self) -> "Vendor":
        """The same, with what the portal needs of Django beside the rows: people, sessions, pages."""
        return replace(self, settings="carnet.calm.portal.settings")

    def now(self) -> datetime:
        return clock.now()

    def init(self, catalogue: bytes | None, vendor: str, by: str) -> Founded:
        """Set CALM up: its database, keys, key set 1 and catalogue."""
        from carnet.errors import NotSetUpError

        if self._is_set_up:
            raise NotSetUpError(f"CALM is set up in {self.folder} already.", "Choose another folder with --data.")
        catalogue = _shipped_catalogue() if catalogue is None else catalogue
        _check_catalogue(catalogue)
        database_url.settings(None)  # an address that is none: said before anything is made
        cli_support.private_folder(self.folder)
        self._new_signing_secret()
        self.for_portal().make_tables()
        try:
            return self._found(catalogue, vendor, by)
        except BaseException:
            shutil.rmtree(self._keys, ignore_errors=True)  # keys of no CALM: the folder is free for another try
            raise

    def make_tables(self) -> None:
        """In a database that holds no CALM yet. Raises NotSetUpError."""
        from carnet.errors import NotSetUpError

        self._set_up_django()
        from django.core.management import call_command

        from carnet.calm.use_cases.models import IssuedKeySet

        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        for path in self.folder.glob(f"{database_url.FILE}*"):
            path.chmod(0o600)
        if IssuedKeySet.objects.exists():
            raise NotSetUpError(
                "The database holds a CALM already, and its keys are not in this folder.",
                "Bring the folder that it was set up in, or choose another database.",
            )

    def _found(self, catalogue: bytes, vendor: str, by: str) -> Founded:
        from carnet.calm.signing.vaults import Vaults, create_locks
        from carnet.calm.use_cases.bootstrap import set_up
        from carnet.vault import Vault

        phrase, warning = cli_support.new_passphrase(self.folder, self.passphrase_file, clock.random_bytes)
        vault, lock = Vault.create(phrase, clock.random_bytes)
        for folder in (self._keys, self._keys / "roots"):
            cli_support.private_folder(folder)
        create_locks(self._keys, lock)
        calm = self._calm(lambda: Vaults(vault))
        answer = set_up(calm, catalogue=catalogue, now=self.now(), by=by)
        self._write_trust(vendor)
        self._publish()
        made = answer.key_set
        return Founded(str(self.folder), vendor, made.version, made.roots, answer.products, warning)

    def calm(self) -> "Calm":
        """CALM, ready for use cases. Raises NotSetUpError where there is none."""
        from carnet.errors import NotSetUpError

        if not self._is_set_up:
            raise NotSetUpError(f"CALM is not set up in {self.folder}.", "Run: calm init --data DIR")
        if not os.environ.get(database_url.VARIABLE) and not (self.folder / database_url.FILE).exists():
            raise NotSetUpError(
                f"{self.folder} holds CALM's keys, and no database.",
                f"Set {database_url.VARIABLE} as it was at set-up, or put {database_url.FILE} back.",
            )
        cli_support.private_folder(self.folder)
        self._set_up_django()
        return self._calm(self._open_vaults)

    def _open_vaults(self) -> "Vaults":
        from carnet.calm.signing.vaults import open_vaults  # only where a key is needed

        return open_vaults(self._keys, self._passphrase())

    def _passphrase(self) -> bytes:
        return cli_support.passphrase(self.folder, self.passphrase_file)

    def change_passphrase(self, new: Path, by: str) -> str:
        """Let the keys open with the passphrase in `new`, and no longer with the one of before. The file in the data
        folder that was replaced, or none."""
        calm, phrase = self.calm(), cli_support.read_passphrase(new)
        from carnet.calm.signing.vaults import change_passphrase
        from carnet.calm.use_cases.stored_secrets import note_passphrase

        change_passphrase(self._keys, self._passphrase(), phrase, clock.random_bytes)
        note_passphrase(calm, now=self.now(), by=by)
        beside = self.folder / "passphrase"
        if self.passphrase_file or not beside.exists():
            return ""
        cli_support.write_file(beside, phrase + b"\n", 0o600)
        return str(beside)

    def rewrap(self, by: str) -> int:
        """Wrap all keys and stored secrets under another key; how many. One that was interrupted goes on."""
        calm = self.for_portal().calm()
        from carnet.calm.signing.keyring import FileKeyring
        from carnet.calm.signing.vaults import alone_with, begin_change, end_change
        from carnet.calm.use_cases.stored_secrets import check_keys, rewrap_secrets

        check_keys(self._keys)
        with alone_with(self._keys):
            vaults = begin_change(self._keys, self._passphrase(), clock.random_bytes)
            keys = FileKeyring(self._keys, lambda: vaults)
            changed = keys.rewrap(clock.random_bytes)
            changed += rewrap_secrets(replace(calm, keys=keys), now=self.now(), by=by)
            self._new_signing_secret()  # who had the folder could sign a link to a password with the old one
            end_change(self._keys)
        return changed

    def backup(self, out: Path) -> "BackedUp":
        """Write a backup, also while a server runs. Raises UsageError where `out` is there."""
        calm = self.calm()
        from carnet import __version__
        from carnet.calm import backup
        from carnet.calm.issuing_log import log

        is_file = not os.environ.get(database_url.VARIABLE)
        secret = clock.random_bytes(backup.SIZE)
        wrapped = calm.keys.wrap(backup.NAME, secret, clock.random_bytes)
        records = log.size() if is_file else 0
        salt = clock.random_bytes(backup.SIZE)
        about = (self.vendor(), __version__, self.now(), records, self._keys, secret, wrapped, salt)
        header, aead = backup.new_header(*about)
        database = database_url.FILE if is_file else None
        size = backup.write_backup(self.folder, out, header, aead, database, [TRUST, KEY_SET], clock.random_bytes)
        return BackedUp(str(out), size, records, is_file)

    def restore(self, file: Path) -> "Restored":
        """Put a backup back, beside no server. The database that was here is kept beside it; so are the roots, and the
        head of the issuing log, which then says what is missing (L6)."""
        from carnet.calm import backup
        from carnet.calm.issuing_log.head import FileHead
        from carnet.calm.signing.vaults import alone_with
        from carnet.sealed_backup import LAID
        from carnet.sqlite_copies import set_aside

        with backup.open_backup(file, database_url.FILE, [TRUST, KEY_SET]) as opened:
            opened.check(self._passphrase())
            has_rows = opened.has(database_url.FILE)
            cli_support.private_folder(self.folder)
            cli_support.private_folder(self._keys)
            with alone_with(self._keys), scratch_folder(self.folder, LAID) as scratch:
                opened.lay(scratch)
                kept = set_aside(self.folder / database_url.FILE) if has_rows else None
                FileHead(self.folder / HEAD).note_lost()
                backup.lay_keys(opened.header, scratch, self._keys)
                self._put_back(scratch, has_rows=has_rows)
        fault = self.calm().head_fault()
        return Restored(opened.header.records, opened.header.made_at, str(kept or ""), has_rows, fault is None)

    def _put_back(self, scratch: Path, *, has_rows: bool) -> None:
        """The rows last: with them it is done."""
        for name in (TRUST, KEY_SET):
            (scratch / name).rename(self.folder / name)
        self._new_signing_secret()  # no session and no link of before is good
        if has_rows:
            for part in ("-wal", "-shm"):
                (self.folder / f"{database_url.FILE}{part}").unlink(missing_ok=True)
            (scratch / database_url.FILE).rename(self.folder / database_url.FILE)

    def _calm(self, open_vaults: "Callable[[], Vaults]") -> "Calm":
        from carnet.calm.issuing_log.head import FileHead
        from carnet.calm.signing.keyring import FileKeyring
        from carnet.calm.use_cases.context import Calm

        counted = self.settings != COMMANDS
        return Calm(
            FileKeyring(self._keys, open_vaults),
            clock.random_bytes,
            FileHead(self.folder / HEAD),
            self._publish,
            _uploads(os.environ, counted=counted),
            self.largest_jump,
        )

    def _set_up_django(self) -> None:
        os.environ["CARNET_CALM_DATA"] = str(self.folder.resolve())
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", self.settings)
        from django.apps import apps
        from django.conf import settings

        apps.populate(settings.INSTALLED_APPS)  # all of `django.setup` that is needed: no URLs, no logging

    def serve(self, how: Serving, say: Callable[[str], None]) -> None:
        """The portal, until it is told to stop. Settings are read from the environment, so they are put there first."""
        os.environ.update(how.environment())
        portal = _Portal(self.for_portal())
        portal.calm().keys.wrap("serving", b"", clock.random_bytes)  # the passphrase is asked now, not by a worker
        from django.core.management import call_command

        from carnet.calm.portal.portal import open_portal
        from carnet.sealed_backup import clear
        from carnet.web_kit.serving import LIMITS, How, serve

        clear(self.folder)
        call_command("migrate", verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False)
        open_portal(portal)
        _first_person(portal, say)
        from carnet.web_kit.wsgi import application

        limits = LIMITS.with_connections(how.connections, how.per_address)
        at = How(how.bind, how.workers, how.certificate, how.key, limits, how.let_in, how.path_prefix)
        serve(application, at, clock.now, lambda: say(f"CALM answers at {how.address}. Stop it with Ctrl-C."))

    def notify(self) -> "NoticesSent":
        """Sends what is due, by the mail that the settings name. As the one thing that a timer runs, it also lets go of
        refused files that are kept no longer (N2)."""
        calm = self.for_portal().calm()
        from carnet.calm.notices.sending import send_due
        from carnet.calm.notices.waiting import by_mail
        from carnet.calm.people.recipients import Recipients
        from carnet.calm.people.staff import addresses_of, staff_addresses
        from carnet.calm.use_cases.refused_uploads import let_go_of_old

        let_go_of_old(calm, self.now())
        return send_due(
            calm,
            now=self.now(),
            by="calm notify",
            mail=by_mail,
            addresses=addresses_of,
            vendor=self.vendor(),
            staff=staff_addresses(),
            whom=Recipients(),
        )

    def password_link(self, email: str) -> str:
        """The path of the portal at which this person chooses a password, once."""
        from carnet.calm.people.staff import find_person
        from carnet.web_kit.places import with_prefix
        from carnet.web_kit.sign_in.adapters import password_link

        return with_prefix(password_link(find_person(email)))

    def tell_factors_removed(self, email: str, by: str) -> str:
        """By mail, where a server is set; what came of it."""
        from carnet.calm.portal.links import tell_factors_removed

        return tell_factors_removed(email, by)

    def check_deployment(self, how: Serving) -> None:
        """Django's own checks of the production settings. Raises what it finds (SystemCheckError)."""
        os.environ.update(how.environment())
        self.for_portal().calm()
        from django.core.management import call_command

        call_command("check", deploy=True, fail_level="WARNING")

    def _new_signing_secret(self) -> None:
        """Every session of before, and every link to a password, ends."""
        cli_support.write_file(self.folder / SIGNING, clock.random_bytes(48).hex().encode(), 0o600)

    @property
    def _keys(self) -> Path:
        return self.folder / "keys"

    @property
    def _is_set_up(self) -> bool:
        """A folder that holds CALM's keys is CALM's, wherever its rows are: `init` leaves it alone."""
        return (self._keys / "lock").exists()

    def _publish(self) -> None:
        """The public copies of the key set."""
        from carnet.calm.use_cases.key_sets import export_trust, newest_row

        cli_support.write_file(self.folder / KEY_SET, bytes(newest_row().raw), 0o600)
        cli_support.write_file(self.folder / TRUST, export_trust(self.vendor()), 0o600)

    def vendor(self) -> str:
        """The vendor's name, as the trust file has it."""
        from carnet.exchange.key_set import Trust, read_trust

        trust = read_trust((self.folder / TRUST).read_bytes())
        return trust.vendor if isinstance(trust, Trust) else DEFAULT_VENDOR

    def trust(self) -> bytes:
        from carnet.calm.use_cases.key_sets import export_trust

        return export_trust(self.vendor())

    def roots(self) -> tuple[str, ...]:
        """The thumbprints of the newest roots, as the trust file has them (E16)."""
        from carnet.calm.use_cases.key_sets import root_thumbprints

        return root_thumbprints()

    def _write_trust(self, vendor: str) -> None:
        from carnet.calm.use_cases.key_sets import export_trust

        cli_support.write_file(self.folder / TRUST, export_trust(vendor), 0o600)


@dataclass
class _Portal:
    """What the pages are given: one CALM for as long as the process runs."""

    vendor: Vendor

    @cached_property
    def name(self) -> str:
        return self.vendor.vendor()

    @cached_property
    def _calm(self) -> "Calm":
        return self.vendor.calm()

    def now(self) -> datetime:
        return clock.now()

    def calm(self) -> "Calm":
        return self._calm

    @cached_property
    def _later(self) -> Callable[[Callable[[], None]], None]:
        from carnet.web_kit.later import Later

        return Later()

    def later(self, work: Callable[[], None]) -> None:
        self._later(work)


def _first_person(portal: _Portal, say: Callable[[str], None]) -> None:
    """If no person can sign in yet: the command that gives the first operator a link; one is added where there is none.
    A link itself is never said here: a service's output is a log (A6)."""
    from carnet.calm.people import staff
    from carnet.calm.people.access import Role

    if staff.anybody_can_sign_in():
        return
    operators = staff.staff_addresses()
    if not operators:
        fields: dict[str, Any] = {"email": FIRST, "name": "First operator", "role": Role.OPERATOR, "account": None}
        staff.add_person(portal.calm(), **fields, now=portal.now(), by=FIRST, on_machine=True)
    who = operators[0] if operators else FIRST
    say(f"No person can sign in yet. This prints where {who} chooses a password, on this machine:")
    say(f"  calm person link {who} --data {portal.vendor.folder}")


def _check_catalogue(catalogue: bytes) -> None:
    """Before anything is written. Raises UsageError."""
    from carnet.entitlements import read_catalogue
    from carnet.errors import UsageError

    try:
        read_catalogue(catalogue)
    except ValueError as error:
        raise UsageError(f"{error}.", "Nothing was set up. Correct the catalogue.") from error


def _shipped_catalogue() -> bytes:
    return (Path(__file__).parent / "catalogue.toml").read_bytes()


def main() -> NoReturn:
    gc.set_threshold(50_000)  # modules are all that a short command allocates: looking for garbage there is a waste
    from carnet.calm.cli import app

    cli_support.run(app, Vendor, _database_fault)


def _database_fault(error: Exception) -> "CarnetError | None":
    from carnet.calm import database

    return database.fault(error) or database.damage_behind(error)


def _uploads(environment: Mapping[str, str], *, counted: bool) -> "Uploads":
    """N2, as the operator wants it. Raises UsageError where that is not a number."""
    from carnet.calm.use_cases.context import Uploads

    found = Uploads()
    files, most = (
        _number(environment, "CARNET_CALM_FILES_A_DAY", 1000),
        _number(environment, "CARNET_CALM_BYTES_A_DAY", found.bytes),
    )
    kept = _number(environment, "CARNET_CALM_UNKNOWN_FILES_KEPT", found.unknown_kept)
    days = _number(environment, "CARNET_CALM_REFUSED_FILES_DAYS", found.keep_days)
    return Uploads(files if counted else None, most, kept, days)


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    from carnet.errors import UsageError

    text = environment.get(name, "") or str(default)
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 16 and int(text) > 0):
        raise UsageError(f"{name} is “{text}”, not a number above 0.", "See docs/settings.md.")
    return int(text)
