"""The windows of a customer (E18): shown; vendor staff propose others; a second person confirms (A3)."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from carnet.calm.customers.windows import windows_of
from carnet.calm.people.access import Permission
from carnet.calm.portal.door import AuthorizedRequest, requires
from carnet.calm.portal.scope import account_of
from carnet.calm.use_cases import proposals
from carnet.calm.use_cases.windows import LABELS, said
from carnet.exchange.windows import MOST_STEPS, Windows
from carnet.web_kit.forms import Reason


class Steps(forms.CharField):
    """Falling whole numbers, as people type them: `48, 24, 4`."""

    def clean(self, value: Any) -> list[int]:
        parts = str(super().clean(value)).replace(",", " ").split()
        if len(parts) > MOST_STEPS or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
            raise forms.ValidationError(f"Write whole numbers, at most {MOST_STEPS}: 48, 24, 4.")
        return [int(part) for part in parts]


class NewWindows(Reason):
    """The bounds are the format's: `Windows` says them, and `ask` shows what it says."""

    def __init__(self, data: Any, was: Windows) -> None:
        super().__init__(data, initial={name: _typed(getattr(was, name)) for name in LABELS})
        for name, label in LABELS.items():
            self.fields[name] = _field(getattr(was, name), label)
        self.order_fields([*LABELS, "reason"])


def _typed(value: object) -> object:
    return said(value) if isinstance(value, tuple) else value


def _field(was: object, label: Any) -> forms.Field:
    if isinstance(was, tuple):
        return Steps(label=label, max_length=100)
    if isinstance(was, bool):
        return forms.BooleanField(required=False, label=label)
    return forms.IntegerField(label=label, min_value=0, max_value=100_000)


@requires(Permission.OPERATE, fresh=True)
@require_http_methods(["GET", "POST"])
def windows(request: AuthorizedRequest, account: str) -> HttpResponse:
    customer = account_of(request, account)
    form = NewWindows(request.POST or None, windows_of(customer))
    if request.method == "POST":
        asked = form.ask(
            lambda fields: proposals.propose_windows(
                request.calm,
                account=customer.id,
                changes={name: fields[name] for name in LABELS},
                reason=fields["reason"],
                **request.who,
            )
        )
        if asked:
            messages.success(request, "A second person must confirm it. Until then nothing is changed.")
            return redirect("confirmations")
    page = {"form": form, "account": customer, "account_id": customer.id}
    return render(request, "calm/vendor/windows.html", page, status=form.status)
