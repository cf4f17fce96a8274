"""What lies in a data folder is what the settings say that lies there."""

import re
from pathlib import Path

from tests.room.site import Pages

SETTINGS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_whatever_lies_in_a_served_sites_folder_is_documented(site: Pages) -> None:
    table = SETTINGS.read_text().split("| Control Room | |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`([\w.-]+)`", row)}
    found = {path.name.replace("-shm", "-wal") for path in site.folder.iterdir()}
    assert {"control-room.sqlite3", "pages.sqlite3", "engine.sock", "lock"} <= found
    assert found <= documented
