"""The parts page: every component in every state, with fixed data. For those who build pages and those who test."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from carnet.web_kit import charts

NOW = datetime(2026, 9, 14, 9, 42, tzinfo=UTC)
CONTROL_ROOM_STATES = ("new", "enabled", "requested", "active", "expiring", "grace", "expired", "locked", "released")
OTHER_STATES = ("free", "refused", "superseded", "issued", "approved", "to_decide", "proposed")


@dataclass(frozen=True)
class _Refusal:
    """Shaped as the exchange's own."""

    code: str
    message: str
    next: str
    evidence: tuple[str, ...] = ()


class ExampleForm(forms.Form):
    use_required_attribute = False

    valid_until = forms.DateField(label="Valid until")
    quantity = forms.IntegerField(label="New quantity", help_text="At most 250.", localize=False)
    site = forms.ChoiceField(label="Site", choices=[("fra", "Frankfurt Vault"), ("osl", "Oslo Recovery")])
    reason = forms.CharField(
        label="Reason", help_text="Kept in the issuing log.", widget=forms.Textarea(attrs={"rows": 3})
    )
    until_then = forms.ChoiceField(
        label="And until then",
        widget=forms.RadioSelect,
        choices=[("none", "No license file is installed"), ("ten", "License file #10 is installed in time")],
    )
    no_copy = forms.BooleanField(label="The site confirmed that no second copy is running")


@dataclass(frozen=True)
class _Product:
    name: str
    unit: str
    bought: int
    held: int
    used: int
    note: str = ""

    @property
    def left(self) -> int:
        return self.bought - self.held


def parts(request: HttpRequest) -> HttpResponse:
    return render(request, "parts.html", examples())


def examples() -> dict[str, Any]:
    """The page's context: what the base template needs, and one example of each thing."""
    return {
        **_frame(),
        "now": NOW,
        "states": CONTROL_ROOM_STATES,
        "other_states": OTHER_STATES,
        "refusal": _Refusal(
            "superseded",
            "This is request #11. Frankfurt Vault made a newer one, #12, on 2026-09-14 08:05 UTC.",
            "Upload frankfurt-vault-0012.lfr, or generate a newer request at the site.",
        ),
        "history": _Refusal(
            "history_does_not_match",
            "Oslo Recovery sent a second request #5. Its ledger does not contain the records that CALM saw.",
            "Ask the site: was osl-recovery-01 restored from a backup or copied, and when?",
            ("CALM saw 33,870 records, root 1426 3248 728e a7b2 …", "The site claims 32,961 records, 909 fewer."),
        ),
        "accepted": [
            ("Signed", "by this Control Room's key"),
            ("Newest", "request of the open cycle"),
            ("History continues", "from record 51,660 to 51,907"),
            ("Clock", "agrees within 2 seconds, never set back"),
        ],
        "checks": [
            ("", "Purchases in force cover the request", "ok"),
            ("", "Version is high enough", "ok"),
            ("", "No earlier request from this account", "plain"),
        ],
        "crumbs": [("Northwind Bank", "#northwind"), ("Control Rooms", "#rooms")],
        "digest": "18a1f1ee0aed73d384af14fd82ab008c6e84f45d8c329a44f5587332c936e04e",
        "dates": _dates(),
        "users": [
            _Product("Bot Creator", "people", 40, 32, 28),
            _Product("Attended Bot Runner", "people", 250, 240, 185, "4 come back when Singapore confirms"),
        ],
        "volumes": [
            _Product("Document Automation", "pages", 1_200_000, 1_150_000, 732_314),
            _Product("API Task concurrency", "seats", 20, 20, 12),
        ],
        "form": ExampleForm(initial={"quantity": 90, "valid_until": "2027-09-30", "site": "fra"}),
        "wrong": _wrong_form(),
        "chart": _chart(),
        "hours": charts.columns(
            [(f"{hour:02}:00", seats) for hour, seats in enumerate((3, 3, 2, 2, 2, 4, 9, 17, 24, 25, *[None] * 14))],
            title="Seats in use today, by hour",
            description="Most 25 of 28, at 09:00 UTC.",
            limit=28,
            running=True,
            label_every=6,
            height=120,
        ),
        "spark": charts.spark((12, 13, 22, 24, 8, 9, 24, 25, 26, 24, 11, 12, 26, 28, 27), limit=28),
        "pages": Paginator(range(412), 8).page(3),
        "plain": "License File Request   carnet-lfr, version 1\nrequest_id   0198f6b2-11d0-7e44-a0c2-5d9e3f7710aa\n"
        "usage  totals only     granted   in use   consumed\n  bot-creator               16       14          -",
    }


def _frame() -> dict[str, Any]:
    return {
        "side": "calm",
        "product": "CALM",
        "place": "License operations",
        "person": "operator-1",
        "person_note": "Operator",
        "person_menu": [_item("Two-factor sign-in", "key")],
        "sign_out_url": "#out",
        "menu": [
            {"items": [_item("Inbox", "inbox", count=8, current=True), _item("Accounts", "accounts")]},
            {"title": "Accountability", "items": [_item("Issuing log", "log"), _item("Keys", "key")]},
            {"title": "Set up", "items": [_item("Catalogue", "catalogue"), _item("Settings", "settings")]},
        ],
    }


def _item(label: str, icon: str, *, count: int | None = None, current: bool = False) -> dict[str, Any]:
    return {"label": label, "url": f"#{icon}", "icon": icon, "count": count, "current": current}


def _dates() -> dict[str, datetime]:
    def at(month: int, day: int, hour: int, minute: int) -> datetime:
        return datetime(2026, month, day, hour, minute, tzinfo=UTC)

    return {
        "install_by": at(9, 16, 8, 5),
        "requested": at(9, 14, 8, 5),
        "cycle_end": at(9, 18, 10, 20),
        "cycle_start": at(9, 11, 10, 20),
        "soon": at(9, 14, 15, 5),
        "gone": at(9, 13, 11, 48),
        "license_end": at(10, 8, 23, 59),
    }


def _wrong_form() -> ExampleForm:
    form = ExampleForm({"valid_until": "2028-01-31", "quantity": "80", "site": "fra", "reason": ""})
    form.add_error("valid_until", "Later than 2027-09-30, when the purchases end.")
    form.add_error("quantity", "6 too few. 86 people hold one at Frankfurt Vault, so the site would refuse it.")
    form.add_error(None, "Not issued: 2 values to correct. Nothing is changed.")
    return form


def _chart() -> charts.Columns:
    values = (9, 24, 24, 21, 22, 24, 11, 13, 24, 20, 24, 20, 26, 11, 10, 24, 21, 21, 28, 23, 12, 12, 23, 23, 25, 26, 28)
    days = [f"08-{day}" for day in range(16, 32)] + [f"09-{day:02}" for day in range(1, 15)]
    return charts.columns(
        list(zip(days, (*values, 9, 13, 26), strict=True)),
        title="Seats in use at the same time, by day",
        description="30 days to 2026-09-14. All 28 were in use on 2 days.",
        limit=28,
        limit_text="28 licensed",
        marks={"09-03": "1 refused", "09-11": "3 refused"},
        running=True,
    )
