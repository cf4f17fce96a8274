"""One CALM in a folder, its clerk, and its real server: `calm serve`, in a process of its own, on this machine only."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.browser.clerk import OLGA, OTTO, PASSWORD, SECRET
from tests.support.kept_logs import keep, new_name, secret
from tests.support.site_simulator import Site

AUDITOR, CLARA, VERA = "anders@vendor.example", "clara", "vera"  # a customer's two are clara@ and vera@ their account
OTHERS = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "CARNET_PASSPHRASE_FILE")  # of this process, not of theirs
READY = re.compile(r"CALM answers at (http://\S+)\. ")


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class Office:
    """`address`: of the portal, once it serves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "calm"
        self.address = ""
        self.states: dict[str, Any] = {}  # who is signed in: what their browser keeps
        self.signed_in_at: dict[str, float] = {}  # monotonic seconds
        self._log = (folder / "serve.log").open("w")
        self._said = (folder / "serve.out").open("w")
        inherited = {name: value for name, value in os.environ.items() if name not in OTHERS}
        self._world = inherited | {"CARNET_DATA": str(self.folder)}
        self._clerk = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.clerk", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._world,
        )
        self._server: subprocess.Popen[str] | None = None
        self._count = 0
        secret(PASSWORD, "a password")
        secret(SECRET, "a secret of one-time passwords")

    def do(self, order: str, /, **fields: Any) -> dict[str, Any]:
        """An order for the clerk; the answer."""
        clerk = self._clerk
        assert clerk.stdin
        assert clerk.stdout
        clerk.stdin.write(json.dumps({"do": order} | {k: v for k, v in fields.items() if v is not None}) + "\n")
        clerk.stdin.flush()
        line = clerk.stdout.readline()
        assert line, f"The clerk ended with {clerk.wait()} at “{order}”."
        answer: dict[str, Any] = json.loads(line)
        return answer

    def found(self, at: datetime | None = None) -> None:
        when = at.isoformat() if at else None
        self.do("found", at=when)
        for email, name, role in (
            (OLGA, "Olga Nord", "operator"),
            (OTTO, "Otto Berg", "approver"),
            (AUDITOR, "Anders Lie", "auditor"),
        ):
            self.do("person", email=email, name=name, role=role, at=when)

    def serve(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        words = ["serve", "--plain-http", "--optional-second-factor", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
        program = Path(sys.executable).with_name("calm")
        self._server = subprocess.Popen(
            [program, *words], stdout=self._said, stderr=self._log, text=True, env=self._world
        )
        self.address = self._ready(self._server)

    def _ready(self, server: subprocess.Popen[str]) -> str:
        """The address in its ready line, waited for 60 seconds."""
        until = time.monotonic() + 60
        while server.poll() is None and time.monotonic() < until:
            if found := READY.search(self.said()):
                return found[1]
            time.sleep(0.05)
        raise AssertionError(f"The portal did not start: {self.said()}{self.log()}")

    def said(self) -> str:
        """What the server printed: how to sign in, and mail."""
        return Path(self._said.name).read_text()

    def log(self) -> str:
        return Path(self._log.name).read_text()

    def close(self) -> None:
        if self._server:
            self._server.terminate()
            self._server.wait(30)
        assert self._clerk.stdin
        self._clerk.stdin.close()
        self._clerk.wait(30)
        if self._clerk.stdout:
            self._clerk.stdout.close()
        self._keep_log()
        self._log.close()
        self._said.close()

    def _keep_log(self) -> None:
        """What it printed for whoever started it is no log: links to choose a password are there."""
        for link in re.findall(r"/choose/(\S+?)/?\s", self.said()):
            secret(link, "a link to choose a password")
        for state in self.states.values():
            for cookie in state["cookies"]:
                if cookie["name"] == "calm_session":
                    secret(cookie["value"], "a session")
        keep(new_name("calm-serve"), self.log())

    # what tests of the pages begin with

    def customer(self, *, approved: bool = True, **bought: int) -> Customer:
        """An account of its own for one test, with its two people, its purchases (sku with _ for -) and one GUID."""
        self._count += 1
        name = f"Customer {self._count}"
        account = self.do("account", name=name)["account"]
        clara, vera = (f"{who}@customer{self._count}.example" for who in (CLARA, VERA))
        self.do("person", email=clara, name="Clara Holm", role="administrator", account=account)
        self.do("person", email=vera, name="Vera Lund", role="viewer", account=account)
        for sku, quantity in bought.items():
            self.do("buy", account=account, sku=sku.replace("_", "-"), quantity=quantity)
        if approved:
            self.do("approve", account=account)
        guid = self.do("guid", account=account, label="Plant North")["guid"]
        return Customer(self, account, name, guid, clara, vera)


class Customer:
    def __init__(self, office: Office, account: str, name: str, guid: str, clara: str, vera: str) -> None:
        self.office, self.account, self.name, self.guid = office, account, name, guid
        self.clara, self.vera = clara, vera

    @property
    def page(self) -> str:
        return f"/accounts/{self.account}/"

    @property
    def room(self) -> str:
        return f"/guids/{self.guid}/"

    def new_site(self, name: str = "Plant North") -> Site:
        """A machine; not yet enabled."""
        site = Site(os.urandom, id="", name=name)
        site.id = site.new_uuid()
        site.note(40)
        return site

    def site(self, products: dict[str, int] | None = None) -> Site:
        """An enabled one; licensed, where products are named."""
        site = self.new_site()
        site.install_token(bytes.fromhex(self.office.do("token", account=self.account)["raw"]))
        if products:
            receipt = site.install(self.answer(site, products), now())
            self.office.do("receipt", raw=receipt.hex())
        return site

    def take(self, site: Site, kind: str = "change") -> str:
        return str(self.office.do("take", guid=self.guid, raw=site.request(now(), kind).hex())["lfr"])

    def answer(self, site: Site, products: dict[str, int]) -> bytes:
        issued = self.office.do("issue", request=self.take(site), products=products)
        return bytes.fromhex(issued["raw"])
