"""H1 under concurrency: two operators, two processes, one database on disk, the last units."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

OPERATOR = """
import sys, pathlib, time
import django; django.setup()
from carnet.calm.issuing.asking import Asked
from carnet.calm.issuing.context import Calm
from carnet.calm.issuing.license_files import issue_license_file
from carnet.calm.issuing_log.head import FileHead
from carnet.calm.signing.keyring import FileKeyring
from carnet.exchange.verdicts import Refusal
from carnet.vault import Vault
from tests.calm.conftest import NOW
from random import Random

folder, request, name = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
lock = (folder / "lock").read_bytes()
keys = FileKeyring(folder / "keys", lambda: Vault.open(lock, b"correct horse"))
calm = Calm(keys, Random(name).randbytes, FileHead(folder / "head"))
(folder / f"ready-{name}").touch()
while len(list(folder.glob("ready-*"))) < 2:
    pass
answer = issue_license_file(calm, request=request, asked=Asked(products={"bot-creator": 6}), now=NOW, by=name)
print(answer.code.value if isinstance(answer, Refusal) else "issued")
"""

SET_UP = """
import sys, pathlib
import django; django.setup()
from django.core.management import call_command; call_command("migrate", verbosity=0)
from carnet.calm.issuing_log.head import FileHead
from carnet.calm.signing.keyring import FileKeyring
from carnet.vault import Vault
from tests.calm.conftest import World

folder = pathlib.Path(sys.argv[1])
class OnDisk(World):
    def open(self):
        vault, lock = Vault.create(b"correct horse", self.random)
        (folder / "lock").write_bytes(lock)
        return FileKeyring(folder / "keys", lambda: vault), FileHead(folder / "head")
world = OnDisk()
world.buy("bot-creator", 10)
for guid in ("north", "south"):
    print(world.accept(world.site(guid).request(world.now), guid).request)
"""


def run(folder: Path, script: str, *arguments: str) -> "subprocess.Popen[str]":
    places = {"CARNET_CALM_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "carnet.calm.settings"}
    command = [sys.executable, "-c", script, str(folder), *arguments]
    root = Path(__file__).parents[2]
    return subprocess.Popen(command, env=os.environ | places, cwd=root, stdout=subprocess.PIPE, text=True)


@pytest.mark.rule("H1", "over_entitlement")
def test_two_operators_who_issue_the_last_units_at_once_one_wins(tmp_path: Path) -> None:
    requests = run(tmp_path, SET_UP).communicate()[0].split()
    operators = [
        run(tmp_path, OPERATOR, request, name) for request, name in zip(requests, ("olga", "omar"), strict=True)
    ]
    answers = sorted(operator.communicate(timeout=60)[0].strip() for operator in operators)
    assert answers == ["issued", "over_entitlement"]
