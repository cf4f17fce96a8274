"""N3: hostile text at every command of both sides that reads a file or takes words, and wherever it is shown later."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.journeys.commands import USERS, Company, Done, Story
from tests.unit.test_hostile_text import HOSTILE, MAKERS, is_shown, with_field
from tests.unit.test_printable import is_safe

pytestmark = [pytest.mark.slow, pytest.mark.security]

AT_THE_SITE = (
    ("token", "install"),
    ("license", "install"),
    ("license", "preview"),
    ("key-set", "install"),
    ("restore",),
    ("move", "--from"),
    ("ledger", "verify", "--against"),
)
AT_CALM = (("request", "accept", "--guid", "Oslo"), ("receipt", "accept"), ("catalogue", "load"))
FORGED = "2027-01-01 olga  license_file.issued"


def tried(who: Company, *words: str) -> None:
    """In words and in JSON: refused, or a fault; and nothing that is obeyed is printed."""
    for options in ((), ("--json",)):
        done = who.run(*words, *options)
        assert done.code in (1, 2, 3), (words, done)
        is_shown(done)


def shown(who: Company, *words: str) -> Done:
    done = who.run(*words)
    assert done.code == 0, done
    is_shown(Done(0, "", done.out.replace("\t", "?")[:3000]))
    assert is_safe(done.out)
    return done


@pytest.mark.rule("N3", "V1", "malformed")
def test_hostile_files_at_every_command_and_in_the_records_of_their_refusal(story: Story, tmp_path: Path) -> None:
    file = tmp_path / "evil"
    for kind, text in HOSTILE.items():
        for make in MAKERS if kind == "csi" else MAKERS[:1]:
            file.write_bytes(make(text))
            for door in AT_THE_SITE:
                tried(story.site, *door, str(file))
            for door in AT_CALM:
                tried(story.calm, *door, str(file))
    for show in (("log", "show"), ("log", "show", "--json")):
        assert "\\u001b[2J" in shown(story.calm, *show).out
    for show in (("ledger", "show", "--last", "10000"), ("ledger", "show", "--last", "10000", "--json")):
        shown(story.site, *show)
    rows = story.calm("log", "show")
    assert sum(row["kind"] == "refused" for row in rows) >= len(HOSTILE)
    assert story.calm("log", "verify")["holds"]
    assert story.site("ledger", "verify")["holds"]
    story.site("ledger", "export", "--out", str(tmp_path / "ledger.jsonl"))
    assert is_safe((tmp_path / "ledger.jsonl").read_text())


@pytest.mark.rule("N3", "V1")
def test_an_upload_forges_no_line_of_the_issuing_log(story: Story, tmp_path: Path) -> None:
    """What is refused is quoted in the log, and the log is read line by line."""
    before = shown(story.calm, "log", "show", "--last", "1000").out
    assert FORGED in HOSTILE["lines"]
    (tmp_path / "evil.lfr").write_bytes(with_field(HOSTILE["lines"]))
    story.calm.code("request", "accept", str(tmp_path / "evil.lfr"), "--guid", "Oslo")
    lines = shown(story.calm, "log", "show", "--last", "1000").out.splitlines()
    assert not any(line.lstrip().startswith(FORGED[:10]) for line in lines if line not in before.splitlines())
    assert any("x\\u000a2027" in line for line in lines)


@pytest.mark.rule("N3", "A1")
@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if kind != "long"])
def test_words_that_people_type_are_refused_and_quoted_in_plain_text(story: Story, kind: str) -> None:
    text = f"x{HOSTILE[kind]}"
    text = text[:1500] if kind == "marks" else text
    at_calm = (
        ("account", "add", text),
        ("guid", "add", "--account", "Northwind", "--label", text),
        ("guid", "add", "--account", text, "--label", "x"),
        ("approval", "withdraw", "Northwind", "--reason", text),
        ("person", "add", text, "--name", "x", "--role", "auditor"),
        ("log", "show", "--about", text, "--as", text),
        ("account", "list", "--as", text),
    )
    at_the_site = (
        ("user", "assign", text, "--product", USERS),
        ("user", "assign", "ada", "--product", text),
        ("seat", "acquire", text, "--holder", text),
        ("api-key", "create", "--name", text, "--may", "read"),
        ("person", "add", text, "--role", "viewer"),
        ("status", "--as", text),
    )
    before = len(story.calm("log", "show")), story.site("status")["checkpoint"]["size"]
    for words in at_calm:
        tried(story.calm, *words)
    for words in at_the_site:
        tried(story.site, *words)
    shown(story.calm, "log", "show")
    shown(story.site, "ledger", "show", "--last", "100")
    assert len(story.calm("log", "show")) >= before[0]
    assert story.site("ledger", "verify")["holds"]


@pytest.mark.rule("N3")
def test_a_checkpoint_is_still_three_lines_and_json_still_json(story: Story) -> None:
    assert shown(story.site, "ledger", "checkpoint").out.count("\n") == 3
    assert json.loads(shown(story.site, "status", "--json").out)["name"] == "Oslo Vault"


@pytest.mark.rule("E3")
def test_a_site_that_is_named_after_a_host_is_told_so_at_set_up_and_at_each_request(
    story: Story, tmp_path: Path
) -> None:
    trust, name = ("--trust", str(story.gap / "trust.json")), "srv01.plant.example"
    told = "“srv01.plant.example”"
    for bad in ("ada@plant.example", "PLANT\\ada", "x" * 65, "a|b"):
        done = replace(story.site, data=tmp_path / "none").run("init", *trust, "--name", bad)
        assert done.code == 2, bad
        assert not (tmp_path / "none").exists()
    site = replace(story.site, data=tmp_path / "named")
    founded = site.run("init", *trust, "--name", name)
    assert (founded.code, told in founded.out) == (0, True), founded
    site("token", "install", story.token())
    made = site.run("request", "generate", "--out", story.file("lfr"))
    assert made.code == 0, made
    said = " ".join(made.out.split())
    assert f"name of the site: {name}" in said
    assert f"The name of the site, {told}, looks like a host's or a user's name. It leaves with the file." in said
    plain = story.site.run("request", "generate", "--out", story.file("lfr"))
    assert "looks like" not in plain.out
    assert "name of the site: Oslo Vault" in " ".join(plain.out.split())
