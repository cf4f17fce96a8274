"""What people need of an answer in words: the id that the next command wants, and what is set aside."""

import json

import pytest

from tests.journeys.commands import Story

SEATS, PAGES = "unattended-bot-runner", "document-pages"


@pytest.mark.rule("G2")
def test_whoever_sees_a_seat_in_use_can_give_it_back(story: Story) -> None:
    lease = story.site("seat", "acquire", SEATS, "--holder", "bot-17")["lease_id"]
    shown = story.site.run("usage", "show").out
    assert lease in shown
    assert story.site.run("seat", "release", lease).code == 0


@pytest.mark.rule("G2")
def test_reserved_units_have_a_column_where_there_are_any(story: Story) -> None:
    assert "Reserved" not in story.site.run("status").out
    story.site("units", "reserve", PAGES, "77")
    assert "Reserved" in story.site.run("status").out
    assert " 77 " in story.site.run("usage", "show").out


@pytest.mark.rule("G5")
def test_an_exported_ledger_shows_each_key_and_what_it_was_answered(story: Story) -> None:
    for _ in range(2):
        first = story.site("units", "consume", PAGES, "12", "--key", "job-1")
    story.site("units", "consume", PAGES, "3")
    story.site("ledger", "export", "--out", str(story.gap / "export"))
    records = [json.loads(line) for line in (story.gap / "export").read_text().splitlines()]
    keyed = [record for record in records if "key" in record]
    assert [(record["key"], record["answered"]["answer"]) for record in keyed] == [("job-1", first)]
    assert len(keyed[0]["answered"]["request_sha256"]) == 64
    assert [record["kind"] for record in records if "answered" in record] == [keyed[0]["kind"]]
