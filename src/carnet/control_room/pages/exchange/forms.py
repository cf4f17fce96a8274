"""What is asked before a request is generated, and before a release."""

from typing import Any

from django import forms

from carnet.control_room.queries.status import Status
from carnet.exchange.license_file_request import RequestKind
from carnet.web_kit.forms import Asking

RENEWED = ("expiring", "grace", "expired")


class SizeField(forms.IntegerField):
    """A number of records as CALM prints it: 48,211."""

    widget = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})

    def to_python(self, value: Any) -> int | None:
        return super().to_python(value.replace(",", "").strip() if isinstance(value, str) else value)


class Generate(Asking):
    kind = forms.ChoiceField(label="What it is for", widget=forms.RadioSelect)
    since = SizeField(
        required=False,
        min_value=1,
        max_value=2**53,
        label="Show the history since record",
        help_text="The number that CALM named when it refused a request. Else leave it empty.",
    )
    new_keys = forms.BooleanField(
        required=False,
        label="Bring new keys for this Control Room",
        help_text="Signed by the old and the new. The new ones count from the next install on.",
    )
    with_license = forms.BooleanField(
        required=False,
        label="Carry the installed license file back, opened",
        help_text="Only where the vendor says that CALM was restored from a backup, and wants to see it.",
    )

    def __init__(self, status: Status, data: Any = None) -> None:
        super().__init__(data, auto_id="request-%s")
        field = self.fields["kind"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = _kinds(status)
        by_time = RequestKind.RENEWAL if status.state_by_time in RENEWED else None
        field.initial = by_time or field.choices[0][0]


def _kinds(status: Status) -> list[tuple[str, str]]:
    """What one would ask for, as things stand."""
    if status.installed is None:
        return [(RequestKind.INITIAL, "Initial: the first license")]
    return [
        (RequestKind.CHANGE, "Change: more, fewer or other products"),
        (RequestKind.RENEWAL, "Renewal: the same for another term"),
    ]


class Release(Asking):
    name = forms.CharField(
        max_length=200,
        label="Type the name of the Control Room",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, own: str, data: Any = None) -> None:
        super().__init__(data, auto_id="release-%s")
        self._own = own

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        if name != self._own:
            raise forms.ValidationError(f"This Control Room is called {self._own}.")
        return name


class Again(Asking):
    """A release that is generated once more (E11)."""

    since = SizeField(
        required=False,
        min_value=1,
        max_value=2**53,
        label="Show the history since record",
        help_text="The number that CALM named when it refused the release. Else leave it empty.",
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="again-%s")
