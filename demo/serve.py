"""Both sites of the demo, to look at in a browser: the vendor's portal and the Control Room's server, each with data
that the real commands made. `make serve` starts them; Ctrl-C stops both. demo/portal is made again each time.
"""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx

import story
from story import HERE, Side, WrongTurn, console
from walk import day

HOME = HERE / "portal"
HIDDEN = HOME / "secrets"
calm = Side("calm", HOME / "calm", HIDDEN / "portal.passphrase", "blue")
oslo = Side("control-room", HOME / "oslo", HIDDEN / "oslo.passphrase", "magenta")
bergen = Side("control-room", HOME / "bergen", HIDDEN / "bergen.passphrase", "magenta")

BOTS, PAGES, CREATORS, AI = "unattended-bot-runner", "document-pages", "bot-creator", "automator-ai"
PEOPLE = (
    ("nina@vendor.example", "Nina Falk", "operator", ""),
    ("otto@vendor.example", "Otto Berg", "approver", ""),
    ("anders@vendor.example", "Anders Lie", "auditor", ""),
    ("clara@northwind.example", "Clara Holm", "administrator", "Northwind Bank"),
    ("vera@northwind.example", "Vera Lund", "viewer", "Northwind Bank"),
    ("frida@fjord.example", "Frida Dahl", "administrator", "Fjord Power"),
)
AT_THE_SITE = (("kari", "administrator"), ("sven", "seat_manager"), ("ruth", "auditor"), ("vidar", "viewer"))
LINK = re.compile(r"at (https?://\S+)\. Stop it with Ctrl-C")


@dataclass
class Served:
    """What is told at the end: where to go, and as whom."""

    portal: str
    room: str = ""  # for bots
    pages: str = ""  # of the Control Room, for people
    passwords: dict[str, str] = field(default_factory=dict)


def main() -> int:
    started = time.monotonic()
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    story.choose_passphrases(HIDDEN, calm, oslo, bergen)
    console.print("Making the demo's data with the real commands: about a minute.", style="italic")
    prepare()
    links = {email: _added(email, name, role, account) for email, name, role, account in PEOPLE}
    with ExitStack() as both:
        served = Served(both.enter_context(_Portal()))
        served.pages = f"http://127.0.0.1:{os.environ.get('ROOM_PORT', '8651')}"
        served.room = both.enter_context(oslo.serving("--pages", served.pages.removeprefix("http://")))
        for email, path in links.items():
            served.passwords[email] = choose_password(served.portal, path)
        _answers(served.pages)
        for name, role in AT_THE_SITE:
            if name != "kari":  # who set it up
                oslo.run(f"person add {name} --role {role}", "kari")
            link = oslo.run(f"person link {name} --address {served.pages}", "kari")["link"]
            served.passwords[name] = choose_password(served.pages, link)
        tell(served, time.monotonic() - started)
        _wait()
    console.print("Both are stopped.")
    return 0


def prepare() -> None:
    """Northwind Bank: Oslo is licensed and in an open cycle; Bergen was restored from a backup. Fjord Power waits."""
    calm.run("init --vendor 'Automation Vendor'", "nina@vendor.example")
    for account in ("Northwind Bank", "Fjord Power"):
        calm.run(f"account add '{account}'", "nina@vendor.example")
    for label in ("Oslo", "Bergen", "Tromso"):
        calm.run(f"guid add --account 'Northwind Bank' --label {label}", "nina@vendor.example")
    for sku, quantity in ((CREATORS, 90), (BOTS, 60), (PAGES, 1_200_000), (AI, 1)):
        _bought("Northwind Bank", sku, quantity)
    _bought("Fjord Power", BOTS, 20)
    granted = _asked("Northwind Bank", "Finance", "The vaults are closed by regulation.")
    calm.run(f"approval grant {granted} --reason 'site visit, report 7'", "otto@vendor.example")
    _asked("Fjord Power", "Energy", "Substations are separated from every other network by law.")
    calm.run(f"trust export --out {HOME}/trust.json", "nina@vendor.example")
    for room, name in ((oslo, "Oslo"), (bergen, "Bergen")):
        _enabled(room, name)
    _licensed(oslo, "Oslo", {CREATORS: 40, BOTS: 30, PAGES: 500_000, AI: 1})
    _licensed(bergen, "Bergen", {CREATORS: 12, PAGES: 60_000})
    _worked(oslo)
    _restored(bergen)


def _bought(account: str, sku: str, quantity: int) -> None:
    days = f"--from {day(0)} --until {day(365)}"
    calm.run(f"purchase add --account '{account}' --product {sku} --quantity {quantity} {days}", "nina@vendor.example")


def _asked(account: str, industry: str, reason: str) -> str:
    asked = calm.run(
        f"approval request --account '{account}' --industry {industry} --reason '{reason}' --version 40.0.0",
        "nina@vendor.example",
    )
    return str(asked["approval"])


def _enabled(room: Side, name: str) -> None:
    token = HOME / f"{name}.token"
    room.run(f"init --trust {HOME}/trust.json --name '{name} Vault' --administrator kari")
    calm.run(f"token download --account 'Northwind Bank' --out {token}", "clara@northwind.example")
    room.run(f"token install {token}", "kari")


def _taken(room: Side, name: str) -> str:
    lfr = HOME / f"{name}.lfr"
    room.run(f"request generate --out {lfr}", "kari")
    return str(calm.run(f"request accept {lfr} --guid {name}", "clara@northwind.example")["lfr"])


def _licensed(room: Side, name: str, products: dict[str, int]) -> None:
    olf, receipt = HOME / f"{name}.olf", HOME / f"{name}.receipt"
    words = " ".join(f"--product {sku}={quantity}" for sku, quantity in products.items())
    issue = f"license-file issue --request {_taken(room, name)} {words} --until {day(365)} --out {olf}"
    calm.run(issue, "clara@northwind.example")
    room.run(f"license install {olf} --receipt {receipt}", "kari")
    calm.run(f"receipt accept {receipt}", "clara@northwind.example")


def _worked(room: Side) -> None:
    """People and pages; then a request, taken and not yet answered."""
    for user in ("anna", "bert", "cleo", "dora", "egil"):
        room.run(f"user assign {CREATORS} {user}", "kari")
    room.run(f"units consume {PAGES} 61000")
    _taken(room, "Oslo")


def _restored(room: Side) -> None:
    """Its backup knows nothing of 800 pages; the history that it shows now is refused."""
    backup, lfr = HIDDEN / "bergen.backup", HOME / "Bergen.lfr"
    room.run(f"backup --out {backup}", "kari")
    room.run(f"units consume {PAGES} 800")
    _taken(room, "Bergen")
    room.run(f"restore {backup}", "kari")
    room.run(f"units consume {PAGES} 50")
    room.run(f"request generate --out {lfr}", "kari")
    refusal = calm.refused(f"request accept {lfr} --guid Bergen", "history_not_shown", "clara@northwind.example")
    since = int(refusal["run"].split("--since ")[1].split()[0])
    room.run(f"request generate --since {since} --out {lfr}", "kari")
    calm.refused(f"request accept {lfr} --guid Bergen", "history_mismatch", "clara@northwind.example")


def _added(email: str, name: str, role: str, account: str) -> str:
    """Somebody, who has no password yet; the path at which they choose one."""
    of = f" --account '{account}'" if account else ""
    added: dict[str, Any] = calm.run(f"person add {email} --name '{name}' --role {role}{of}", "nina@vendor.example")
    return str(added["link"])


def choose_password(portal: str, path: str) -> str:
    """As the person would, in the portal; made here, told once, kept nowhere."""
    password = f"demo-{secrets.token_hex(4)}-{secrets.token_hex(2)}"
    with httpx.Client(base_url=portal, follow_redirects=True, trust_env=False) as browser:
        page = browser.get(path)
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        if not found:
            raise WrongTurn(f"The portal shows no form to choose a password at {path}.")
        fields = {"csrfmiddlewaretoken": found[1], "password1": password, "password2": password}
        done = browser.post(str(page.url), data=fields)
        if not str(done.url).endswith("/chosen/"):
            raise WrongTurn(f"The portal did not take the password: {done.status_code} at {done.url}.")
    return password


def _answers(pages: str) -> None:
    """Waits until the pages' process answers."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            httpx.get(f"{pages}/account/", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return
    raise WrongTurn(f"The pages do not answer at {pages}.")


class _Portal:
    """`calm serve` on this machine, for as long as the context; its address."""

    def __enter__(self) -> str:
        bind = f"127.0.0.1:{os.environ.get('CALM_PORT', '8000')}"
        words = ["serve", "--plain-http", "--optional-second-factor", "--bind", bind]
        self._log = (HOME / "portal.log").open("w")
        console.print(f"  [blue]$ calm {' '.join(words)} &[/blue]")
        self._server = subprocess.Popen(
            [story.program("calm"), *words], env=calm.world(), text=True, stdout=subprocess.PIPE, stderr=self._log
        )
        assert self._server.stdout
        for line in self._server.stdout:
            if found := LINK.search(line):
                return found[1]
        self.__exit__()
        raise WrongTurn(f"The portal did not start:\n{(HOME / 'portal.log').read_text()}")

    def __exit__(self, *_: object) -> None:
        self._server.send_signal(signal.SIGTERM)
        self._server.communicate(timeout=30)
        self._log.close()


def tell(served: Served, took: float) -> None:
    console.print()
    console.rule(f"[bold]Ready, after {took:.0f} s[/bold]", align="left", style="dim")
    console.print(f"CALM, the vendor's portal:           {served.portal}")
    console.print(
        f"The Control Room's server in Oslo:   {served.room}   (REST; described at {served.room}/api/v1/openapi.json)"
    )
    console.print(f"The Control Room's pages in Oslo:    {served.pages}")
    console.print("\nWho can sign in to CALM. The passwords were made for this run, and are told only here:")
    for email, name, role, account in PEOPLE:
        console.print(f"  {email:<26} {served.passwords[email]:<20} {name}, {role} of {account or 'the vendor'}")
    console.print("\nWho can sign in to the Control Room:")
    for name, role in AT_THE_SITE:
        console.print(f"  {name:<26} {served.passwords[name]:<20} {role.replace('_', ' ')}")
    console.print(
        "\nTo look at: Oslo's open cycle, Bergen's history, the approval of Fjord Power. Stop both with Ctrl-C."
    )


def _wait() -> None:
    """Until Ctrl-C, or TERM."""
    stop = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    signal.sigwait(stop)


if __name__ == "__main__":
    sys.exit(main())
