"""What must hold on every page, seen on the one that shows every part."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django import forms

import carnet.web_kit
from carnet.web_kit import icons, states
from tests.ui.conftest import rendered

KIT = Path(carnet.web_kit.__file__).parent
COMPONENTS = sorted(file.stem.replace("_", "-") for file in (KIT / "templates/cotton").glob("*.html"))
STATIC = sorted((KIT / "static/ui").iterdir())
NOW = datetime(2026, 9, 14, 9, 42, tzinfo=UTC)
VOID = {"meta", "link", "input", "br", "hr", "img", "path", "rect", "line", "circle", "polyline"}


class Reader(HTMLParser):
    """Tags with their attributes, ids, and what was left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID and not (self.get_starttag_text() or "").endswith("/>"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_a_strict_policy_holds_nothing_is_inline(page: str) -> None:
    reader = Reader(page)
    inline = [(tag, name) for tag, attrs in reader.tags for name in attrs if name == "style" or name.startswith("on")]
    assert inline == []
    assert [attrs for tag, attrs in reader.tags if tag == "script" and "src" not in attrs] == []
    assert "<style" not in page


def test_every_tag_is_closed_and_every_id_is_there_once(page: str) -> None:
    reader = Reader(page)
    assert (reader.wrong, reader.open) == ([], [])
    ids = Counter(attrs["id"] for _tag, attrs in reader.tags if "id" in attrs)
    assert [name for name, times in ids.items() if times > 1] == []


def test_what_points_somewhere_points_at_something(page: str) -> None:
    reader = Reader(page)
    ids = {attrs["id"] for _tag, attrs in reader.tags if "id" in attrs}
    for name in ("aria-describedby", "aria-labelledby", "for", "popovertarget", "data-set", "data-copy"):
        named = [word for _tag, attrs in reader.tags for word in (attrs.get(name) or "").split()]
        assert [word for word in named if word not in ids] == [], name


def test_no_template_words_are_left(page: str) -> None:
    assert re.findall(r"<c-[^>]*>|{%.*?%}|{{.*?}}|{#.*?#}", page) == []


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_component_is_shown_or_is_part_of_one(name: str) -> None:
    folders = (KIT / "templates", Path(__file__).parent / "templates")
    shown = "".join(file.read_text() for folder in folders for file in folder.rglob("*.html"))
    assert re.search(rf"<c-{name}[\s/>]", shown) or name in {"post", "checks"}


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_component_has_its_line_in_the_documents(name: str) -> None:
    assert f"`<c-{name}" in (Path(__file__).parents[2] / "docs/ui.md").read_text()


def test_values_in_other_attributes_are_escaped(kit: None) -> None:
    told = rendered('<c-button :data-name="name">Go</c-button>', name='"x" onclick="alert(1)"')
    assert 'data-name="&quot;x&quot; onclick=&quot;alert(1)&quot;"' in told


def test_words_of_others_are_escaped_everywhere(kit: None) -> None:
    evil = '<script>alert("x")</script>'
    told = rendered(
        '<c-badge state="{{ x }}" /><c-banner title="{{ x }}">{{ x }}</c-banner><c-voucher kind="LFR" name="{{ x }}" />'
        '<c-verdict :refusal="r" /><c-product :name="x" :unit="x" /><c-kv :items="items" /><c-page-head :title="x" />',
        x=evil,
        r={"code": evil, "message": evil, "next": evil, "evidence": [evil]},
        items=[(evil, evil)],
    )
    assert "<script>" not in told


def test_a_verdict_says_whether_anything_changed(kit: None) -> None:
    refusal = {"code": "superseded", "message": "This is request #11.", "next": "Upload #12.", "evidence": ()}
    told = rendered('<c-verdict :refusal="refusal" />', refusal=refusal)
    assert "Refused: superseded" in told
    assert "Nothing is changed." in told


class One(forms.Form):
    count = forms.IntegerField(help_text="At most 250.")
    seen = forms.BooleanField()


def test_a_field_is_tied_to_its_hint_and_its_error(kit: None) -> None:
    told = rendered('<c-field :field="form.count" fits="Set to 86" fits_value="86" />', form=One({"count": "x"}))
    assert 'aria-describedby="id_count_hint id_count_error"' in told
    assert 'aria-invalid="true"' in told
    assert 'id="id_count_error"' in told
    assert 'data-set="id_count" data-value="86"' in told
    assert told.count("aria-describedby") == 1


def test_a_field_without_trouble_says_nothing_of_it(kit: None) -> None:
    assert "aria-invalid" not in rendered('<c-field :field="form.seen" />', form=One())


def test_only_the_deadline_that_counts_is_coloured(kit: None) -> None:
    source = (
        '<c-deadline title="t" :at="at" :now="now" counts>Why.</c-deadline><c-deadline title="t" :at="at" :now="now" />'
    )
    told = rendered(source, at=NOW + timedelta(hours=5, minutes=23), now=NOW)
    assert told.count("deadline counts") == 1
    assert "This one counts." in told
    assert 'data-until="2026-09-14T15:05:00Z"' in told


def test_a_bar_says_its_numbers(kit: None) -> None:
    told = rendered('<c-bar :used="185" :held="240" :whole="250" />')
    assert 'aria-label="185 used, 240 held, of 250"' in told
    assert 'width="74%"' in told


def test_every_state_and_every_sign_can_be_drawn() -> None:
    signs = {look.icon for look in states.LOOKS.values()} | set(states.TONE_ICONS.values()) | set(icons.CALLED)
    signs |= set(states.BANNER_ICONS.values())
    assert [name for name in sorted(signs) if not icons.exists(name)] == []
    assert not icons.exists("no-such-sign")
    assert states.look("never heard of").word == "Never heard of"


@pytest.mark.parametrize("file", STATIC, ids=lambda file: file.name)
def test_static_files_survive_a_manifest_and_stay_readable(file: Path) -> None:
    text = file.read_text()
    assert "sourceMappingURL" not in text
    assert not re.search(r"url\((?!#)|@import", text)
    assert text.count("\n") <= 500
