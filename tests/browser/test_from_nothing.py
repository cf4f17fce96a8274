"""A newcomer's way, as docs/guides/first-license.md tells it: its commands as they stand there, its words on the pages.
Two real servers; the site is installed from a real archive, and nothing is between the two but files."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_effort import Hand
from tests.browser.walking import choose, downloaded
from tests.delivery.bundles import Built
from tests.delivery.conftest import built  # noqa: F401
from tests.room.site import PASSWORD, free_port
from tests.support.kept_logs import secret

pytestmark = [pytest.mark.server, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/guides/first-license.md"
CALM, PAGES = "127.0.0.1:8000", "127.0.0.1:8651"
RESTORE = (3, 2)  # clicks and typed fields, the backup among them; more is a loss that somebody must want


@dataclass
class Newcomer:
    """Reads the guide from its beginning to its end, and does what stands there: each command in its turn."""

    folder: Path
    text: str = field(default_factory=GUIDE.read_text)
    place: int = 0
    ports: dict[str, str] = field(default_factory=dict)
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ports = {CALM: f"127.0.0.1:{free_port()}", PAGES: f"127.0.0.1:{free_port()}"}

    def reads(self, words: str) -> str:
        """What stands from here on in the guide, word for word."""
        found = self.text.find(words, self.place)
        assert found >= 0, f"the guide does not say after its character {self.place}: {words}"
        self.place = found + len(words)
        return words

    def label(self, words: str) -> str:
        """What the guide says that the pages call it."""
        self.reads(f"*{words}*")
        return words

    def does(self, start: str) -> str:
        """The next command, as it stands; what it prints."""
        done = subprocess.run(
            ["bash", "-c", self._command(start)],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=240,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, (start, done.stdout, done.stderr)
        return done.stdout

    def starts(self, start: str, ready: str) -> None:
        """A server that stays; until it says that it is ready."""
        command = self._command(start)
        if "--port" not in command and "--pages" in command:
            command += f" --port {free_port()}"
        server = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        self.running.append(server)
        said = server.stdout
        assert said
        for line in said:
            if ready in line:
                return
        raise AssertionError(f"{command} ended")

    def stops(self) -> None:
        server = self.running.pop()
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=40)

    def _command(self, start: str) -> str:
        found = re.compile(rf"^    ({re.escape(start)}.*)$", re.M).search(self.text, self.place)
        assert found, f"the guide has no such command from here on: {start}"
        self.place = found.end()
        command = found[1]
        for port, own in self.ports.items():
            command = command.replace(port, own)
        return command

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{ROOT / '.venv/bin'}:/usr/bin:/bin",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "COLUMNS": "200",
        }


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    newcomer = Newcomer(tmp_path)
    yield newcomer
    while newcomer.running:
        newcomer.stops()


@pytest.mark.rule("E1", "E2", "E3", "E5", "E6", "E7", "H1", "L2", "A1")
def test_the_guide_leads_from_nothing_to_a_restored_site(
    newcomer: Newcomer,
    built: Built,  # noqa: F811
    chromium: Browser,
) -> None:
    olga, otto, roots = vendor(newcomer, chromium)
    clara, token = customer(newcomer, olga, otto, chromium)
    kari = site(newcomer, built, roots, chromium)
    first_license(newcomer, clara, kari, token)
    renewal(newcomer, clara, kari)
    restore(newcomer, kari, chromium)
    assert not re.search(r"^    \S", newcomer.text[newcomer.place :], re.M), "each command of the guide was done"


def vendor(newcomer: Newcomer, chromium: Browser) -> tuple[Page, Page, list[str]]:
    """Two people of the vendor, and the root keys that CALM shows."""
    newcomer.does("mkdir gap")
    catalogue = re.search(r"`catalogue.toml`:\n\n```toml\n(.*?)```", newcomer.text, re.S)
    assert catalogue
    (newcomer.folder / "catalogue.toml").write_text(catalogue[1])
    assert "2 products" in newcomer.does("calm init")
    told = newcomer.does("calm trust export")
    newcomer.does("calm person add olga@")
    newcomer.does("calm person add otto@")
    newcomer.starts("calm serve", "CALM answers at")
    olga, otto = (person(newcomer.does(f"calm person link {who}"), who, chromium) for who in ("olga@", "otto@"))
    return olga, otto, [line.strip() for line in told.splitlines() if re.match(r"  \d  \S{4} ", line)]


def person(printed: str, who: str, chromium: Browser) -> Page:
    """They open their link, choose a password and sign in."""
    (link,) = re.findall(r"http://\S+", printed)
    secret(link.rstrip("/").rpartition("/")[2], "a link to choose a password")
    address = "/".join(link.split("/")[:3])
    page = chromium.new_context(base_url=address, locale="en-GB", timezone_id="UTC").new_page()
    page.set_default_timeout(15_000)
    page.goto(link)
    page.locator("[name=password1]").fill(PASSWORD)
    page.locator("[name=password2]").fill(PASSWORD)
    page.get_by_role("button", name="Save the password").click()
    page.get_by_role("link", name="Sign in").click()
    page.locator("[name=login]").fill(f"{who}example.com" if who.endswith("@") else who)
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator("h1")).not_to_have_text("Sign in")
    return page


def customer(newcomer: Newcomer, olga: Page, otto: Page, chromium: Browser) -> tuple[Page, bytes]:
    olga.get_by_role("link", name=newcomer.label("Accounts"), exact=True).first.click()
    olga.get_by_role("link", name=newcomer.label("Add an account")).click()
    olga.get_by_label(newcomer.label("Name")).fill(newcomer.reads("Northwind Energy"))
    olga.get_by_role("button", name=newcomer.label("Add the account")).click()
    buy(newcomer, olga)
    tab(olga, newcomer.label("Overview"))
    olga.get_by_role("link", name=newcomer.label("Add a License GUID")).click()
    olga.get_by_label("Label").fill(newcomer.reads("Plant 7"))
    olga.get_by_role("main").get_by_role("button", name="Add").click()
    olga.get_by_role("link", name="Northwind Energy").first.click()
    tab(olga, newcomer.label("People"))
    olga.get_by_label("E-mail address").fill(newcomer.reads("clara@example.com"))
    olga.get_by_label("Name", exact=True).fill("Clara")
    olga.get_by_label("Role").select_option(label="administrator")
    olga.get_by_role("main").get_by_role("button", name="Add", exact=True).click()
    clara = person(olga.get_by_role("main").inner_text() + " " + links(olga), "clara@", chromium)
    tab(clara, newcomer.label("Offline approval"))
    clara.get_by_label("Industry").fill("energy")
    clara.get_by_label("Control Room version").fill("40")
    clara.get_by_label("Why no connection is possible").fill("The plant's network has no way out.")
    clara.get_by_role("button", name=newcomer.label("Request offline licensing")).click()
    otto.get_by_role("link", name=newcomer.label("Inbox")).first.click()
    otto.get_by_role("link", name="Northwind Energy", exact=True).click()
    otto.get_by_label(newcomer.label("Reason")).fill("Air-gapped by law.")
    otto.get_by_role("button", name=newcomer.label("Approve")).click()
    expect(otto.get_by_text("Northwind Energy: granted.")).to_be_visible()
    tab(clara, newcomer.label("Overview"))
    clara.get_by_role("link", name=newcomer.label("Enablement token")).click()
    return clara, downloaded(clara, clara.get_by_role("button", name=newcomer.label("Download a new token")))


def links(page: Page) -> str:
    """What a page shows in fields to be copied."""
    return " ".join(each.input_value() for each in page.locator("main input[readonly]").all())


def tab(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).last.click()
    page.wait_for_load_state()


def buy(newcomer: Newcomer, olga: Page) -> None:
    """What ends soon, so that there is something to renew, and what follows it."""
    tab(olga, newcomer.label("Purchases"))
    add, today = newcomer.label("Add a purchase"), datetime.now(UTC)
    soon, later = today + timedelta(days=20), today + timedelta(days=385)
    for start, end in ((today, soon), (soon, later)):
        for product, quantity in (("press-robot", "20"), ("press-designer", "5")):
            olga.get_by_role("link", name=add).click()
            olga.get_by_label("Product").select_option(value=product)
            olga.get_by_label("Quantity").fill(quantity)
            olga.get_by_label("From").fill(start.strftime("%Y-%m-%d"))
            olga.get_by_label("Until").fill(end.strftime("%Y-%m-%d"))
            olga.get_by_role("main").get_by_role("button", name="Add").click()
            expect(olga.get_by_role("link", name=add)).to_be_visible()


def site(newcomer: Newcomer, built: Built, roots: list[str], chromium: Browser) -> Page:  # noqa: F811
    archive = built.archive("first")
    shutil.copy(archive, newcomer.folder)
    newcomer.does("tar xzf")
    newcomer.does("python3 -I")
    shown = newcomer.does("program/bin/control-room init")
    assert len(roots) == 2
    assert all(root in shown for root in roots), "what the administrator compares"
    newcomer.starts("env CARNET_ROOM_SECOND_FACTOR=optional program", "The pages answer")
    return person(newcomer.does("program/bin/control-room person link"), "kari", chromium)


def first_license(newcomer: Newcomer, clara: Page, kari: Page, token: bytes) -> None:
    kari.get_by_role("link", name=newcomer.label("Manage offline licenses")).first.click()
    choose(kari, "token-file-box", token, "northwind.token")
    kari.get_by_role("button", name=newcomer.label("Generate the request")).click()
    lfr = downloaded(kari, kari.get_by_role("link", name=newcomer.label("Save"), exact=True))
    tab(clara, "Overview")
    clara.get_by_role("link", name=newcomer.label("Plant 7")).first.click()
    choose(clara, "lfr-box", lfr, "plant-7-0001.lfr")
    clara.locator("#p-press-robot").fill("12")
    clara.locator("#p-press-designer").fill("3")
    clara.wait_for_load_state("networkidle")  # what is typed was looked at
    clara.get_by_role("button", name=newcomer.label("Issue the license file")).click()
    olf = downloaded(clara, clara.get_by_role("link", name=newcomer.label("Download OLF")))
    install(newcomer, kari, olf, 1)
    kari.get_by_role("link", name=newcomer.label("License Management")).first.click()
    expect(kari.get_by_role("rowheader", name="Press Robot")).to_be_visible()


def install(newcomer: Newcomer, kari: Page, olf: bytes, number: int) -> None:
    choose(kari, "olf-box", olf, f"plant-7-000{number}.olf")
    kari.get_by_role("button", name=newcomer.label(f"Install license file #{number}")).click()
    expect(kari.get_by_text(f"License file #{number} is installed.")).to_be_visible()


def renewal(newcomer: Newcomer, clara: Page, kari: Page) -> None:
    expect(kari.get_by_role("heading", name=newcomer.label("License Management"))).to_be_visible()
    kari.get_by_role("button", name=newcomer.label("Make the renewal request")).click()
    lfr = downloaded(kari, kari.get_by_role("link", name=newcomer.label("Save"), exact=True))
    clara.goto("/")
    assert newcomer.label("Overview")
    choose(clara, "lfrs-box", lfr, "plant-7-0002.lfr")
    olf = downloaded(clara, clara.get_by_role("button", name=newcomer.label("Renew as now")))
    install(newcomer, kari, olf, 2)


def restore(newcomer: Newcomer, kari: Page, chromium: Browser) -> None:
    """The backup at the pages; the rest is done on the machine, where the server is; then everybody signs in."""
    hand = Hand()
    hand.click(kari.get_by_role("link", name=newcomer.label("Settings")).first)
    backup = hand.save(kari, kari.get_by_role("button", name=newcomer.label("Make a backup and download it")))
    (newcomer.folder / "gap/plant-7.backup").write_bytes(backup)
    newcomer.stops()
    assert "Restored" in newcomer.does("program/bin/control-room restore")
    newcomer.starts("env CARNET_ROOM_SECOND_FACTOR=optional program", "The pages answer")
    kari.goto("/")
    hand.type(kari.locator("[name=login]"), "kari")
    hand.type(kari.locator("[name=password]"), PASSWORD)
    hand.click(kari.get_by_role("button", name="Sign in", exact=True))
    expect(kari.get_by_role("rowheader", name="Press Robot")).to_be_visible()
    assert hand.cost == RESTORE
    kari.get_by_role("link", name="Manage offline licenses").first.click()
    kari.get_by_role("button", name="Generate the request").click()
    expect(kari.get_by_text("This is all that leaves", exact=True)).to_be_visible()
