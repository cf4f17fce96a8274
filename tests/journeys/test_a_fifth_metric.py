"""A kind of product is one file: a release that has one more, licenses of devices, differs from this one in the module
of the kinds alone. All that is tested of each kind is tested of that one, at every door and page of both sides."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.journeys.commands import ROOT, Story, day, tables
from tests.journeys.test_two_releases import calm_of
from tests.support.other_release import SOURCE

DEVICE = """
    DEVICE = (
        "device",
        MetricKind(
            taking=Taking.ASSIGN,
            holders=Holders(
                are_leased=False,
                hold=("{count} device holds one", "{count} devices hold one"),
                lose=("{count} device may not run {name} any more", "{count} devices may not run {name} any more"),
            ),
            has_quantity=True,
            counts_units=False,
            is_periodic=False,
            owes_overage=False,
            usual_outlook="lasts",
            slug="devices",
            icon="monitor",
            tab="Devices",
            title="Devices",
            counted_as="devices, by name",
            one="device",
            many="devices",
            when_missed="lock: devices that hold one may go on",
            use=_HELD,
            questions={HypotheticalUse.ASSIGN: "Assign a device", HypotheticalUse.HOLD: "Devices that hold a license"},
        ),
    )
"""
pytestmark = [pytest.mark.server, pytest.mark.slow]
TESTS = {
    "kind": "tests/unit/entitlements/test_metrics.py",
    "exchange": "tests/journeys/test_every_metric.py",
    "Control Room": "tests/room/test_every_metric.py",
    "CALM": "tests/web/test_every_metric.py",
}
CATALOGUE = b'[[product]]\nsku = "kiosk"\nname = "Kiosk"\nmetric = "device"\nunit = "device"\n'


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `PYTHONPATH` must name to run the release that has a fifth kind."""
    folder = tmp_path_factory.mktemp("fifth")
    shutil.copytree(SOURCE / "carnet", folder / "carnet", ignore=shutil.ignore_patterns("__pycache__"))
    module = folder / "carnet" / "entitlements" / "metrics.py"
    before, mark, after = module.read_text().partition("\n    def __new__(cls, name: str")
    module.write_text(before + DEVICE + mark + after)
    return folder


@pytest.mark.parametrize("where", TESTS)
def test_it_goes_through_every_door(release: Path, where: str) -> None:
    words = [
        sys.executable,
        "-m",
        "pytest",
        TESTS[where],
        "-k",
        "device or kinds",
        "-p",
        "no:randomly",
        "-p",
        "no:xdist",
    ]
    world = os.environ | {"PYTHONPATH": str(release)}
    world = {name: value for name, value in world.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(words, cwd=ROOT, env=world, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed, done.stdout


@pytest.mark.rule("E13", "E17", "malformed")
def test_a_release_that_does_not_know_it_refuses_it_and_changes_nothing(
    story: Story, release: Path, tmp_path: Path
) -> None:
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_bytes(CATALOGUE)
    request = story.accept(story.ask())
    newer = calm_of(replace(story, standard=story.standard | {"kiosk": 3}), release)
    newer.calm("catalogue", "load", str(catalogue))
    order = ("purchase", "add", "--account", "Northwind", "--product", "kiosk", "--quantity", "3")
    newer.bought["kiosk"] = newer.calm(*order, "--from", day(0), "--until", day(365))["purchase"]
    olf = newer.issue(request)
    before = tables(story.site.data / "control-room.sqlite3")["document"]
    refusal = story.site.refused("license", "install", olf)
    assert refusal["code"] == "malformed"
    assert "lines[3].metric" in refusal["message"]
    assert tables(story.site.data / "control-room.sqlite3")["document"] == before
    assert story.state()["installed"]["sequence"] == 1
