"""What the guide tells auditors to run, run: on a real file of each kind, with nothing but Python and openssl."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.cast import MONDAY
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor

pytestmark = pytest.mark.server

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "auditor.md").read_text()
CORPUS = Path(__file__).parents[1] / "vectors" / "hostile"
KEYS = {
    "keyset": "trust.json",
    "token": "key-set.jws",
    "olf": "key-set.jws",
    "lfr": "good.lfr",
    "receipt": "good.lfr",
}


def _run(file: Path, keys: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    (script,) = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    line = ["sh", "-c", f"FILE={file}\nKEYS={keys}\n{script}"]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.rule("L5")
@pytest.mark.parametrize("kind", KEYS)
def test_a_file_of_each_kind_is_read_and_verified_with_standard_tools(kind: str, tmp_path: Path) -> None:
    good, keys = CORPUS / f"good.{kind}", CORPUS / KEYS[kind]
    done = _run(good, keys, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    assert "Key: " in done.stdout
    raw = good.read_text()
    (payload,) = re.findall(r'^\{"payload":"([^"]+)"', raw)
    altered = tmp_path / "altered"
    altered.write_text(raw.replace(payload, payload[:-2] + ("A" if payload[-2] != "A" else "B") + payload[-1]))
    assert _run(altered, keys, tmp_path).returncode != 0


@pytest.mark.rule("L5")
@pytest.mark.security
@pytest.mark.parametrize("kind", ["keyset", "token", "olf", "receipt"])
def test_a_key_of_somebody_else_vouches_for_nothing(kind: str, tmp_path: Path) -> None:
    """Their own request is no place where the vendor's key comes from, nor another site's for a receipt."""
    other = tmp_path / "other.lfr"
    vendor = Vendor()
    room = Room(vendor.trust)
    room.enable(vendor.token(MONDAY))
    other.write_bytes(room.request())
    assert (
        "No signature of this file is by a key that is in KEYS" in _run(CORPUS / f"good.{kind}", other, tmp_path).stderr
    )


@pytest.mark.rule("L5")
def test_a_request_of_a_site_shows_its_number(tmp_path: Path) -> None:
    vendor = Vendor()
    room = Room(vendor.trust)
    room.enable(vendor.token(MONDAY))
    file = tmp_path / "plant-7-0001.lfr"
    file.write_bytes(room.request())
    done = _run(file, file, tmp_path)
    assert done.returncode == 0, done.stderr
    assert '"sequence": 1' in done.stdout
