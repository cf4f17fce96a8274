"""Keys at rest (A2): who may read what, what lies in the open, and how the vendor's keys are renewed (E16)."""

import os
import stat
import sys
from pathlib import Path

import msgspec
import pytest

from carnet.calm.signing.keyring import StoredKey
from carnet.control_room.engine.founding import LOCK
from carnet.control_room.engine.sqlite import SqliteStore
from carnet.exchange.enablement_token import Token
from carnet.exchange.strict import from_base64url, to_base64url
from carnet.vault import Vault
from tests.journeys.commands import PAGES, Company, Room, Story, Vendor, token_in

WRONG = "another passphrase, quite wrong"


def private(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))


@pytest.mark.rule("A2")
def test_both_folders_are_private_after_a_whole_cycle(story: Story, tmp_path: Path) -> None:
    story.license("--new-keys")
    story.calm("receipt", "accept", story.file("receipt"))
    story.site("backup", "--out", str(tmp_path / "backup"))
    story.site("restore", str(tmp_path / "backup"))
    story.site("ledger", "export", "--out", str(tmp_path / "export"))
    private(story.calm.data)
    private(story.site.data)
    for name in ("backup", "export"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@pytest.mark.rule("A2")
def test_also_where_the_shell_has_no_umask(story: Story, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        calm, site = Vendor(data=tmp_path / "a" / "calm2"), Room(data=tmp_path / "b" / "site2")
        assert calm.process("init").code == 0
        assert site.process("init", "--trust", str(story.gap / "trust.json")).code == 0
        assert calm.process("account", "add", "Contoso").code == 0
        assert site.process("token", "install", story.token()).code == 0
        assert site.process("request", "generate", "--out", str(tmp_path / "1.lfr")).code == 0
    finally:
        os.umask(before)
    private(calm.data)
    private(site.data)


@pytest.mark.rule("A2")
def test_a_passphrase_file_that_others_may_read_is_not_used(story: Story) -> None:
    path = story.site.data / "passphrase"
    for mode in (0o644, 0o640, 0o604, 0o620):
        path.chmod(mode)
        done = story.site.run("status")
        assert done.code == 1
        assert done.err.startswith(f"failed: Others may read {path}.\nnext: Run: chmod 600")
    path.chmod(0o400)
    assert story.site.run("status").code == 0


@pytest.mark.rule("A2")
@pytest.mark.parametrize("text", [WRONG, "", "short", "\n"])
def test_a_wrong_passphrase_is_a_fault_with_a_sentence(story: Story, text: str) -> None:
    for side, words in ((story.site, ("status",)), (story.calm, ("token", "download", "--account", "Northwind"))):
        (side.data / "passphrase").write_text(text)
        more = ("--out", str(story.gap / "x")) if side is story.calm else ()
        done = side.run(*words, *more)
        assert done.code == 1, done
        assert done.err.startswith("failed: ")
        assert "Traceback" not in done.err
        assert text.strip() == "" or text not in done.err + done.out
    assert not (story.gap / "x").exists()


@pytest.mark.rule("A2")
def test_a_passphrase_file_of_garbage_is_a_fault_too(story: Story) -> None:
    (story.site.data / "passphrase").write_bytes(b"\xff\xfe\x00 not utf-8 at all")
    assert story.site.run("status").code == 1


@pytest.mark.rule("A2")
def test_the_passphrase_is_in_no_argument_and_no_environment(story: Story, tmp_path: Path) -> None:
    """No option takes it as a value; the environment names a file."""
    secret = "a secret that is long enough"
    (tmp_path / "secret").write_text(secret)
    (tmp_path / "secret").chmod(0o600)
    site = Room(data=tmp_path / "other")
    running = site.start(
        "init", "--trust", str(story.gap / "trust.json"), CARNET_PASSPHRASE_FILE=str(tmp_path / "secret")
    )
    if sys.platform == "linux":
        for listing in ("cmdline", "environ"):
            assert secret.encode() not in Path(f"/proc/{running.pid}/{listing}").read_bytes()
    out, err = running.communicate(timeout=20)
    assert running.returncode == 0, err
    assert secret not in out + err
    assert not (site.data / "passphrase").exists(), "where one is given, none is written"
    assert site.process("status", CARNET_PASSPHRASE_FILE=str(tmp_path / "secret")).code == 0
    done = site.process("status")
    assert done.code == 1
    assert "There is no passphrase file" in done.err


def _bytes_of(side: Company) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(side.data.rglob("*")) if path.is_file())


def _forms(secret: bytes) -> list[bytes]:
    from base64 import b64encode

    return [secret, secret.hex().encode(), b64encode(secret).rstrip(b"="), to_base64url(secret).encode()]


@pytest.mark.rule("A2")
def test_no_secret_of_the_site_lies_in_the_open(story: Story) -> None:
    story.license("--new-keys")
    site = story.site
    store = SqliteStore.open(site.data, writing=False)
    lock = store.document(LOCK)
    assert lock
    vault = Vault.open(lock, (site.data / "passphrase").read_bytes().strip())
    names = [name for (name,) in store._db.execute("SELECT name FROM secret")]
    secrets = [vault.unwrap(name, store.secret(name) or b"") for name in names]
    store.close()
    assert len(secrets) == 7, "the master key, two pairs, and the two of the pages"
    secrets.append(from_base64url(_token(story).enrolment_secret))
    raw = _bytes_of(site)
    for secret in secrets:
        for form in _forms(secret):
            assert form not in raw


def _token(story: Story) -> Token:
    return token_in(story.gap / "001.token")


@pytest.mark.rule("A2")
def test_no_secret_of_the_vendor_lies_in_the_open(story: Story) -> None:
    keys = story.calm.data / "keys"
    vault = Vault.open((keys / "lock").read_bytes(), (story.calm.data / "passphrase").read_bytes().strip())
    secrets = [from_base64url(_token(story).enrolment_secret)]
    for path in keys.rglob("*.key"):
        stored = msgspec.json.decode(path.read_bytes(), type=StoredKey)
        secrets.append(vault.unwrap(f"{path.parent.name}/{path.stem}", stored.box))
    assert len(secrets) == 5
    raw = _bytes_of(story.calm)
    for secret in secrets:
        for form in _forms(secret):
            assert form not in raw


# --- E16: the vendor's keys change --------------------------------------------------------------------------------


def _rotate(story: Story, *options: str) -> int:
    story.two_people("key", "rotate", "--reason", "yearly", *options)
    return int(story.calm("key", "export-set", "--out", story.file("jws"))["version"])


@pytest.mark.rule("E16", "A3")
@pytest.mark.parametrize("options", [(), ("--roots",)], ids=["issuers", "roots-too"])
@pytest.mark.parametrize("way", ["license file", "token", "file"])
def test_a_site_follows_new_keys_each_way(story: Story, way: str, options: tuple[str, ...]) -> None:
    assert _rotate(story, *options) == 2
    if way == "token":
        story.calm("request", "accept", story.ask(None, "--kind", "release"), "--guid", "Oslo")
        assert story.site("token", "install", story.token())["key_set_version"] == 2
    elif way == "file":
        done = story.site("key-set", "install", story.file("jws"))
        assert (done["was"], done["version"]) == (1, 2)
        assert story.site("key-set", "install", story.file("jws"))["was"] == 2
    story.license()
    assert (story.site.data / "key-set.jws").read_bytes() == (story.calm.data / "key-set.jws").read_bytes()
    story.site("units", "consume", PAGES, "1")
    assert story.calm("log", "verify")["holds"]
    assert story.site("ledger", "verify")["holds"]


@pytest.mark.rule("E16", "key_set_too_old")
def test_two_rotations_one_after_the_other_and_never_back(story: Story) -> None:
    _rotate(story, "--roots")
    first = Path(story.file("jws")).read_bytes()
    story.site("key-set", "install", story.file("jws"))
    assert _rotate(story, "--roots") == 3
    story.site("key-set", "install", story.file("jws"))
    (story.gap / "old.jws").write_bytes(first)
    assert story.site.code("key-set", "install", str(story.gap / "old.jws")) == "key_set_too_old"
    story.license()


@pytest.mark.rule("E16")
def test_without_the_root_folder_all_but_a_rotation_works(story: Story) -> None:
    roots = story.calm.data / "keys" / "roots"
    roots.rename(story.gap / "safe")
    story.license()
    proposal = story.calm("key", "rotate", "--reason", "yearly", "--as", "nina")["proposal"]
    done = story.calm.run("confirm", proposal, "--as", "otto")
    assert done.code == 1, done
    assert "root key" in done.err
    (story.gap / "safe").rename(roots)
    story.calm("confirm", proposal, "--as", "otto")
    story.license()


@pytest.mark.rule("E16")
def test_a_site_two_rotations_behind_follows_by_one_license_file(story: Story) -> None:
    for _ in range(2):
        _rotate(story)
    story.license()


@pytest.mark.rule("E16")
def test_a_site_two_root_rotations_behind_takes_them_one_by_one(story: Story) -> None:
    """A set is signed by its own roots and those just before: a site further behind needs the one between."""
    _rotate(story, "--roots")
    between = Path(story.file("jws")).read_bytes()
    _rotate(story, "--roots")
    assert story.site.code("key-set", "install", story.file("jws")) in ("unknown_signer", "bad_signature")
    (story.gap / "between.jws").write_bytes(between)
    story.site("key-set", "install", str(story.gap / "between.jws"))
    story.site("key-set", "install", story.file("jws"))
    story.license()
