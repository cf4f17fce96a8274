"""What the guide tells auditors to run, run: on a real request, with nothing but Python and openssl."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.cast import MONDAY
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor

pytestmark = pytest.mark.server

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "auditor.md").read_text()


def _run(file: Path) -> subprocess.CompletedProcess[str]:
    (script,) = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    line = ["sh", "-c", f"FILE={file}\n{script}"]
    return subprocess.run(line, cwd=file.parent, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.rule("L5")
def test_a_request_is_read_and_verified_with_standard_tools(tmp_path: Path) -> None:
    vendor = Vendor()
    room = Room(vendor.trust)
    room.enable(vendor.token(MONDAY))
    file = tmp_path / "plant-7-0001.lfr"
    file.write_bytes(room.request())
    done = _run(file)
    assert done.returncode == 0, done.stderr
    assert '"sequence": 1' in done.stdout
    assert "Signature Verified Successfully" in done.stdout
    raw = file.read_text()
    (payload,) = re.findall(r'"payload":"([^"]+)"', raw)
    other = payload[:-2] + ("A" if payload[-2] != "A" else "B") + payload[-1]
    file.write_text(raw.replace(payload, other))
    assert _run(file).returncode != 0
