"""What is supposed: a day, and which license file is installed until then."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from carnet.ui.forms import DayField

NOTHING, PREVIEW, FILE = "nothing", "preview", "file"
NOON = timedelta(hours=12)
_FARTHEST = timedelta(days=3660)


class Suppose(forms.Form):
    """`on`: seen at noon, UTC."""

    on = DayField(label=gettext_lazy("On this day"), help_text=gettext_lazy("Year-month-day, seen at 12:00 UTC"))
    then = forms.ChoiceField(
        choices=[(NOTHING, ""), (PREVIEW, ""), (FILE, "")], required=False, label=gettext_lazy("and until then")
    )

    def __init__(self, *given: Any, now: datetime, **more: Any) -> None:
        super().__init__(*given, **more)
        self._now = now

    def clean_on(self) -> datetime:
        day: datetime = self.cleaned_data["on"]
        if day > self._now + _FARTHEST:
            raise forms.ValidationError(_("Name a day of the next ten years."))
        return day + NOON
