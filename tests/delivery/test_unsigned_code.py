"""Code that the vendor did not sign, in the vendor's archive: it must not run, and not be taken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

from bundle.archive import pack
from bundle.make import sign, sign_archive, take
from bundle.place import CONTENTS, ROOT, uncommitted
from bundle.signing import ReleaseKey, trial_key
from bundle.wheels import MissingWheelError, Pin
from carnet.bundles import FIRST, LATTICE_SIGNATURE, SIGNATURE, verify_bundle
from carnet.exchange.verdicts import Code, Refusal
from tests.delivery.bundles import Built, small_folder
from tests.support.other_user import OTHER, a_place, as_other, folder_of, needs_root

REFUSED = 3

# What Python would take for a module of its own, were the folder of the script, or the current one, searched.
MODULES = ("__future__", "argparse", "json", "os", "pathlib", "posix", "sys", "venv", "encodings/idna", "sitecustomize")


@pytest.fixture
def key(tmp_path: Path) -> ReleaseKey:
    return trial_key(tmp_path / "release.key")


@pytest.fixture
def folder(tmp_path: Path, key: ReleaseKey) -> Path:
    """A signed release whose installer is the real one."""
    folder = small_folder(tmp_path, key)
    shutil.copy(CONTENTS / "install.py", folder / "install.py")
    sign(key, folder)
    return folder


def _plant(folder: Path, module: str) -> Path:
    """A module that says that it ran, then removes itself so that no later look finds it."""
    ran, planted = folder.parent / "ran", folder / f"{module}.py"
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(f"import posix\nopen({str(ran)!r}, 'w').close()\nposix.unlink({str(planted)!r})\n")
    return ran


def _install(
    folder: Path, *python: str, prefix: Path | None = None, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """From within the folder; `python`: options of Python itself."""
    words = [sys.executable, *python, "install.py", "--prefix", str(prefix or folder.parent / "prefix"), *options]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True)


@pytest.mark.security
@pytest.mark.rule("D1")
@pytest.mark.parametrize("isolated", [(), ("-I",)], ids=["python3", "python3 -I"])
@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_was_added_to_the_archive_is_refused_and_never_run(
    module: str, isolated: tuple[str, ...], folder: Path
) -> None:
    ran = _plant(folder, module)
    done = _install(folder, *isolated)
    assert not ran.exists(), "code that nobody signed ran"
    assert (done.returncode, "does not belong to the release" in done.stderr) == (REFUSED, True), done
    assert not (folder.parent / "prefix").exists()


@pytest.mark.security
@pytest.mark.rule("D1")
@pytest.mark.parametrize("options", [(), ("--signature-checked",), ("--leave-data-alone",)], ids=" ".join)
def test_no_option_of_an_upgrade_takes_a_module_that_was_added(options: tuple[str, ...], folder: Path) -> None:
    """Over a release in use that would say yes to everything."""
    in_use = folder.parent / "prefix" / "versions" / "40.0.0"
    (in_use / "bin").mkdir(parents=True)
    (in_use / ".whole").write_text("40.0.0\n")
    (in_use / "bin" / "carnet").symlink_to("/bin/true")
    (folder.parent / "prefix" / "current").symlink_to("versions/40.0.0")
    ran = _plant(folder, "argparse")
    done = _install(folder, options=options)
    assert (done.returncode, "does not belong to the release" in done.stderr) == (REFUSED, True), done
    assert not ran.exists()
    assert [path.name for path in in_use.parent.iterdir()] == ["40.0.0"]


@pytest.mark.security
@pytest.mark.rule("D1")
@pytest.mark.parametrize("how", ["a link", "a link to a folder", "a pipe", "an empty folder", "an odd name", "hidden"])
def test_whatever_else_was_added_to_the_folder_is_refused(
    how: str, folder: Path, key: ReleaseKey, installer: ModuleType
) -> None:
    installer.check_sums(folder)
    if how == "a link":
        (folder / "wheels" / "two.whl").symlink_to("one.whl")
    elif how == "a link to a folder":
        (folder / "more").symlink_to("wheels")
    elif how == "a pipe":
        os.mkfifo(folder / "more")
    elif how == "an empty folder":
        (folder / "more" / "inner").mkdir(parents=True)
    else:
        (folder / {"an odd name": "wheels\nbundle.json", "hidden": ".pth"}[how]).write_text("")
    with pytest.raises(SystemExit) as stopped:
        installer.check_sums(folder)
    assert stopped.value.code == REFUSED
    answer = verify_bundle(folder, key.both_pem())
    assert isinstance(answer, Refusal)
    assert answer.code is Code.MALFORMED


@pytest.mark.security
@pytest.mark.rule("D1")
def test_nothing_of_a_release_is_read_before_the_list_was_compared(folder: Path) -> None:
    """What says which release it is included."""
    (folder / "bundle.json").write_text("{" * 10)
    done = _install(folder)
    assert (done.returncode, "bundle.json is missing, or was altered" in done.stderr) == (REFUSED, True), done


@pytest.mark.security
@pytest.mark.rule("D1")
def test_a_list_that_is_not_one_is_refused(folder: Path, installer: ModuleType) -> None:
    for text in ("", "x", "0" * 64 + "  bundle.json extra\n", "0" * 64 + " bundle.json\n"):
        (folder / "SHA256SUMS").write_text(text)
        with pytest.raises(SystemExit) as stopped:
            installer.check_sums(folder)
        assert stopped.value.code == REFUSED


@needs_root
@pytest.mark.security
@pytest.mark.rule("D1")
def test_root_installs_nothing_from_or_into_a_folder_that_others_can_change(folder: Path, installer: ModuleType):
    with a_place() as place:
        theirs = folder_of(OTHER, place / "theirs")
        copy = place / folder.name
        shutil.copytree(folder, copy)
        assert installer.changed_by_others(copy) is None
        assert installer.changed_by_others(theirs / "release") == theirs
        os.chown(copy / "wheels" / "one.whl", OTHER, OTHER)
        with pytest.raises(SystemExit) as stopped:
            installer.check_sums(copy)
        assert stopped.value.code == REFUSED
        theirs.chmod(0o755)
        as_other(lambda: (theirs / "release").symlink_to(copy))
        assert installer.changed_by_others(theirs / "release") == theirs, "they can let the link lead elsewhere"
        done = _install(folder, prefix=theirs / "prefix")
        assert (done.returncode, "is not root's alone" in done.stderr) == (REFUSED, True), done
        assert [path.name for path in theirs.iterdir()] == ["release"]


# --- by hand, with what every machine has ---------------------------------------------------------------------------


def _commands(heading: str) -> list[str]:
    """The commands of one part of the guide."""
    text = (ROOT / "docs" / "guides" / "site-install.md").read_text()
    part = text.split(f"**{heading}", 1)[1].split("\n\n**")[0].split("\n## ")[0]
    return [line[4:] for line in part.splitlines() if line.startswith("    ")]


def _by_hand(lines: list[str], place: Path, archive: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(place), "A": archive}
    script = "\n".join(["set -e", *lines])
    return subprocess.run(["bash", "-c", script], cwd=place, env=env, capture_output=True, text=True)


@pytest.fixture
def carried(folder: Path, key: ReleaseKey, tmp_path: Path) -> Path:
    """What is carried to a site: the archive, and the signatures over it. The vendor's key came before."""
    place = tmp_path / "carried"
    place.mkdir()
    archive = place / f"{folder.name}.tar.gz"
    pack(folder, FIRST, (), 1_700_000_000, archive)
    sign_archive(key, archive)
    (place / "vendor.pem").write_bytes(key.pem())
    (place / "allowed_signers").write_bytes(key.allowed_signers())
    return archive


BEFORE, AFTER = "Before the first installation", "Where it is unpacked already"


@pytest.mark.security
@pytest.mark.rule("D1")
@pytest.mark.parametrize("tool", ["openssl", "ssh-keygen"])
def test_by_hand_an_archive_is_judged_before_anything_of_it_is_unpacked(tool: str, carried: Path, folder: Path) -> None:
    lines = [line for line in _commands(BEFORE) if tool in line and "verify" in line]
    assert len(lines) == 1
    assert _by_hand(lines, carried.parent, folder.name).returncode == 0
    before = carried.read_bytes()
    (folder / "argparse.py").write_text("")
    pack(folder, FIRST, (), 1_700_000_000, carried)
    assert _by_hand(lines, carried.parent, folder.name).returncode != 0, "one file more"
    carried.write_bytes(before + b"\0")
    assert _by_hand(lines, carried.parent, folder.name).returncode != 0, "one byte more"


@pytest.mark.security
@pytest.mark.rule("D1")
@pytest.mark.parametrize("how", ["as it was", "a module more", "a link in place of a file", "a link more", "altered"])
def test_by_hand_a_folder_with_anything_unlisted_is_refused(how: str, folder: Path, key: ReleaseKey) -> None:
    (folder.parent / "vendor.pem").write_bytes(key.pem())
    wheel = folder / "wheels" / "one.whl"
    if how == "a module more":
        (folder / "argparse.py").write_text("")
    elif how == "a link in place of a file":
        wheel.rename(folder.parent / "one.whl")
        wheel.symlink_to(folder.parent / "one.whl")
    elif how == "a link more":
        (folder / "argparse.py").symlink_to(wheel)
    elif how == "altered":
        wheel.write_bytes(b"x")
    done = _by_hand(_commands(AFTER), folder.parent, folder.name)
    assert (done.returncode == 0) is (how == "as it was"), done


@pytest.mark.security
@pytest.mark.rule("D1")
def test_the_readme_of_a_release_says_the_same_commands_as_the_guide() -> None:
    text = " ".join((CONTENTS / "README.txt").read_text().replace("\\\n", " ").split())
    for line in [*_commands(BEFORE), *_commands(AFTER)]:
        if not line.startswith(("cd ", "openssl pkey -")):
            assert line in text, line


@pytest.mark.security
@pytest.mark.rule("D1")
def test_on_a_bots_machine_no_module_of_the_folder_is_imported(built: Built, tmp_path: Path) -> None:
    """In the unpacked folder, with modules beside that Python and pip would take for their own."""
    with tarfile.open(built.archive("first")) as tar:
        tar.extractall(tmp_path, filter="data")
    folder = tmp_path / built.name()
    ran = [_plant(folder, module) for module in ("venv", "pip", "ensurepip", "argparse", "sitecustomize")]
    part = (ROOT / "docs" / "guides" / "site-install.md").read_text().split("## Machines with bots")[1]
    lines = [line[4:] for line in part.splitlines() if line.startswith("    ")]
    python = Path(sys.base_prefix) / "bin"
    script = "\n".join(["set -e", *lines, '~/bots/bin/python -I -c "import carnet.sdk"'])
    env = {"PATH": f"{python}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done
    assert not any(mark.exists() for mark in ran)


# --- at the vendor's ------------------------------------------------------------------------------------------------


@pytest.mark.security
@pytest.mark.rule("D1", "bad_signature")
@pytest.mark.parametrize("forged", [SIGNATURE, LATTICE_SIGNATURE])
def test_a_release_with_one_true_signature_of_two_is_refused(
    forged: str, folder: Path, key: ReleaseKey, tmp_path: Path
) -> None:
    other, sums = trial_key(tmp_path / "other.key"), (folder / "SHA256SUMS").read_bytes()
    made = other.sign(sums) if forged == SIGNATURE else other.lattice_sign(sums)
    (folder / forged).write_bytes(made)
    answer = verify_bundle(folder, key.both_pem() + other.both_pem())
    assert isinstance(answer, Refusal)
    assert answer.code is Code.BAD_SIGNATURE


@pytest.mark.security
@pytest.mark.rule("D1")
def test_a_wheel_that_changed_after_it_was_compared_is_not_signed(tmp_path: Path) -> None:
    wheel = tmp_path / "one-1-py3-none-any.whl"
    wheel.write_bytes(b"as the lock names it")
    pin = Pin(Requirement("one==1"), frozenset({sha256(wheel.read_bytes()).hexdigest()}))
    (tmp_path / "into").mkdir()
    take(wheel, pin, tmp_path / "into")
    wheel.write_bytes(b"another")
    with pytest.raises(MissingWheelError):
        take(wheel, pin, tmp_path / "into")


@pytest.mark.security
@pytest.mark.rule("D1")
@pytest.mark.parametrize("name", ["src/carnet/argparse.py", "src/carnet/x.backup", "bundle/contents/posix.py"])
def test_a_file_that_nobody_committed_is_not_signed(name: str, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("*.backup\n__pycache__/\n")
    for there in ("src/carnet/__init__.py", "bundle/make.py"):
        (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / there).write_text("")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["add", "."], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", "-C", tmp_path, *words], check=True)
    (tmp_path / "src/carnet/__pycache__").mkdir()
    (tmp_path / "src/carnet/__pycache__/x.pyc").write_text("")
    assert uncommitted(tmp_path) == []
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("")
    assert [each.rstrip("/") for each in uncommitted(tmp_path)] == [name]
    (tmp_path / name).unlink()
    (tmp_path / "src/carnet/__init__.py").write_text("changed")
    assert uncommitted(tmp_path) == ["src/carnet/__init__.py"]
