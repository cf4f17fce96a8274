"""What the tutorial is told with: two companies that share nothing but a folder, and a narrator.

Each step runs the real command in a process of its own (`machines`). A step that does not come out as the story says
ends it.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

import machines

HERE = Path(__file__).parent
GAP = HERE / "gap"
SECRETS = HERE / "secrets"
console = Console(highlight=False, width=Console().width if sys.stdout.isatty() else 110)

REFUSED = 3


class WrongTurn(SystemExit):
    """A step did not do what it should: the demo fails."""


@dataclass(frozen=True)
class Side:
    """One company: its command, its data folder, the file with its passphrase, and its colour."""

    command: str
    data: Path
    secret: Path
    colour: str

    def run(self, line: str, who: str = "") -> Any:
        """Run a command that must do its work; what it answered, from its JSON."""
        done = self._process(line, who)
        if done.returncode != 0:
            raise WrongTurn(f"“{self.command} {line}” ended with {done.returncode}:\n{done.stderr}{done.stdout}")
        return json.loads(done.stdout)

    def refused(self, line: str, code: str, who: str = "") -> dict[str, Any]:
        """Run a command that must be refused with this code; the refusal."""
        done = self._process(line, who)
        if done.returncode != REFUSED:
            raise WrongTurn(
                f"“{self.command} {line}” should have been refused with {code}:\n{done.stderr}{done.stdout}"
            )
        refusal: dict[str, Any] = json.loads(done.stdout)["refused"]
        if refusal["code"] != code:
            raise WrongTurn(f"“{self.command} {line}” was refused with {refusal['code']}, not {code}.")
        console.print(f"  [bold red]refused[/bold red] [red]{code}[/red]: {escape(refusal['message'])}")
        for proof in refusal.get("evidence", []):
            console.print(f"    [dim]{escape(proof)}[/dim]")
        console.print(f"    [dim]next: {escape(refusal['next'])}[/dim]")
        return refusal

    def shown(self, line: str) -> None:
        """Run a command and show its page as people see it."""
        console.print(f"  [{self.colour}]$ {self.command} {escape(line)}[/{self.colour}]")
        done = machines.run([self.command, *_words(line)], self.world())
        if done.returncode != 0:
            raise WrongTurn(f"“{self.command} {line}” ended with {done.returncode}:\n{done.stderr}")
        console.print("\n".join(f"    {row}" for row in done.stdout.rstrip().splitlines()), markup=False)

    @contextmanager
    def serving(self, *options: str) -> Iterator[str]:
        """The side's server, on a free port of this machine, for as long as the context; its address. Bots only,
        unless the options say otherwise."""
        words = ["serve", "--port", "0", *(options or ["--no-pages"])]
        console.print(f"  [{self.colour}]$ {self.command} {' '.join(words)} &[/{self.colour}]")
        log = subprocess.PIPE
        with subprocess.Popen([program(self.command), *words], env=self.world(), text=True, stderr=log) as server:
            assert server.stderr
            first = server.stderr.readline()
            try:
                if not first.startswith("{"):
                    raise WrongTurn(f"The server did not start:\n{first}{server.stderr.read()}")
                yield str(json.loads(first)["address"])
            finally:
                server.send_signal(signal.SIGTERM)
                rest = server.communicate(timeout=30)[1]
            if server.returncode != 0:
                raise WrongTurn(f"The server ended with {server.returncode}:\n{rest}")

    def bot(self, url: str, key: Path) -> list[dict[str, Any]]:
        """Run demo/bot.py against that server; what it told, step by step."""
        console.print("  [cyan]$ python demo/bot.py[/cyan]")
        world = os.environ | {"CARNET_URL": url, "CARNET_API_KEY_FILE": str(key)}
        done = subprocess.run([sys.executable, str(HERE / "bot.py")], env=world, text=True, capture_output=True)
        if done.returncode != 0:
            raise WrongTurn(f"The bot ended with {done.returncode}:\n{done.stderr}{done.stdout}")
        told = [json.loads(row) for row in done.stdout.splitlines()]
        for step in told:
            colour = "red" if "refused" in step else "cyan"
            console.print(f"    [{colour}]{escape(step['bot'])}[/{colour}]")
        return told

    def _process(self, line: str, who: str) -> subprocess.CompletedProcess[str]:
        named = f" --as {who}" if who else ""
        console.print(f"  [{self.colour}]$ {self.command} {escape(line)}{named}[/{self.colour}]")
        return machines.run([self.command, *_words(line), *(["--as", who] if who else []), "--json"], self.world())

    def world(self) -> dict[str, str]:
        places = {"CARNET_DATA": str(self.data), "CARNET_PASSPHRASE_FILE": str(self.secret), "COLUMNS": "104"}
        places["CARNET_ROOM_SECOND_FACTOR"] = "optional"  # whoever tries the demo has no factor to set up
        return os.environ | places


def _words(line: str) -> list[str]:
    return shlex.split(line.replace("gap/", f"{GAP}/").replace("safe/", f"{SECRETS}/"))


def program(name: str) -> str:
    """The command of this environment, not of whatever else is on the machine."""
    return str(Path(sys.executable).with_name(name))


def begin_anew(*sides: Side) -> None:
    """Two empty companies and an empty gap, each side with a passphrase of its own, today."""
    os.environ.pop(machines.AHEAD, None)
    for folder in (GAP, SECRETS, *(side.data for side in sides)):
        shutil.rmtree(folder, ignore_errors=True)
    GAP.mkdir()
    choose_passphrases(SECRETS, *sides)


def choose_passphrases(folder: Path, *sides: Side) -> None:
    folder.mkdir(mode=0o700)
    for side in sides:
        side.secret.write_text(f"a passphrase for {side.command}, kept elsewhere\n")
        side.secret.chmod(0o600)


def chapter(title: str, text: str) -> None:
    console.print()
    console.rule(f"[bold]{title}[/bold]", align="left", style="dim")
    console.print(f"[italic]{text}[/italic]")


def wait(days: int) -> None:
    """Both machines run on for so many days: from here on their clocks say so."""
    os.environ[machines.AHEAD] = str(days)
    console.print(f"  [cyan]… {days} days later[/cyan]")


def note(text: str) -> None:
    console.print(f"  [green]✓[/green] {text}")


def must(condition: bool, what: str) -> None:
    """What the story claims is checked, not told."""
    if not condition:
        raise WrongTurn(f"The story says: {what}. It is not so.")
    note(what)


def product(status: dict[str, Any], sku: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in status["products"] if item["sku"] == sku)
    return found
