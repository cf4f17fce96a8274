"""Terminals that are not UTF-8: a command that acted says so, whatever the encoding lacks; JSON is ASCII."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.commands import SEATS, Story

pytestmark = pytest.mark.server


def _at(encoding: str, story: Story, *words: str) -> tuple[int, str, str]:
    program = str(Path(sys.executable).with_name(story.site.command))
    env = os.environ | {"PYTHONIOENCODING": encoding, "COLUMNS": "200"}
    done = subprocess.run([program, *story.site.line(*words)], capture_output=True, env=env, check=False)
    return done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding)


@pytest.mark.parametrize("encoding", ["euc_jp", "iso-8859-1", "ascii"])
def test_no_command_dies_after_acting(story: Story, encoding: str, tmp_path: Path) -> None:
    code, _, err = _at(encoding, story, "request", "generate", "--out", str(tmp_path / "x.lfr"))
    assert (code, err) == (0, "")
    assert story.accept(str(tmp_path / "x.lfr"))
    for number in range(3):
        code, _, err = _at(encoding, story, "seat", "acquire", SEATS, "--holder", f"bot-“{number}”-ø-漢")
        assert code == (0 if number < 2 else 3), err
        assert "Traceback" not in err
    for words in (("status",), ("license", "show"), ("ledger", "show"), ("usage", "show"), ("status", "--help")):
        assert _at(encoding, story, *words)[0] == 0


def test_what_cannot_be_shown_is_replaced_and_json_is_ascii(story: Story) -> None:
    story.site("seat", "acquire", SEATS, "--holder", "bot-漢")
    code, out, _ = _at("ascii", story, "ledger", "show", "--last", "1")
    assert (code, "\\u6f22" in out) == (0, True), out
    code, out, _ = _at("utf-8", story, "ledger", "show", "--last", "1", "--json")
    assert out.isascii()
    assert json.loads(out)[0]["body"]["holder"] == "bot-漢"
