"""What every form of ours does with the answer of a use case."""

from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Any, TypeVar

from django import forms

from carnet import times
from carnet.errors import UsageError
from carnet.exchange.verdicts import Refusal

T = TypeVar("T")


class Asking(forms.Form):
    """A form whose answer may be a refusal: `refusal` then holds it, and the form keeps what was typed."""

    refusal: Refusal | None = None

    def ask(self, do: Callable[[dict[str, Any]], T | Refusal]) -> T | None:
        """The use case's answer; None where the form is not whole, or the answer is a refusal or a fault of usage."""
        if not self.is_valid():
            return None
        try:
            answer = do(self.cleaned_data)
        except UsageError as error:
            self.add_error(None, f"{error} {error.next_step}".strip())
            return None
        if isinstance(answer, Refusal):
            self.refusal = answer
            return None
        return answer

    @property
    def status(self) -> int:
        return 422 if self.refusal or self.errors else 200


class DayField(forms.DateField):
    """A day as people type it, 2027-09-30: its first moment, UTC."""

    widget = forms.DateInput(attrs={"placeholder": "2027-09-30", "inputmode": "numeric"}, format="%Y-%m-%d")

    def __init__(self, **options: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], **options)

    def clean(self, value: Any) -> datetime | None:
        day = super().clean(value)
        return datetime.combine(day, time(), UTC) if day else None


class EndField(forms.CharField):
    """Q1: an end as people type it: the first day that is too late, or `perpetual`."""

    widget = forms.TextInput(attrs={"placeholder": "2027-09-30"})

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", times.END_HELP)
        super().__init__(max_length=40, **options)

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        try:
            return times.read_end(text) if text else None
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class Reason(Asking):
    reason = forms.CharField(
        max_length=2000,
        label="Reason",
        help_text="Kept in the issuing log, and read by whom it concerns.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def clean_reason(self) -> str:
        return " ".join(str(self.cleaned_data["reason"]).split())
