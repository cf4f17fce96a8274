"""What lies in CALM's data folder is what the settings say that lies there."""

import re
from pathlib import Path

from tests.journeys.commands import Story

SETTINGS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_whatever_lies_in_calms_folder_is_documented(story: Story) -> None:
    table = SETTINGS.read_text().split("| CALM | |")[1].split("\n\n")[0]
    documented = {
        name.strip("/")
        for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", row)
    }
    found = {path.name for path in story.calm.data.iterdir()}
    assert {"calm.sqlite3", "keys", "issuing-log.head"} <= found
    assert found <= documented
