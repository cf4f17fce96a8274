"""What the SDK offers: public names in one place, each with its words, and a page made of them (docs/adr/0027)."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pdoc
import pytest
from pdoc.__main__ import cli
from pdoc.doc import Class, Doc, Module

from carnet import sdk
from carnet.sdk import AsyncClient, AsyncHeldSeat, AsyncReserved, Client, HeldSeat, Reserved, calls

ROOT = Path(__file__).parents[3]
TWINS = [(Client, AsyncClient), (HeldSeat, AsyncHeldSeat), (Reserved, AsyncReserved)]


def test_all_that_is_public_is_named_by_the_package_or_by_its_calls() -> None:
    folder = Path(sdk.__file__).parent
    assert {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")} == {"calls"}
    assert len(set(sdk.__all__)) == len(sdk.__all__)
    text = "\n".join(path.read_text() for path in (*(ROOT / "docs").rglob("*.md"), *ROOT.glob("demo/*.py")))
    assert set(re.findall(r"carnet\.sdk\.(\w+)", text)) <= {"calls", "__all__"}


def test_the_page_is_built_without_a_warning(tmp_path: Path) -> None:
    (command,) = re.findall(r"-W error -m pdoc (.*)", (ROOT / "Makefile").read_text())
    cli(shlex.split(command.replace("api-docs", shlex.quote(str(tmp_path)))))
    page = (tmp_path / "carnet" / "sdk.html").read_text()
    for name in sdk.__all__:
        assert f'id="{name}"' in page or name == "calls", name
    assert (tmp_path / "carnet" / "sdk" / "calls.html").exists()
    assert not re.search(r">\s*(class|def)\s*</span>\s*<span class=\"name\">_[a-z]", page)


def test_every_public_name_has_its_words() -> None:
    silent = [each.fullname for each in chain(_shown(Module(sdk)), _shown(Module(calls))) if not each.docstring.strip()]
    assert silent == []


def _shown(within: Class | Module) -> Iterator[Doc]:
    """What the page shows: a module or class, and all in it; constructors only where they have words of their own."""
    yield within
    for each in within.members.values() if isinstance(within, Module) else within.own_members:
        if isinstance(each, Class):
            yield from _shown(each)
        elif not isinstance(each, Module) and (not each.name.startswith("_") or each.docstring):
            yield each


def test_the_page_shows_what_the_clients_have_in_common() -> None:
    shown = {each.qualname for each in _shown(Module(sdk))}
    assert {"BaseClient.checkpoint", "BaseSeat.check", "Seat.expires_at", "Refused.code", "SdkError.next"} <= shown
    made = next(each for each in Module(sdk).members.values() if each.name == "BaseClient")
    assert isinstance(made, Class)
    assert "Raises:" in made.members["__init__"].docstring


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_neither_client_has_a_name_that_the_other_has_not(one: type, other: type) -> None:
    assert _public(one) == _public(other)


def test_each_call_is_a_method_of_both_clients() -> None:
    made = {name for name in calls.__all__ if inspect.isfunction(getattr(calls, name))}
    defined = {name for name, each in vars(calls).items() if inspect.isfunction(each) and name[0] != "_"}
    assert made == {name for name in defined if getattr(calls, name).__module__ == calls.__name__}
    for client in (Client, AsyncClient):
        assert {name for name in made if not callable(getattr(client, name, None))} == set(), client


def _public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_both_clients_say_the_same(one: type, other: type) -> None:
    for name, made in vars(one).items():
        if inspect.isfunction(made) and not name.startswith("_"):
            assert _alike(getattr(other, name).__doc__) == _alike(made.__doc__), name
    said = [(inspect.getdoc(each) or "").partition("\n\n")[2] for each in (one, other)]
    assert _alike(said[0]).partition("Raises:")[2] == _alike(said[1]).partition("Raises:")[2]


def _alike(words: str | None) -> str:
    """Without what differs of an asynchronous call: keywords, the names of classes, and where `on_lost` is called."""
    assert words
    words = re.sub(r"\b(async|await) |\bAsync(?=[A-Z])", "", words)
    words = re.sub(r"in the (thread\s+that renews|event\s+loop)", "there", words)
    return " ".join(words.split())


def test_pdoc_reads_the_package_that_is_tested() -> None:
    assert pdoc.__version__.partition(".")[0] == re.findall(r"(?m)^pdoc>=(\d+)", _requirements())[0]


def _requirements() -> str:
    return (ROOT / "requirements" / "dev.in").read_text()
