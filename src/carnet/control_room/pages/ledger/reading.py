"""Reading records for a page or a file: in questions that look at a bounded part each, the newest first."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

from carnet.control_room.ledger.events import KINDS
from carnet.control_room.local_api.client import UnixClient, unrefused
from carnet.control_room.pages.engine import engine
from carnet.control_room.queries.questions import Records, RecordView
from carnet.exchange.verdicts import Refusal
from carnet.web_kit.forms import DayField

ROWS = 25
LOOKS = 20  # questions that one page asks; then it says how far it looked
FILE_ROWS = 500  # at one question
_DAY = timedelta(days=1)
_LAST = datetime(9999, 12, 31, tzinfo=UTC)


class Filter(forms.Form):
    text = forms.CharField(
        required=False,
        max_length=200,
        label="Search",
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Holder, product, number"}),
    )
    kind = forms.ChoiceField(
        required=False, label="Kind", choices=[("", "All kinds"), *((kind, kind) for kind in sorted(KINDS))]
    )
    actor = forms.CharField(required=False, max_length=200, label="Who")
    since = DayField(required=False, label="From")
    until = DayField(required=False, label="To")

    @property
    def question(self) -> Records:
        """Both days are meant whole."""
        asked: dict[str, Any] = self.cleaned_data
        until: datetime | None = asked["until"]
        return Records(
            ROWS,
            asked["kind"] or None,
            None,
            asked["actor"].strip() or None,
            asked["text"].strip(),
            asked["since"],
            until + _DAY if until and until < _LAST else None,  # what ends with the calendar has no end
        )


@dataclass(frozen=True)
class Found:
    """`before`: where earlier ones are; None where there are none. `stopped`: it was looked as far as that, and more
    may be found by looking further."""

    records: list[RecordView]  # the newest first
    before: int | None
    stopped: bool


def read(client: UnixClient, question: Records, before: int | None) -> Found | Refusal:
    records: list[RecordView] = []
    for _look in range(LOOKS):
        page = client.ask(replace(question, last=ROWS - len(records), before=before))
        if isinstance(page, Refusal):
            return page
        records += reversed(page.records)
        before = page.before
        if before == 0 or len(records) >= ROWS:
            return Found(records, before or None, stopped=False)
    return Found(records, before, stopped=True)


def read_all(question: Records, before: int) -> Iterator[RecordView]:
    """Every one that fits, the newest first, over a connection of its own. `before`: so that what comes meanwhile,
    such as the record of this very act, is not in it."""
    with engine() as client:
        while before:
            page = unrefused(client.ask(replace(question, last=FILE_ROWS, before=before)))
            yield from reversed(page.records)
            before = page.before
