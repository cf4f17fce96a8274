"""A closed site's years: the first installation, the exchange, an upgrade in place, and no way down by mistake."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from bundle.building import version
from bundle.make import sign
from bundle.signing import trial_key
from tests.delivery.bundles import NEWER, Built
from tests.delivery.machine import InstalledRoom, Machine, without_network
from tests.journeys.commands import SEATS, Story, begin, tables

REFUSED = 3


def test_these_tests_have_a_place_without_network() -> None:
    if not without_network():
        pytest.skip("no network namespace can be made here: the installation ran with a network it did not need")
    done = subprocess.run([*without_network(), "cat", "/proc/net/route"], capture_output=True, text=True)
    assert len(done.stdout.splitlines()) <= 1, "there is no road out"


def test_a_site_without_network_installs_exchanges_upgrades_and_does_not_go_back(
    built: Built, installer: ModuleType, tmp_path: Path
) -> None:
    machine = Machine(tmp_path)
    first, newer = machine.unpack(built, "first"), machine.unpack(built, "newer", NEWER)
    _install_first(machine, first)
    _years(machine, first, newer, _exchange(machine), built, installer)


def _years(machine: Machine, first: Path, newer: Path, story: Story, built: Built, installer: ModuleType) -> None:
    _spoiled_ones_are_refused(machine, newer, built)
    _interrupted(machine, newer)
    with _server(machine):
        lease = story.site("seat", "acquire", SEATS, "--holder", "bot-17")["lease_id"]
        _upgrade(machine, newer)
        assert story.state()["version"] == version(), "the server that runs is the one that was started"
    with _server(machine):
        assert story.site("seat", "renew", lease)["holder"] == "bot-17"
        assert story.state()["version"] == NEWER
    assert story.site("ledger", "verify")["holds"] is True
    story.license("--kind", "change")  # the exchange goes on

    _no_way_down(machine, first, story, installer)
    _the_way_back(machine, story)


def _install_first(machine: Machine, bundle: Path) -> None:
    done = machine.install(bundle, "--without-compiling")
    assert done.code == 0, done
    assert machine.in_use() == version()
    assert "init --trust" in done.out


def _exchange(machine: Machine) -> Story:
    """Token, request, license: with the vendor's CALM of this checkout, through a folder."""
    site = InstalledRoom(data=machine.data, machine=machine, program=machine.prefix / "bin" / "control-room")
    story = begin(machine.folder, site=site)
    assert story.state()["state"] == "active"
    return story


def _spoiled_ones_are_refused(machine: Machine, newer: Path, built: Built) -> None:
    """By the installed release, before anything is changed; also where the checksums were made to fit."""
    before = sorted((machine.prefix / "versions").iterdir())
    spoiled = machine.folder / "spoiled" / newer.name
    shutil.copytree(newer, spoiled)
    (spoiled / "wheels" / "more.whl").write_bytes(b"x")
    done = machine.install(spoiled)
    assert (done.code, "does not belong" in done.err) == (REFUSED, True), done
    (spoiled / "wheels" / "more.whl").unlink()
    sign(trial_key(machine.folder / "another-vendor.key"), spoiled)
    done = machine.install(spoiled)
    assert (done.code, "bad_signature" in done.err) == (REFUSED, True), done
    carnet = machine.prefix / "bin" / "carnet"
    assert machine.run(carnet, "verify-bundle", built.archive("newer", NEWER)).code == 0
    altered = machine.folder / "altered.tar.gz"
    altered.write_bytes(built.archive("newer", NEWER).read_bytes())
    with altered.open("r+b") as file:
        file.seek(altered.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    done = machine.run(carnet, "verify-bundle", altered)
    assert (done.code, "refused: " in done.err) == (REFUSED, True), done
    assert sorted((machine.prefix / "versions").iterdir()) == before
    assert machine.in_use() == version()


def _interrupted(machine: Machine, newer: Path) -> None:
    """Killed while it installs: the earlier release goes on."""
    process = machine.start(*machine.install_words(newer))
    assert process.stdout
    assert process.stderr
    for line in process.stdout:
        if line.startswith("Installing the wheels"):
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert machine.in_use() == version()
    assert machine.run(machine.prefix / "bin" / "control-room", "status").code == 0


@contextmanager
def _server(machine: Machine) -> Iterator[None]:
    """The installed release serves. No other machine can reach it, and it needs none: commands ask it by its socket."""
    program, anywhere = machine.prefix / "bin" / "control-room", ("--host", "0.0.0.0", "--port", "0")
    process = machine.start(program, "serve", *anywhere, "--plain-http-behind-a-proxy", "--proxy", "127.0.0.1")
    try:
        assert process.stderr
        first = process.stderr.readline()
        assert json.loads(first)["event"] == "ready", first
        yield
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
        assert process.returncode == 0, log
    finally:
        process.kill()
        process.communicate()


def _upgrade(machine: Machine, newer: Path) -> None:
    before = tables(machine.data / "control-room.sqlite3")
    done = machine.install(newer, "--without-compiling")
    assert done.code == 0, done
    assert f"Installed is {version()}" in done.out
    assert f"from {version()} to {NEWER}" in done.out, "what is migrated was said"
    assert "site.upgraded" in done.out
    assert machine.in_use() == NEWER
    assert (machine.data / f"before-{NEWER}.backup").stat().st_mode & 0o077 == 0
    assert tables(machine.data / "control-room.sqlite3") == before, "it was said, not done: that is the first start's"


def _no_way_down(machine: Machine, first: Path, story: Story, installer: ModuleType) -> None:
    """The installer refuses; and so does the older program itself, where somebody starts it by hand."""
    before = tables(machine.data / "control-room.sqlite3")
    done = machine.install(first)
    assert done.code == REFUSED
    assert f"Version {NEWER} is installed; this is {version()}" in done.err
    assert f"before-{NEWER}.backup" in done.err, "the way back is said"
    older = _older(machine, story)
    for words in (("status",), ("seat", "acquire", SEATS, "--holder", "bot-18")):
        done = older.run(*words, "--data", str(machine.data))
        assert done.code == 1
        assert f"written by version {NEWER}" in done.err
    with pytest.raises(SystemExit) as stopped:  # as in a new prefix, where nothing newer is installed
        installer.look_at_ledger(older.program.parents[1], machine.prefix, "", {"data": str(machine.data)}, skip=False)
    assert stopped.value.code == REFUSED
    assert machine.in_use() == NEWER
    assert tables(machine.data / "control-room.sqlite3") == before


def _older(machine: Machine, story: Story) -> InstalledRoom:
    assert isinstance(story.site, InstalledRoom)
    return replace(story.site, program=machine.prefix / "versions" / version() / "bin" / "control-room")


def _the_way_back(machine: Machine, story: Story) -> None:
    """As the refusal says: the backup, restored by the older release into an empty folder."""
    older, empty = _older(machine, story), machine.folder / "empty"
    phrase = ("--passphrase-file", str(machine.data / "passphrase"), "--data", str(empty))
    older("restore", str(machine.data / f"before-{NEWER}.backup"), *phrase)
    assert older("status", *phrase)["version"] == version()
