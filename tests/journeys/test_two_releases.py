"""E17: two releases exchange files, in both directions, by the real commands: this one, the next (every kind of file
has one version more), and the one after that. The other two run as processes of their own."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from carnet.exchange.envelope import JwsFields, version_in
from carnet.exchange.strict import from_base64url
from tests.journeys.commands import PAGES, Done, Room, Story, Vendor, tables
from tests.support.kept_logs import secret, secret_bytes
from tests.support.other_release import SAYS, newer_release

REMARK = "remark_2"  # the field that version 2 of each kind adds


class Releases(NamedTuple):
    next: Path
    after: Path


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    following = newer_release(tmp_path_factory.mktemp("next"), "40.1.0")
    return Releases(following, newer_release(tmp_path_factory.mktemp("after"), "40.2.0", following))


@dataclass(frozen=True)
class OtherVendor(Vendor):
    release: Path = Path()

    def run(self, *words: str) -> Done:
        return self.process(*words, PYTHONPATH=str(self.release))


@dataclass(frozen=True)
class OtherRoom(Room):
    release: Path = Path()

    def run(self, *words: str) -> Done:
        return self.process(*words, PYTHONPATH=str(self.release))


def calm_of(story: Story, release: Path) -> Story:
    """The same story, once CALM is upgraded."""
    return replace(story, calm=OtherVendor(data=story.calm.data, release=release))


def site_of(story: Story, release: Path) -> Story:
    """The same story, once the Control Room is upgraded."""
    return replace(story, site=OtherRoom(data=story.site.data, release=release))


def version(file: str) -> int:
    return version_in(Path(file).read_bytes())


def said(file: str) -> Any:
    """What a file says; nothing is verified."""
    jws = msgspec.json.decode(Path(file).read_bytes(), type=JwsFields)
    return json.loads(from_base64url(jws.payload))


def token_of(story: Story, account: str = "Northwind", *options: str) -> str:
    """A token, of whatever version; where it lies."""
    file = str(story.gap / f"{account}{len(options)}.token")
    story.calm("token", "download", "--account", account, *options, "--out", file)
    secret_bytes(from_base64url(said(file)["enrolment_secret"]), "an enrolment secret")
    return file


def cycle(story: Story) -> tuple[str, str, str]:
    """LFR, OLF, installed, receipt taken: where the three files lie."""
    lfr = story.ask()
    olf = story.issue(story.accept(lfr))
    receipt = story.file("receipt")
    story.site("license", "install", olf, "--receipt", receipt)
    assert story.calm("receipt", "accept", receipt)["sequence"]
    return lfr, olf, receipt


def whole(story: Story) -> None:
    """Both ledgers hold, checked by the release that runs there now."""
    assert story.calm("log", "verify")["problems"] == []
    assert story.site("ledger", "verify")["holds"]


@pytest.mark.rule("E17", "E2", "E7", "H2")
def test_a_newer_site_and_an_older_calm(story: Story, releases: Releases, tmp_path: Path) -> None:
    site = OtherRoom(data=tmp_path / "bergen", release=releases.next)
    story = replace(story, site=site)
    site("init", "--trust", str(story.gap / "trust.json"), "--name", "Bergen")
    secret((site.data / "passphrase").read_text().strip(), "a passphrase")
    token = story.token()
    site("token", "install", token)
    lfr = story.ask()
    assert said(lfr)["reads"] == {"token": [1, 2], "olf": [1, 2], "key_set": [1, 2]}
    room = story.accept(lfr, "Bergen")
    spare = {"bot_creator": 1, "unattended_bot_runner": 0, "document_pages": 10, "automator_ai": 0}
    story = replace(story, standard=dict.fromkeys(story.standard, 0))
    olf = story.issue(room, **spare)
    site("license", "install", olf, "--receipt", story.file("receipt"))
    assert story.calm("receipt", "accept", story.file("receipt"))["sequence"] == 1
    assert [version(file) for file in (token, lfr, olf, story.file("receipt"))] == [1, 1, 1, 1]
    assert story.calm("control-room", "show", "Bergen")["reads"]["olf"] == [1, 2]
    assert site("units", "consume", PAGES, "3")
    whole(story)


@pytest.mark.rule("E17")
def test_an_older_site_and_a_newer_calm(story: Story, releases: Releases) -> None:
    newer = calm_of(story, releases.next)
    assert [version(file) for file in cycle(newer)] == [1, 1, 1]
    assert said(newer.file("olf"))["reads"] == {"lfr": [1, 2], "receipt": [1, 2]}
    newer.two_people("key", "rotate", "--reason", "yearly")
    _, olf, _ = cycle(newer)
    inner = msgspec.json.encode(msgspec.convert(said(olf)["key_set"], JwsFields))
    assert version_in(inner) == 1, "the roots signed the new key set in both versions"
    assert version(token_of(newer)) == 1, "a known site of the account reads no other"
    whole(newer)


@pytest.mark.rule("E17", "unsupported_version")
def test_an_older_site_that_calm_does_not_know_yet(story: Story, releases: Releases, tmp_path: Path) -> None:
    newer = calm_of(story, releases.next)
    site = Room(data=tmp_path / "fresh")
    site("init", "--trust", str(story.gap / "trust.json"), "--name", "Fresh")
    secret((site.data / "passphrase").read_text().strip(), "a passphrase")
    newer.calm("account", "add", "Contoso")
    asked = ("--industry", "Finance", "--reason", "closed network", "--version", "40.0.0")
    newer.calm("approval", "request", "--account", "Contoso", *asked)
    newer.calm("approval", "grant", "Contoso", "--reason", "site visit", "--as", "otto")
    token = token_of(newer, "Contoso")
    assert version(token) == 2
    before = tables(site.data / "control-room.sqlite3")["document"]
    refusal = site.refused("token", "install", token)
    assert refusal["code"] == "unsupported_version"
    assert "version 2; this release of the Control Room reads version 1." in refusal["message"]
    assert "Upgrade the Control Room" in refusal["next"]
    assert tables(site.data / "control-room.sqlite3")["document"] == before
    older = token_of(newer, "Contoso", "--for-older")
    assert version(older) == 1
    assert site("token", "install", older)["state"] == "enabled"


@pytest.mark.rule("E17", "L1")
def test_both_sides_are_upgraded_one_after_the_other(story: Story, releases: Releases) -> None:
    """The site first: it writes what CALM was known to read. Then CALM: each file after the next OLF is a new one."""
    half = site_of(story, releases.next)
    assert [version(file) for file in cycle(half)] == [1, 1, 1]
    both = calm_of(half, releases.next)
    assert [version(file) for file in cycle(both)] == [1, 2, 2]
    assert said(both.file("olf"))[REMARK] == SAYS
    lfr, olf, receipt = cycle(both)
    assert [version(file) for file in (lfr, olf, receipt)] == [2, 2, 2]
    assert said(lfr)[REMARK] == said(receipt)[REMARK] == SAYS
    assert version(token_of(both)) == 2
    whole(both)
    size = both.site("ledger", "verify")["size"]
    done = story.site.run("status")  # the older release, on the ledger of the newer one
    assert (done.code, "40.1.0" in done.err) == (1, True), done
    assert both.site("ledger", "verify")["size"] == size


@pytest.mark.rule("E17", "unsupported_version")
def test_two_versions_apart_the_refusal_names_the_side_to_upgrade(story: Story, releases: Releases) -> None:
    lfr = story.ask()
    far = calm_of(story, releases.after)
    refusal = far.calm.refused("request", "accept", lfr, "--guid", "Oslo")
    assert refusal["code"] == "unsupported_version"
    assert "version 1; this release of CALM reads versions 2 and 3." in refusal["message"]
    assert "Upgrade the Control Room to a release that writes version 2 or newer." in refusal["next"]
    request = story.accept(lfr)
    before = tables(story.calm.data / "calm.sqlite3")
    line = ("--line", f"{story.bought[PAGES]}=5000")
    refusal = far.calm.refused("license-file", "issue", "--request", request, *line, "--out", far.file("olf"))
    assert refusal["code"] == "unsupported_version"
    assert "version 1; this release of CALM writes versions 2 and 3." in refusal["message"]
    assert "Upgrade the Control Room" in refusal["next"]
    _only_recorded(before, tables(story.calm.data / "calm.sqlite3"))
    assert not Path(far.file("olf")).exists()


@pytest.mark.rule("E17", "unsupported_version")
def test_a_site_two_versions_ahead_is_told_to_have_calm_upgraded(story: Story, releases: Releases) -> None:
    ahead = site_of(story, releases.after)
    lfr = ahead.ask()
    assert version(lfr) == 2, "the nearest to what CALM said that it reads"
    refusal = story.calm.refused("request", "accept", lfr, "--guid", "Oslo")
    assert "version 2; this release of CALM reads version 1." in refusal["message"]
    assert "Upgrade CALM" in refusal["next"]
    upgraded = calm_of(ahead, releases.next)
    assert [version(file) for file in cycle(upgraded)] == [2, 2, 2]


def _only_recorded(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> None:
    """Nothing changed but the vendor's log, which holds the refusal."""
    changed = {name for name in before if before[name] != after[name]}
    assert all("log" in name for name in changed), changed
