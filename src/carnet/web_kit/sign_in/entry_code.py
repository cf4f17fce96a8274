"""The page where somebody types both halves of an entry code (A3), and then chooses a password."""

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.module_loading import import_string
from django.views.decorators.http import require_http_methods

WRONG = "These do not belong together, were used, or are older than a day. Ask the two people for new ones."


class EntryCode(forms.Form):
    name = forms.CharField(max_length=254, label="Your name or address, as you sign in")
    first = forms.CharField(max_length=64, label="First half", help_text="From the person who asked for it.")
    second = forms.CharField(max_length=64, label="Second half", help_text="From the person who confirmed it.")


@require_http_methods(["GET", "POST"])
def entry_code(request: HttpRequest) -> HttpResponse:
    """To the page that chooses a password. A name that nobody has is answered like a wrong half (A6).

    `settings.REDEEM_ENTRY_CODE` names the side's own `(request, name, first, second) → path, or None`.
    """
    form = EntryCode(request.POST or None)
    if request.method == "POST" and form.is_valid():
        path = import_string(settings.REDEEM_ENTRY_CODE)(request, **form.cleaned_data)
        if path:
            return redirect(path)
        form.add_error(None, WRONG)
    return render(request, "account/entry_code.html", {"form": form}, status=422 if form.errors else 200)
