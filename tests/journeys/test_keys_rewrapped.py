"""A2: another passphrase, and other keys at rest, on both sides: by the commands, and interrupted anywhere."""

from __future__ import annotations

import gc
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from carnet.calm.signing import vaults
from carnet.calm.signing.keyring import FileKeyring
from carnet.control_room.engine.founding import LOCK
from carnet.control_room.engine.key_ring import SESSIONS
from carnet.control_room.engine.sqlite import SqliteStore
from carnet.errors import PassphraseError, TamperedError
from carnet.vault import Vault
from tests.journeys.commands import PAGES, Company, Story
from tests.support.cast import seeded

pytestmark = [pytest.mark.security, pytest.mark.rule("A2")]
NEW = "another passphrase, long enough"


def _file(folder: Path, text: str = NEW) -> str:
    path = folder / "new-passphrase"
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def _old(side: Company, tmp_path: Path) -> str:
    (tmp_path / "old").write_bytes((side.data / "passphrase").read_bytes())
    (tmp_path / "old").chmod(0o600)
    return str(tmp_path / "old")


# --- the site ---------------------------------------------------------------------------------------------------------


def test_the_sites_keys_open_with_the_new_passphrase_and_no_longer_with_the_old(story: Story, tmp_path: Path) -> None:
    site, old = story.site, _old(story.site, tmp_path)
    before = site("status")
    changed = site("key", "passphrase", "--new-passphrase-file", _file(tmp_path))
    assert changed == {"master": 1, "replaced": str(site.data / "passphrase")}
    assert site("status")["state"] == before["state"], "the file beside the keys was replaced"
    done = site.run("status", "--passphrase-file", old)
    assert (done.code, "does not open the keys" in done.err) == (1, True)
    assert _newest(story) == ["access.noted", {"what": "passphrase of the keys changed"}]
    assert site("ledger", "verify")["holds"]


def test_after_a_rewrap_old_keys_read_nothing_new_and_all_goes_on(story: Story, tmp_path: Path) -> None:
    site = story.site
    site("units", "consume", PAGES, "10")
    with closing(SqliteStore.open(site.data, writing=False)) as store:
        lock, boxes = store.document(LOCK), {name: store.secret(name) for name in _names(store)}
        size = store.count()
    assert lock
    stolen = Vault.open(lock, (site.data / "passphrase").read_bytes().strip())
    assert site("key", "rewrap")["master"] == 2
    site("units", "consume", PAGES, "11")
    with closing(SqliteStore.open(site.data, writing=False)) as store:
        for name in _names(store):
            assert store.secret(name) != boxes.get(name)
            with pytest.raises(TamperedError):
                stolen.unwrap(name, store.secret(name) or b"")
        masters = {key_id: key.master for key_id, key in store.data_keys().items()}
        newest = int.from_bytes(store.row(store.count() - 1).leaf[1:5], "big")  # type: ignore[union-attr]
        assert masters[newest] == 2
        assert store.count() == size + 2
    assert site("ledger", "verify")["holds"]
    assert story.consumed() == 21
    story.license("--new-keys")
    assert site("key", "rewrap", "--new-passphrase-file", _file(tmp_path))["master"] == 3
    story.license()
    assert site("ledger", "verify")["holds"]


def test_whoever_had_keys_before_a_rewrap_signs_no_link_to_a_password_after_it(story: Story) -> None:
    """A link is signed over a password's hash and the last sign-in, which an old backup or copy holds too."""
    site, calm = story.site, story.calm
    stolen, secret = _sessions(site), (calm.data / "web.secret").read_bytes()
    site("key", "rewrap")
    assert _sessions(site) != stolen
    gc.collect()
    assert calm.process("key", "rewrap").code == 0
    assert (calm.data / "web.secret").read_bytes() != secret


def test_a_backup_keeps_the_passphrase_of_its_day(story: Story, tmp_path: Path) -> None:
    site, old = story.site, _old(story.site, tmp_path)
    site("backup", "--out", str(tmp_path / "backup"))
    site("key", "rewrap", "--new-passphrase-file", _file(tmp_path))
    before = site("ledger", "show", "--last", "1")
    done = site.run("restore", str(tmp_path / "backup"))
    assert (done.code, "one that was in force when it was made" in " ".join(done.err.split())) == (1, True)
    assert site("ledger", "show", "--last", "1") == before
    site("backup", "--out", str(tmp_path / "later"))
    site("units", "consume", PAGES, "5")
    site("restore", str(tmp_path / "later"))
    site("restore", str(tmp_path / "backup"), "--passphrase-file", old)
    assert site.run("status", "--passphrase-file", old).code == 0


@pytest.mark.parametrize("words", [("passphrase", "--new-passphrase-file"), ("rewrap", "--new-passphrase-file")])
def test_a_weak_or_open_new_passphrase_changes_nothing(story: Story, tmp_path: Path, words: tuple[str, str]) -> None:
    for side in (story.site, story.calm):
        if side is story.calm and words[0] == "rewrap":
            continue  # it takes no passphrase
        for text, mode in (("short", 0o600), (NEW, 0o644)):
            path = Path(_file(tmp_path, text))
            path.chmod(mode)
            before = _bytes(side.data)
            done = side.run("key", *words, str(path))
            assert done.code == 1, done
            assert _bytes(side.data) == before


@pytest.mark.server
def test_beside_a_server_nothing_is_changed(story: Story, tmp_path: Path) -> None:
    """Its keys are in the server's memory."""
    with closing(SqliteStore.open(story.site.data, writing=True)):
        done = story.site.run("key", "rewrap")
    assert done.code == 1
    assert "Another process is writing" in done.err
    handle = vaults.open_vaults(story.calm.data / "keys", _phrase(story.calm))
    assert handle
    for words in (("rewrap",), ("passphrase", "--new-passphrase-file", _file(tmp_path))):
        before = _bytes(story.calm.data)
        done = story.calm.run("key", *words)
        assert (done.code, "Stop CALM's servers" in done.err) == (1, True)
        assert _bytes(story.calm.data) == before


# --- CALM -------------------------------------------------------------------------------------------------------------


def test_calms_keys_open_with_the_new_passphrase_and_no_longer_with_the_old(story: Story, tmp_path: Path) -> None:
    calm, old = story.calm, _old(story.calm, tmp_path)
    done = calm.process("key", "passphrase", "--new-passphrase-file", _file(tmp_path))
    assert done.code == 0, done
    assert (calm.data / "keys" / "lock").read_bytes() == (calm.data / "keys" / "roots" / "lock").read_bytes()
    story.license()
    out = str(tmp_path / "t")
    done = calm.process("token", "download", "--account", "Northwind", "--out", out, "--passphrase-file", old)
    assert (done.code, "does not open the keys" in done.err) == (1, True)
    assert calm("log", "show")[-1]["kind"] != "token.downloaded"


def test_after_a_rewrap_the_old_vault_opens_none_of_calms_keys_and_secrets(story: Story, tmp_path: Path) -> None:
    calm, keys = story.calm, story.calm.data / "keys"
    stolen = Vault.open((keys / "lock").read_bytes(), _phrase(calm))
    old = FileKeyring(keys, lambda: vaults.Vaults(stolen))
    story.token()
    gc.collect()  # the command ran in this process, and had the keys
    done = calm.process("key", "rewrap", "--json")
    assert done.code == 0, done
    assert json.loads(done.out)["wrapped"] >= 5
    for path in keys.glob("*/*.key"):
        with pytest.raises(TamperedError):
            old.signer(path.parent.name, path.stem)  # type: ignore[arg-type]
    assert not (keys / "lock.next").exists()
    assert calm.process("token", "download", "--account", "Northwind", "--out", str(tmp_path / "t")).code == 0
    story.license()
    assert calm("log", "verify")["holds"]


def test_without_the_roots_nothing_is_wrapped(story: Story, tmp_path: Path) -> None:
    shutil.move(story.calm.data / "keys" / "roots", tmp_path / "safe")
    before = _bytes(story.calm.data)
    done = story.calm.process("key", "rewrap")
    assert (done.code, "Bring the folder roots back" in done.err) == (1, True)
    assert {name: body for name, body in _bytes(story.calm.data).items() if "sqlite" not in name} == {
        name: body for name, body in before.items() if "sqlite" not in name
    }


@pytest.mark.parametrize("stopped_after", range(4))
def test_a_rewrap_of_calm_that_was_interrupted_harms_nothing_and_goes_on(
    story: Story, tmp_path: Path, stopped_after: int
) -> None:
    """Stopped before anything, and after the lock, some of the keys, and all of them were written."""
    calm, keys = story.calm, story.calm.data / "keys"
    before = (keys / "lock").read_bytes()
    if stopped_after:
        both = vaults.begin_change(keys, _phrase(calm), seeded("interrupted"))
        ring = FileKeyring(keys, lambda: both)
        if stopped_after == 2:
            hidden = sorted(keys.glob("*/*.key"))[::2]
            for path in hidden:
                path.rename(path.with_suffix(".away"))
            ring.rewrap(seeded("some"))
            for path in hidden:
                path.with_suffix(".away").rename(path)
        if stopped_after == 3:
            ring.rewrap(seeded("all"))
        assert (keys / "lock").read_bytes() == before
        refused = calm.process("key", "passphrase", "--new-passphrase-file", _file(tmp_path))
        assert (refused.code, "calm key rewrap" in refused.err) == (2, True)
    assert calm.process("token", "download", "--account", "Northwind", "--out", str(tmp_path / "one")).code == 0
    assert calm.process("key", "rewrap").code == 0
    assert (keys / "lock").read_bytes() != before
    assert not (keys / "lock.next").exists()
    assert calm.process("token", "download", "--account", "Northwind", "--out", str(tmp_path / "two")).code == 0
    story.license()


def test_a_vault_that_is_left_unwraps_until_the_end_and_no_other_does() -> None:
    old, new = (Vault(seeded(name)(64)) for name in ("old", "new"))
    both, box = vaults.Vaults(new, old), old.wrap("name", b"secret", seeded("box"))
    assert both.unwrap("name", box) == b"secret"
    again = both.wrap("name", b"secret", seeded("again"))
    assert new.unwrap("name", again) == b"secret"
    for wrong in (vaults.Vaults(new), vaults.Vaults(new, Vault(seeded("third")(64)))):
        with pytest.raises(TamperedError):
            wrong.unwrap("name", box)
    with pytest.raises(PassphraseError):
        Vault.open(old.lock(NEW.encode(), seeded("lock")), b"another passphrase, quite wrong")


def _sessions(site: Company) -> bytes:
    with closing(SqliteStore.open(site.data, writing=False)) as store:
        vault = Vault.open(store.document(LOCK) or b"", _phrase(site))
        return vault.unwrap(SESSIONS, store.secret(SESSIONS) or b"")


def _phrase(side: Company) -> bytes:
    return (side.data / "passphrase").read_bytes().strip()


def _names(store: SqliteStore) -> list[str]:
    return [name.removeprefix("secret:") for name, _ in store.kept() if name.startswith("secret:")]


def _newest(story: Story) -> list[object]:
    (record,) = story.site("ledger", "show", "--last", "1")
    body = {name: value for name, value in record["body"].items() if value is not None}
    return [record["kind"], body]


def _bytes(folder: Path) -> dict[str, object]:
    """All that lies there; of databases their rows, for reading them touches the files beside them."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".sqlite3":
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                found[path.name] = list(db.iterdump())
        elif path.is_file() and not path.name.endswith(("-wal", "-shm", "lock", "in-use")):
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found
