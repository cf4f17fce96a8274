"""The tables that each side makes are those that its models say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.server


@pytest.mark.parametrize("settings", ["carnet.calm.portal.settings", "carnet.control_room.pages.settings"])
def test_no_model_has_changed_without_its_migration(settings: str, tmp_path: Path) -> None:
    world = os.environ | {"DJANGO_SETTINGS_MODULE": settings, "CARNET_CALM_DATA": str(tmp_path)}
    words = [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run"]
    done = subprocess.run(words, env=world, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "No changes detected\n"), done.stdout
