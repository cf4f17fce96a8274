"""A backup is one sealed file: what was altered, left out or added in it is refused before anything is written."""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from carnet.aead import DRAW_SIZE
from carnet.control_room.engine import backup as backups
from carnet.control_room.engine.backup import FORM, TRUST, BackupHeader, open_backup, put_back
from carnet.control_room.engine.key_ring import master_name
from carnet.control_room.engine.sqlite import DATABASE, SqliteStore
from carnet.control_room.pages.password_seals import seal_of
from carnet.control_room.pages.runtime_config import PAGES
from carnet.control_room.queries.exchange import Exchange, RequestText
from carnet.control_room.rules.activation.generate_request import GenerateRequest
from carnet.control_room.wiring import Site
from carnet.errors import CarnetError, PassphraseError, TamperedError, UsageError
from carnet.exchange.strict import decode, encode
from carnet.sealed_file import CHUNK, Member, write_sealed
from carnet.vault import Argon2Lock, Vault
from tests.support import depth
from tests.support.cast import seeded
from tests.support.own_site import PHRASE, OwnSite, licensed_site
from tests.unit.control_room.conftest import granted
from tests.vectors import make_backup

pytestmark = [pytest.mark.security, pytest.mark.rule("L2")]
BOX = CHUNK + 28


@dataclass
class Taken:
    """A site that people signed in at, and a backup of it."""

    site: OwnSite
    file: Path
    phrase: Path

    def restore(self, into: Path, file: Path | None = None) -> Path:
        Site(into, self.phrase).restore(file or self.file)
        return into


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    folder = tmp_path_factory.mktemp("backup")
    site = licensed_site(folder / "site", {"unattended-bot-runner": 3})
    _with_pages(site)
    phrase = folder / "phrase"
    phrase.write_bytes(PHRASE)
    phrase.chmod(0o600)
    Site(site.folder).backup(folder / "backup")
    return Taken(site, folder / "backup", phrase)


def _with_pages(site: OwnSite) -> None:
    with site.store() as store:
        key = site.keys(store).derived("passwords")
    with closing(sqlite3.connect(site.folder / PAGES)) as db, db:
        db.execute("CREATE TABLE pages_login (name TEXT, password TEXT, seal TEXT)")
        db.execute("INSERT INTO pages_login VALUES ('ada', 'hash', ?)", [seal_of(key, "ada", "hash")])
        for table in ("usersessions_usersession", "django_session"):
            db.execute(f"CREATE TABLE {table} (session_key TEXT)")
            db.execute(f"INSERT INTO {table} VALUES ('whoever has this key is ada')")
        db.execute("CREATE TABLE mfa_authenticator (type TEXT, data TEXT)")
        db.execute("INSERT INTO mfa_authenticator VALUES ('totp', 'app'), ('recovery_codes', 'a code that works once')")


# --- what it is -------------------------------------------------------------------------------------------------------


def test_a_backup_comes_back_whole(taken: Taken, tmp_path: Path):
    with taken.site.store() as store:
        rows, secrets = list(store.rows()), dict(store.kept())
    folder = taken.restore(tmp_path / "new")
    with closing(SqliteStore.open(folder, writing=False)) as store:
        back = list(store.rows())
        assert (back[: len(rows)], len(back)) == (rows, len(rows) + 1), "and a record that it was restored"
        changed = {name for name, body in store.kept() if secrets.get(name) != body}
    assert changed == {"secret:sessions"}
    assert (folder / TRUST).read_bytes() == (taken.site.folder / TRUST).read_bytes()
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in (folder / DATABASE, folder / TRUST, folder / PAGES))


def test_a_frozen_backup_is_read_for_good(tmp_path: Path):
    with open_backup(make_backup.BACKUP, PAGES) as opened:
        opened.check(make_backup.PHRASE.read_bytes())
        opened.lay(tmp_path)
    found = {name: sha256((tmp_path / name).read_bytes()).hexdigest() for name in (DATABASE, TRUST, PAGES)}
    assert found == msgspec.json.decode(make_backup.DIGESTS.read_bytes())
    assert opened.header.control_room == make_backup.LEDGER


def test_nothing_of_the_site_can_be_read_in_it(taken: Taken):
    raw = taken.file.read_bytes()
    for word in (b"SQLite", b"pages_login", b"unattended-bot-runner", b"Oslo", b"whoever has this key", PHRASE):
        assert word not in raw


def test_it_holds_no_session_and_no_code_that_works_once(taken: Taken, tmp_path: Path):
    folder = taken.restore(tmp_path / "new")
    for word in (b"whoever has this key", b"a code that works once"):
        assert word in (taken.site.folder / PAGES).read_bytes(), "else this test shows nothing"
        assert word not in (folder / PAGES).read_bytes(), "nor in a page that is free"
    with closing(sqlite3.connect(folder / PAGES)) as db:
        assert db.execute("SELECT name, password FROM pages_login").fetchall() == [("ada", "hash")]
        assert db.execute("SELECT type FROM mfa_authenticator").fetchall() == [("totp",)]


def test_a_restore_ends_every_session_and_link_of_before(taken: Taken, tmp_path: Path):
    """They are signed with a key that the restored site replaces."""
    folder = taken.restore(tmp_path / "new")
    with closing(SqliteStore.open(folder, writing=False)) as store, taken.site.store() as before:
        new, old = taken.site.keys(store), taken.site.keys(before)
        once = new.sessions
        assert once != old.sessions
        assert new.derived("passwords") == old.derived("passwords"), "passwords and second factors stay"
    again = taken.restore(tmp_path / "again")
    with closing(SqliteStore.open(again, writing=False)) as store:
        assert taken.site.keys(store).sessions != once


def test_two_backups_of_one_state_have_nothing_in_common_but_their_header(taken: Taken, tmp_path: Path):
    Site(taken.site.folder).backup(tmp_path / "second")
    one, two = taken.file.read_bytes(), (tmp_path / "second").read_bytes()
    assert one[-CHUNK // 2 :] != two[-CHUNK // 2 :]
    assert _header(one).salt != _header(two).salt


def test_pages_that_were_here_keep_nothing_of_their_write_ahead_log(tmp_path: Path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / PAGES).write_bytes(b"of the backup")
    (tmp_path / f"{PAGES}-wal").write_bytes(b"of the database that was here")
    put_back(tmp_path / "scratch" / PAGES, tmp_path / PAGES)
    assert sorted(path.name for path in tmp_path.iterdir()) == [PAGES, "scratch"]


# --- what is refused --------------------------------------------------------------------------------------------------


def _refused(taken: Taken, folder: Path, raw: bytes, fault: type[CarnetError] = CarnetError) -> None:
    """It is refused, and neither the folder nor anything in it was made."""
    file = folder / "altered.backup"
    file.write_bytes(raw)
    with pytest.raises(fault):
        Site(folder / "site", taken.phrase).restore(file)
    assert [path.name for path in folder.iterdir()] == ["altered.backup"]


@pytest.mark.parametrize("content", [b"", b"no backup", b"\x1f\x8b" + bytes(40), FORM[:-1]])
def test_what_is_no_backup_is_said_to_be_none(taken: Taken, tmp_path: Path, content: bytes):
    _refused(taken, tmp_path, content, UsageError)


def test_the_passphrase_of_another_site_opens_nothing(taken: Taken, tmp_path: Path):
    other = tmp_path / "phrase"
    other.write_bytes(b"another passphrase, long enough")
    other.chmod(0o600)
    with pytest.raises(PassphraseError):
        Site(tmp_path / "site", other).restore(taken.file)
    assert not (tmp_path / "site").exists()


def test_random_edits_of_a_backup_are_all_refused(taken: Taken, tmp_path: Path):
    """Bytes changed, cut, doubled, put in, exchanged; anywhere, and more often where there is structure."""
    raw, chance = _with_a_cheap_lock(taken, tmp_path), random.Random(depth.seed_number())
    file = tmp_path / "altered"
    for _ in range(10_000 if depth.is_deep() else 150):
        edited = _edit(raw, chance)
        if edited != raw:
            file.write_bytes(edited)
            with pytest.raises((TamperedError, PassphraseError, UsageError)), open_backup(file, PAGES) as opened:
                opened.check(PHRASE)
    file.write_bytes(raw)
    with open_backup(file, PAGES) as opened:
        opened.check(PHRASE)


def _edit(raw: bytes, chance: random.Random) -> bytes:
    front = len(FORM) + 4 + int.from_bytes(raw[len(FORM) : len(FORM) + 4], "big")
    place = chance.choice([chance.randrange(len(raw)), chance.randrange(front), front + chance.randrange(40)])
    length = chance.choice([1, 1, 2, 28, 4096, BOX])
    how = chance.randrange(5)
    if how == 0:
        return raw[:place] + bytes([raw[place] ^ (1 << chance.randrange(8))]) + raw[place + 1 :]
    if how == 1:
        return raw[:place] + raw[place + length :]
    if how == 2:
        return raw[:place] + chance.randbytes(length) + raw[place:]
    if how == 3:
        return raw[:place] + raw[place : place + length] + raw[place:]
    return raw + raw[place : place + length]


def test_boxes_cut_off_at_a_boundary_exchanged_or_doubled_are_refused(taken: Taken, tmp_path: Path):
    """As if the file were of several boxes: with a member that fills them."""
    raw = _made(taken, [("trust.json", b"{}"), (DATABASE, bytes(3 * CHUNK))], tmp_path)
    front = raw.index(b"}", len(FORM)) + 1
    boxes = [raw[place : place + BOX] for place in range(front, len(raw), BOX)]
    assert len(boxes) == 4
    one, two, three, last = boxes
    for wrong in ([one, two, three], [two, one, three, last], [one, one, two, three, last], [*boxes, last], [last]):
        _refused(taken, tmp_path / _new(tmp_path), raw[:front] + b"".join(wrong), TamperedError)


@pytest.mark.parametrize(
    "members",
    [
        [(DATABASE, b"x")],
        [(TRUST, b"{}")],
        [(DATABASE, b"x"), (TRUST, b"{}"), ("engine.sock", b"x")],
        [(DATABASE, b"x"), (TRUST, b"{}"), ("../elsewhere", b"x")],
        [(DATABASE, b"x"), (TRUST, b"{}"), (TRUST, b"{}")],
        [(DATABASE, b"x"), (TRUST, bytes(2**20 + 1))],
    ],
)
def test_other_files_than_expected_are_refused_also_from_who_has_the_key(
    taken: Taken, tmp_path: Path, members: list[tuple[str, bytes]]
):
    _refused(taken, tmp_path / _new(tmp_path), _made(taken, members, tmp_path), TamperedError)


def test_sizes_that_the_contents_say_wrongly_are_refused(taken: Taken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for wrong in (-1, 1, 2**40):
        monkeypatch.setattr(
            "carnet.sealed_file.Member", lambda name, size, wrong=wrong: Member(name, max(0, size + wrong))
        )
        raw = _made(taken, [(DATABASE, b"four"), (TRUST, b"{}")], tmp_path)
        monkeypatch.undo()
        _refused(taken, tmp_path / _new(tmp_path), raw, TamperedError)


def test_a_backup_of_another_control_room_is_not_taken_in_its_place(taken: Taken, tmp_path: Path):
    other = licensed_site(tmp_path / "other", {"unattended-bot-runner": 1})
    before = {path.name: path.read_bytes() for path in other.folder.iterdir() if path.is_file()}
    with pytest.raises(CarnetError):
        Site(other.folder).restore(taken.file)
    after = {path.name: path.read_bytes() for path in other.folder.iterdir() if path.is_file()}
    assert after == before | {"lock": after["lock"]}


def test_a_backup_that_was_begun_leaves_no_half_file(taken: Taken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backups, "write_sealed", full)
    before = sorted(taken.site.folder.iterdir())
    with pytest.raises(OSError, match="No space"):
        Site(taken.site.folder).backup(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    assert sorted(taken.site.folder.iterdir()) == before


# --- helpers ----------------------------------------------------------------------------------------------------------


def _header(raw: bytes) -> BackupHeader:
    size = int.from_bytes(raw[len(FORM) : len(FORM) + 4], "big")
    return decode(raw[len(FORM) + 4 : len(FORM) + 4 + size], BackupHeader, depth=2)


def _made(taken: Taken, members: list[tuple[str, bytes]], scratch: Path) -> bytes:
    """A sealed file of other contents, by who has the site's keys."""
    header, paths = _header(taken.file.read_bytes()), []
    for number, (name, body) in enumerate(members):
        paths.append((name, scratch / f"member-{number}"))
        paths[-1][1].write_bytes(body)
    with taken.site.store() as store:
        key = header.key(taken.site.keys(store).masters[header.master])
    with (scratch / "made").open("wb") as out:
        write_sealed(out, FORM, encode(header), key, paths, seeded("made"))
    return (scratch / "made").read_bytes()


def _with_a_cheap_lock(taken: Taken, scratch: Path) -> bytes:
    """The same files under a lock that costs 5 ms to open instead of 50: there are thousands of tries."""
    draw, key, master = seeded("cheap"), bytes(range(64)), bytes(32)
    bare = Argon2Lock(salt=bytes(16), wrapped=b"", memory_kib=8192)
    wrapped = bare.stretch(PHRASE).encrypt(draw(DRAW_SIZE), key, b"carnet-lock")
    lock = msgspec.json.encode(msgspec.structs.replace(bare, wrapped=wrapped))
    name = master_name(1)
    given = _header(taken.file.read_bytes())
    header = msgspec.structs.replace(given, lock=lock, wrapped=Vault(key).wrap(name, master, draw))
    members = [(name, taken.site.folder / name) for name in (DATABASE, TRUST, PAGES)]
    with (scratch / "cheap").open("wb") as out:
        write_sealed(out, FORM, encode(header), header.key(master), members, draw)
    return (scratch / "cheap").read_bytes()


_numbers: Iterator[int] = iter(range(10**6))


def _new(folder: Path) -> str:
    name = f"try-{next(_numbers)}"
    (folder / name).mkdir()
    return name


def test_a_restored_site_gives_no_file_the_name_of_one_of_before(tmp_path: Path):
    """The number comes again; the other file may lie on the same stick."""
    own = licensed_site(tmp_path / "site", {"unattended-bot-runner": 3})
    site, backup = Site(own.folder), tmp_path / "backup"
    site.backup(backup)
    names = [_names(site)]
    for _ in range(2):
        site.restore(backup)
        names.append(_names(site))
    (lfr, receipt), *since = names
    assert (lfr, receipt) == ("oslo-0002.lfr", "oslo-0001.receipt")
    assert all(re.fullmatch(r"oslo-0002-[0-9a-f]{4}\.lfr", one) for one, _ in since)
    assert all(re.fullmatch(r"oslo-0001-[0-9a-f]{4}\.receipt", other) for _, other in since)
    assert len(set(names)) == 3


def _names(site: Site) -> tuple[str, str]:
    """Of the files of the next request and of the newest receipt."""
    with site.client(writing=True) as client:
        granted(client.execute(GenerateRequest(), "kari"))
        return granted(client.ask(RequestText())).name, granted(client.ask(Exchange())).receipt
